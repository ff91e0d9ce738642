"""Takes every piece of an Apprise URL out of what a service says: any of them may be its token."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from luota_svc.model.apprise_services import APPRISE_SERVICES

# Shorter ones are no secrets, and without them no sentence could be read.
_CHARACTERS_LEAST: Final = 4
_SEPARATORS: Final = re.compile(r"[/:@?&#=,;]")
MASK: Final = "***"


class Hidden:
    """The pieces of one URL, and of the proxy's, in the forms in which they travel."""

    def __init__(self, url: str, proxy_url: str | None = None) -> None:
        """Take the URL that a route holds; where it names a host of the operator's own, that stays readable."""
        forms: set[str] = set()
        for piece in _pieces(url):
            forms |= _forms(piece)
        if proxy_url is not None and "@" in proxy_url:
            userinfo = proxy_url.partition("://")[2].rpartition("@")[0]
            for piece in (userinfo, *userinfo.split(":")):
                forms |= _forms(piece)
        kept = sorted((form for form in forms if len(form) >= _CHARACTERS_LEAST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, kept)), re.IGNORECASE) if kept else None

    def out_of(self, text: str) -> str:
        """Return the text without any of the pieces."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _pieces(url: str) -> Iterator[str]:
    scheme, separator, rest = url.partition("://")
    if not separator:
        yield scheme
        return
    authority, _, tail = rest.partition("/")
    authority, _, options = authority.partition("?")
    userinfo, _, host = authority.rpartition("@")
    if not _is_host(scheme, host):
        yield from (host, *host.split(":"))
    yield from (userinfo, *userinfo.split(":"))
    path, _, query = tail.partition("?")
    yield path
    yield from _SEPARATORS.split(path)
    for option in (query or options).split("&"):
        # What an option is called is everybody's; the masking of `verify` would hide what to do.
        value = option.partition("=")[2] or option
        yield value
        yield from _SEPARATORS.split(value)


def _is_host(scheme: str, place: str) -> bool:
    """Tell whether a host stands in its place: many services have a token there, and that may have dots and a colon."""
    service = APPRISE_SERVICES.get(scheme.lower())
    name = place.partition(":")[0]
    return service is not None and service.self_hosted and ("." in name or name == "localhost" or place.startswith("["))


def _forms(piece: str) -> set[str]:
    """Return how a piece may stand in a reply: as written, unescaped, escaped, and as a Basic login."""
    plain = {piece, unquote(piece), unquote_plus(piece)}
    logins = {base64.b64encode(form.encode(errors="replace")).decode().rstrip("=") for form in plain if ":" in form}
    return plain | logins | {quote(form, safe="") for form in plain}
