"""Whether a route may name this Apprise URL. What it reaches is judged again when it is sent, at the very address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from luota_svc.model.apprise_services import APPRISE_SERVICES, OWN_KINDS

_CHARACTERS_MAX: Final = 4_096
_SCHEME: Final = re.compile(r"([A-Za-z0-9]{1,32})://.")
# The library looks at no more than two letters of a word.
_NO: Final = frozenset({"no", "n", "ne", "f", "fa", "0", "of", "de", "di"})
_FORMS: Final = "jsons://host/path, ntfys://topic or tgram://token/chat"


def apprise_refusal(
    url: str,
    *,
    allow_http: bool = False,
    host_refusal: Callable[[str], str | None] = lambda _: None,
) -> str | None:
    """Return why a route can't have this URL, in one sentence without any part of it but its scheme; None where it can.

    `host_refusal` is asked about a host that is the operator's own to name. Services that are not ours to reach (the
    desktop, files, other protocols than HTTP) are refused; `allow_http` lets those without TLS pass.
    """
    if len(url) > _CHARACTERS_MAX:
        return f"is longer than {_CHARACTERS_MAX} characters"
    if not url.isprintable() or any(letter.isspace() for letter in url):
        return "must be one URL without white space; escape it as %20"
    found = _SCHEME.match(url)
    if found is None:
        return f"must be an Apprise URL, such as {_FORMS}"
    scheme = found[1].lower()
    if scheme in OWN_KINDS:
        return f"is one that Luota tells itself: use a route of kind {OWN_KINDS[scheme]}"
    if scheme in {"http", "https"}:
        return f"must be an Apprise URL, such as {_FORMS}; for an https URL use a route of kind webhook"
    service = APPRISE_SERVICES.get(scheme)
    if service is None:
        return f"begins with {scheme}://, which is not among the services that can be told from here"
    if service.over_tls is not None and not allow_http:
        return f"would be sent without TLS: write {service.over_tls}:// in place of {scheme}://"
    try:
        parts = urlsplit(url)
        host, options = parts.hostname, parse_qsl(parts.query)
    except ValueError:
        return "is no URL: is something in it not escaped?"
    if any(name.strip().lower() == "verify" and value.strip().lower()[:2] in _NO for name, value in options):
        return "must not hold verify=no: its token would be given to whoever stands in between"
    if service.self_hosted and host:
        return host_refusal(host)
    return None
