"""What a receiver may repeat of a request and nobody may read: tokens in the URL, credentials in headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from yarl import URL

from luota_svc.providers.http_exchange import Reply

_MASK: Final = "***"
# A path such as /hooks is no secret, and neither is a word in it; a token is long, or holds digits.
_PATH_MIN: Final = 8
_TOKEN_MIN: Final = 8
_WORD_MAX: Final = 20
# The same few routes are told again and again.
_REMEMBERED: Final = 4_096


def secrets_of(target: URL, headers: Mapping[str, str], others: Sequence[str]) -> Sequence[str]:
    """Return every text that must not be seen in an answer, the longest first."""
    credentials = []
    for name, value in headers.items():
        if name.lower() in {"authorization", "proxy-authorization"}:
            credentials += [value, value.rpartition(" ")[2]]
    return _secrets_of(target, (*others, *credentials))


@lru_cache(_REMEMBERED)
def _secrets_of(target: URL, others: Sequence[str]) -> Sequence[str]:
    found = {other for other in others if other}
    wholes = {str(target), target.raw_path_qs, target.path_qs, target.raw_path, target.path}
    found |= {whole for whole in wholes if len(whole) >= _PATH_MIN}
    parts = [*target.raw_parts, *target.parts, *target.query.values()]
    found |= {part for part in parts if _is_token(part)}
    # As JSON may write a slash.
    found |= {text.replace("/", "\\/") for text in found}
    return tuple(sorted(found, key=len, reverse=True))


def hide(reply: Reply, secrets: Sequence[str]) -> Reply:
    """Return the reply with those texts masked, in headers too."""
    body, headers = reply.body, dict(reply.headers)
    said = "\n".join(headers.values())
    if not body and not any(secret in said for secret in secrets):
        return reply
    for secret in secrets:
        body = body.replace(secret.encode(errors="replace"), _MASK.encode())
        for name, value in headers.items():
            if secret in value:
                headers[name] = value.replace(secret, _MASK)
    return replace(reply, body=body, headers=headers)


def _is_token(text: str) -> bool:
    return len(text) >= _TOKEN_MIN and (len(text) > _WORD_MAX or any(letter.isdigit() for letter in text))
