"""The URLs that an operator may let us call: what is wrong with one, and what people may see of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit

import idna

_URL_MAX: Final = 2_048
_HOST_MAX: Final = 253
_LABEL: Final = re.compile(r"[0-9a-z_]([0-9a-z_-]{0,61}[0-9a-z_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FOUR_NUMBERS: Final = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
# Of a path that is shorter, its end would be too much of it.
_TAIL_OF: Final = 12
_TAIL: Final = 4


def url_problems(
    url: str, *, allow_http: bool = False, host_refusal: Callable[[str], str | None] = lambda _: None
) -> Iterator[str]:
    """Yield everything that speaks against calling a URL, as predicates that show nothing behind its host.

    `host_refusal` says why a host may not be reached, as far as its name or literal address tells.
    """
    if not url:
        yield "is required"
        return
    if len(url) > _URL_MAX:
        yield f"must be at most {_URL_MAX} characters"
        return
    if not url.isprintable() or any(letter.isspace() or letter == "\\" for letter in url):
        yield "must be one URL without white space and backslashes; escape them as %20 and %5C"
        return
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield "has no valid host or port"
        return
    yield from _scheme_problems(parts.scheme, allow_http=allow_http)
    if parts.username is not None:
        yield "must not hold a name or password before the host"
    if port == 0:
        yield "has no valid port"
    if problem := _host_problem(parts.hostname or "", host_refusal):
        yield problem
    if "#" in url:
        yield "must not hold a # part, which is never sent"
    if not (parts.path + parts.query).isascii():
        yield "must be escaped behind the host: ä is %C3%A4"


def masked_url(url: str, *, tail: bool) -> str:
    """Return `https://host/…` for people's eyes: with `tail`, and the end of a path that is long enough."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    rest = url.removeprefix(f"{parts.scheme}://{parts.netloc}").strip("/")
    if not rest:
        return f"{origin}/"
    return f"{origin}/…{rest[-_TAIL:]}" if tail and len(rest) >= _TAIL_OF else f"{origin}/…"


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what a browser would call the same origin."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or default


def _scheme_problems(scheme: str, *, allow_http: bool) -> Iterator[str]:
    if scheme == "http" and not allow_http:
        yield "must begin with https://; plain http is for installations that set LUOTA_DELIVERY_ALLOW_HTTP"
    elif scheme not in {"https", "http"}:
        yield "must begin with https://"


def _host_problem(host: str, refusal: Callable[[str], str | None]) -> str | None:
    if not host:
        return "must name a host"
    if ":" in host:
        return refusal(host) if _is_ipv6(host) else "has no valid host"
    name = host.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            return "has a host that is no domain name"
    # Odd spellings of an address are the refusal's to explain, where it has something to say.
    if (reason := refusal(host)) is not None:
        return reason
    labels = name.split(".")
    if len(name) > _HOST_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        return "has a host that is no domain name"
    if _NUMBER.fullmatch(labels[-1]) and not _FOUR_NUMBERS.fullmatch(name):
        return "has a host that is no address: write four numbers, such as 192.0.2.1"
    return None


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False
