"""How one environment value becomes one setting, and how it is shown again. Readers raise ValueError with a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from luota_svc.rules.address import Network, unmapped

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
MASK: Final = "***"
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
# The password ends at the last @ of the authority: one that holds an unescaped @ is still masked whole.
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^:/?#\s]*):([^\s]*)@")
_QUERY_PASSWORD: Final = re.compile(r"((?:password|passwd|sslpassword)=)([^&\s]*)", re.IGNORECASE)
_PORT_MAX: Final = 65_535


class Secret:
    """Text that no repr, str or format shows. `reveal` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep `text`."""
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; for the driver that needs it, never for a line that somebody reads."""
        return self._text

    def masked(self) -> str:
        """Return a URL without its password, and anything else as stars."""
        if "://" not in self._text:
            return MASK
        return _QUERY_PASSWORD.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", self._text))

    def passwords(self) -> list[str]:
        """Return a URL's passwords, as written and unescaped, so that logs can be scrubbed of them."""
        written = [found[2] for found in _URL_PASSWORD.finditer(self._text)]
        written += [found[2] for found in _QUERY_PASSWORD.finditer(self._text)]
        return [form for password in written if password for form in {password, unquote(password)}]

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a door listens: a host name or address (IPv6 without brackets) and a port; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def origin(self) -> str:
        """Return the http URL under which this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{Listen(host, self.port)}"


def show(value: Any) -> str:
    """Return a parsed value as an operator would write it, secrets masked; unset is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Secret):
        return value.masked()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def read_listen(text: str) -> Listen:
    """Read `host:port`, `:port` (every address) or `[::1]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > _PORT_MAX:
        raise ValueError("must be host:port, such as 0.0.0.0:8080")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("write an IPv6 address in brackets, such as [::]:8080")
    if any(letter.isspace() or letter in "/@" for letter in host):
        raise ValueError("must be host:port, such as 0.0.0.0:8080")
    return Listen(host or "0.0.0.0", int(port))  # noqa: S104 - what an empty host means, asked for by the operator


def read_url(*schemes: str) -> Callable[[str], Secret]:
    """Return a reader of URLs of these schemes; the value may hold a password and is kept as a secret."""

    def read(text: str) -> Secret:
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in schemes or not rest:
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if any(letter.isspace() for letter in text):
            raise ValueError("must not hold white space; escape it as %20")
        _check_port(text)
        return Secret(text)

    return read


def read_public_url(text: str) -> str:
    """Read the http(s) origin that people and jobs reach us under; a trailing slash is dropped."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL that begins with http:// or https:// and names a host")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be a plain origin, without user, query or fragment")
    _check_port(text)
    return text.rstrip("/")


def read_integer(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def read_networks(text: str) -> tuple[Network, ...]:
    """Read comma separated addresses and CIDR blocks; a block of IPv4 written as IPv6 is the IPv4 one."""
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(unmapped(ip_network(part)))
        except ValueError as error:
            raise ValueError(f"{part!r} is no address or CIDR block: {error}") from error
    return tuple(networks)


def read_log_level(text: str) -> str:
    """Read a level's name in any case."""
    level = text.lower()
    if level not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return level


def read_operator_token(text: str) -> Secret:
    """Read the first admin's token, as `luota-svc bootstrap` prints it."""
    if not re.fullmatch(r"wfop1\.[0-9A-Za-z-]{1,64}\.[0-9A-Za-z_-]{32,128}", text):
        raise ValueError("must hold one operator token: wfop1.<id>.<secret of at least 32 characters>")
    return Secret(text)


def read_encryption_keys(text: str) -> tuple[Secret, ...]:
    """Read comma separated Fernet keys, the one that encrypts first."""
    keys = [part.strip() for part in text.split(",") if part.strip()]
    if not all(re.fullmatch(r"[0-9A-Za-z_-]{42}[AEIMQUYcgkosw048]=", key) for key in keys):
        raise ValueError("must be 32 random bytes in base64url each, 44 characters that end in =, comma separated")
    if len(set(keys)) < len(keys):
        raise ValueError("names a key twice")
    return tuple(map(Secret, keys))


def _check_port(text: str) -> None:
    try:
        parts = urlsplit(text)
        # libpq takes several hosts, each with its port: postgresql://luota@one:5432,two:5432/luota
        for host in parts.netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
    except ValueError:
        # The library's sentence quotes the value, which may hold a password.
        raise ValueError("has no valid port; is a password not escaped?") from None
