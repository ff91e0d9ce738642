"""Where Luota may not send: addresses that lead into the operator's own network or to a cloud's credentials.

An explicit list, for `ipaddress.is_global` lets pass what leads inside: NAT64 and 6to4 of a private address, and more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import unquote

from luota_svc.rules.address import Address, Network, unmapped

ALLOWING_SETTING: Final = "LUOTA_DELIVERY_ALLOWED_SUBNETS"


class _Denied(NamedTuple):
    network: Network
    what: str


def _denied(what: str, *networks: str) -> tuple[_Denied, ...]:
    return tuple(_Denied(ip_network(network), what) for network in networks)


# No setting opens these: whoever reaches one is given the machine's credentials, or decides what it runs.
NEVER: Final = (
    *_denied("where clouds hand out credentials", "169.254.0.0/16", "fd00:ec2::254/128"),
    *_denied("where Alibaba Cloud hands out credentials", "100.100.100.200/32"),
    *_denied("where Azure steers its machines", "168.63.129.16/32"),
    *_denied("where Google Cloud hands out credentials", "fd20:ce::254/128"),
    *_denied("where Oracle Cloud hands out credentials", "192.0.0.192/32", "fd00:c1::a9fe:a9fe/128"),
    *_denied("where Scaleway hands out credentials", "fd00:42::42/128"),
    *_denied("where OpenStack hands out credentials", "fe80::a9fe:a9fe/128"),
)
DENIED: Final = (
    *_denied("this machine", "127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"),
    *_denied("a detour to IPv4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    *_denied("a private network", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    *_denied("a provider's inner network", "100.64.0.0/10"),
    *_denied("one link's own", "fe80::/10"),
    *_denied("groups of machines", "224.0.0.0/4", "ff00::/8"),
    *_denied("for documents", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    *_denied("for measuring", "198.18.0.0/15"),
    *_denied("reserved", "240.0.0.0/4", "192.0.0.0/24", "192.88.99.0/24", "100::/64", "2001::/23", "5f00::/16"),
)
# All that was ever given out to be reached from everywhere.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_COMPATIBLE: Final = IPv6Network("::/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
# What RFC 2765 calls IPv4-translated.
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
_LOOPBACK: Final = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
_LOOPBACK_NAMES: Final = {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}
_METADATA_NAMES: Final = {"metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
# Full stops that IDNA takes for one.
_DOTS: Final = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})


def opens_nothing(network: Network) -> str | None:
    """Return why allowing a network would be for nothing: no setting opens any address in it; None where one does."""
    inner = unmapped(network)
    for never, what in NEVER:
        if inner.network_address in never and inner.broadcast_address in never:
            return f"{network} lies within {never}, {what}: no setting allows that"
    return None


def refusal(address: str, allowed: Sequence[Network]) -> str | None:
    """Return why this address may not be dialled, naming the setting that would allow it; None where it may.

    An IPv4 address within an IPv6 one is judged too. Text that is no address is refused.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address[:100]} is no IP address"
    return _refusal(found, address, [unmapped(network) for network in allowed])


def host_refusal(host: str, allowed: Sequence[Network]) -> str | None:
    """Return why a URL's host may not be used, as far as that shows without looking it up; None where nothing does.

    Judged are addresses in any spelling that a library somewhere takes for one (`0x7f.1`, `2130706433`, digits of other
    scripts) and the names of this machine. Every other name is judged by where it leads, when that is dialled.
    """
    return _host_refusal(host, tuple(allowed))


# Before every attempt the few hosts that routes have are judged again.
@lru_cache(maxsize=1024)
def _host_refusal(host: str, allowed: tuple[Network, ...]) -> str | None:
    plain = _plain(host)
    networks = [unmapped(network) for network in allowed]
    try:
        return _refusal(ip_address(plain.partition("%")[0]), plain, networks)
    except ValueError:
        pass
    if plain in _METADATA_NAMES:
        return f"{plain} is where clouds hand out credentials: no setting allows that"
    if plain in _LOOPBACK_NAMES or plain.endswith(".localhost"):
        return next(filter(None, (_refusal(address, plain, networks) for address in _LOOPBACK)), None)
    return _number_refusal(plain, networks)


def _plain(host: str) -> str:
    """Undo what a URL library undoes: escapes, other scripts' digits and full stops, letters that are not seen."""
    text = unicodedata.normalize("NFKC", unquote(host).translate(_DOTS))
    seen = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return seen.strip().strip("[]").rstrip(".").lower()


def _refusal(address: Address, shown: str, allowed: Sequence[Network]) -> str | None:
    """Judge an address with all that it leads to: never comes first, then what is denied and not allowed."""
    leads_to = tuple(_leads_to(address))
    for found in leads_to:
        for network, what in NEVER:
            if found in network:
                return f"{shown} leads to {network}, {what}: no setting allows that"
    for found in leads_to:
        reason = _denial(found)
        if reason is not None and not any(found in network for network in allowed):
            return f"{shown} leads to {reason}: {ALLOWING_SETTING} would have to allow {found}"
    return None


def _denial(address: Address) -> str | None:
    for network, what in DENIED:
        if address in network:
            return f"{network}, {what}"
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return f"what is outside of {_GLOBAL_UNICAST}, reserved"
    return None


def _leads_to(address: Address) -> Iterator[Address]:
    """Give the address and every IPv4 address within it; of an IPv4-mapped one the IPv4 address alone."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    bits = int(address)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (address in _COMPATIBLE and bits > 1) or address in _NAT64 or address in _TRANSLATED:
        yield IPv4Address(bits & 0xFFFF_FFFF)
    if address in _LOCAL_NAT64:
        # Where it stands depends on the prefix that the network took (RFC 6052, 2.2): /48, /56, /64 or /96.
        yield from (_embedded(bits, prefix) for prefix in (48, 56, 64, 96))


def _embedded(bits: int, prefix: int) -> IPv4Address:
    """Return the IPv4 address after a NAT64 prefix of so many bits; the octet at bit 64 is no part of it."""
    octets = bits.to_bytes(16, "big")
    start = prefix // 8
    return IPv4Address(octets[12:] if prefix == 96 else (octets[:8] + octets[9:])[start : start + 4])


def _number_refusal(host: str, allowed: Sequence[Network]) -> str | None:
    """Refuse what `inet_aton` and browsers take for an IPv4 address: its last part is a number."""
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    address = _aton(parts)
    if address is None:
        return f"{host} is neither a name nor an address"
    return _refusal(address, host, allowed) or f"{host} is an odd way to write {address}: write that"


def _aton(parts: Sequence[str]) -> IPv4Address | None:
    """Read one to four numbers, each decimal, octal (`0177`) or hexadecimal; the last fills what is left."""
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *firsts, last = numbers
    left = 4 - len(firsts)
    if any(number > 255 for number in firsts) or last >= 256**left:
        return None
    return IPv4Address(bytes(firsts) + last.to_bytes(left, "big"))


def _number(text: str) -> int:
    if text[:2] in {"0x", "0X"}:
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text[0] == "0" else int(text)
