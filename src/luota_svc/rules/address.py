"""Which source address a request is charged to. A header decides nothing unless a trusted proxy wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What a peer without an address (a Unix socket, a cut connection) is called; such peers share one bucket.
UNKNOWN: Final = "unknown"

# No honest chain of proxies is longer. What stands further left was written by the client itself.
_HOPS_MAX: Final = 32
# "[" + the longest IPv6 + zone + "]:65535" fits; longer text is no address and is not worth a slot in the cache.
_TEXT_MAX: Final = 80
_BUCKET_BITS: Final = 64
_MAPPED_BITS: Final = 96


def unmapped(network: Network) -> Network:
    """Turn `::ffff:10.0.0.0/104` into `10.0.0.0/8`: addresses are unwrapped before they are compared."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        inner = network.network_address.ipv4_mapped
        if inner is not None:
            return IPv4Network((inner, network.prefixlen - _MAPPED_BITS))
    return network


def source_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the address that a request is charged to, or `unknown`.

    It is the peer's. Where the peer is a trusted proxy it is the right-most hop of `forwarded_for` (the values of
    X-Forwarded-For in the order received) that is not trusted itself. A hop that is no address ends the walk, and
    the last good one counts; so does the left-most when all are trusted. `peer` may carry a port, brackets, or
    gRPC's scheme. Trusted networks are `unmapped`.
    """
    if peer is None or len(peer) > _TEXT_MAX:
        return UNKNOWN
    known = _peer(peer)
    if known is None:
        return UNKNOWN
    address, shown = known
    if forwarded_for and trusted and _is_trusted(address, trusted):
        return str(_walk(address, forwarded_for, trusted))
    return shown


@lru_cache(maxsize=4096)
def bucket_address(address: str) -> str:
    """Return the name of an address' bucket: IPv4 and `unknown` as they are, IPv6 cut to its /64.

    One subscriber commonly holds a whole /64, so single addresses of it would be 2^64 buckets for one sender.
    """
    if ":" not in address:
        return address
    return str(IPv6Network((int(IPv6Address(address)) >> _BUCKET_BITS << _BUCKET_BITS, _BUCKET_BITS)))


def _walk(peer: Address, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> Address:
    """Walk from the proxy towards the client until a hop that we do not trust, or cannot read."""
    last_good = peer
    budget = _HOPS_MAX
    for value in reversed(forwarded_for):
        # One more cut than the budget leaves everything further left in one piece, which is never reached.
        for hop in reversed(value.rsplit(",", budget)):
            if budget == 0:
                return last_good
            budget -= 1
            text = hop.strip()
            if not text:
                continue  # an empty list member says nothing (RFC 9110, 5.6.1)
            address = _address_of(text)
            if address is None:
                return last_good
            last_good = address
            if not _is_trusted(address, trusted):
                return last_good
    return last_good


@lru_cache(maxsize=4096)
def _peer(peer: str) -> tuple[Address, str] | None:
    """Read a peer as uvicorn (`192.0.2.1`) or gRPC (`ipv4:192.0.2.1:5`, `ipv6:%5B::1%5D:5`) names it, and show it."""
    scheme, separator, rest = peer.partition(":")
    if separator and scheme in {"ipv4", "ipv6"}:
        peer = rest.replace("%5B", "[").replace("%5D", "]")
    address = _address_of(peer)
    return None if address is None else (address, str(address))


# Parsing costs more than the rest of the walk, and hops repeat; only hops that a trusted proxy passed on get here.
@lru_cache(maxsize=4096)
def _address_of(text: str) -> Address | None:
    """Read one address with or without brackets, port and zone; an IPv4-mapped IPv6 address is the IPv4 one."""
    if len(text) > _TEXT_MAX:
        return None
    if text.startswith("["):
        text, closing, port = text[1:].partition("]")
        if not closing or not (port == "" or (port[0] == ":" and _is_port(port[1:]))):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(port):
            return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
