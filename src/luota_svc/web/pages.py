"""What every page has: templates that escape, one style, one script, and headers that let nothing else in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

# Status, body, headers.
Answer = tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]
# Takes what the path captured.
Page = Callable[[dict[str, str]], Awaitable[Answer]]

_TEMPLATES: Final = Environment(
    loader=PackageLoader("luota_svc.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _text_of(name: str) -> str:
    return resources.files("luota_svc.web").joinpath("templates", name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Name an inline text as a Content-Security-Policy does: by its SHA-256."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


_STYLE: Final = _text_of("page.css")
_SCRIPT: Final = _text_of("page.js")
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(_STYLE)}",
        f"script-src {_source(_SCRIPT)}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", _POLICY.encode()),
)


def render(template: str, status: int = 200, **words: Any) -> Answer:
    """Return a template filled with words, all of them escaped, as the answer to a request."""
    page = _TEMPLATES.get_template(template).render(style=_STYLE, script=_SCRIPT, **words)
    return status, page.encode(), _HEADERS
