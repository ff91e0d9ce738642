"""Takes secrets out of evidence before it is kept. What is recognised stands in secret_patterns and card_number.

Every secret becomes `[redacted:<kind>]`, so that the reader sees that there was one and of which kind. Text without any
hint of a secret is returned as it is, the same object, after a few cheap looks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from luota_svc.rules import card_number
from luota_svc.rules.secret_patterns import CONTEXTS, RUN_MIN, TOKENS, Shape

# Secrets taken out, by kind.
Counts = Mapping[str, int]
NOTHING: Final[Counts] = MappingProxyType({})

_WORD_RUN: Final = b"w" * RUN_MIN
_WORDS: Final = bytes(
    ord("w") if (chr(byte).isalnum() and byte < 128) or byte in b"_.-/+=" else ord(" ") for byte in range(256)
)
# One of these, in lower case, stands in every text that a context gives away (`private key` has a `key`, and so on);
# that they cover the hints of all contexts is tested.
CONTEXT_HINTS: Final = (
    *("://", "passw", "passphrase", "pwd", "secret", "key", "token", "credential", "authorization", "bearer", "basic"),
    *("sig=", "signature=", "--"),
)
_TOKEN_HINTS: Final = tuple({hint for shape in TOKENS for hint in shape.hints})
# The shortest is `pwd=x`.
_LENGTH_MIN: Final = 5

# One string literal; group 2 says that it is a key (and whether an array begins), group 3 that an array goes on.
_LITERAL: Final = re.compile(r'"((?>(?:[^"\\]++|\\.)*))"(?:(\s*+:\s*+(?:\[\s*+)?)|(\s*+,\s*+))?')
_NAME_NOISE: Final = str.maketrans("", "", "_-. ")
_PASSWORD_ENDS: Final = ("password", "passwd", "passphrase", "pwd")
_SECRET_ENDS: Final = (
    *("secret", "token", "apikey", "accesskey", "secretkey", "privatekey", "accountkey", "signingkey"),
    *("encryptionkey", "masterkey", "authorization", "credential", "credentials", "luotakey", "watchflowkey"),
)
_PLAIN_WORDS: Final = frozenset({"", "true", "false", "null", "none"})


def redact_text(text: str) -> tuple[str, Counts]:
    """Return text without secrets, and how many were taken out, by kind. Linear time."""
    return _redact(text) if _suspicious(text) else (text, NOTHING)


def redact_tags(tags: Mapping[str, str]) -> tuple[Mapping[str, str], Counts]:
    """Return tags without secrets in their values, and counts; keys stay. A tag named `password` loses its value."""
    # One look at all of them: a line end between two neither makes nor hides a hint.
    if not _suspicious("\n".join((*tags, *tags.values()))):
        return tags, NOTHING
    counts: dict[str, int] = {}
    clean = {key: _redact_under(key, value, counts) for key, value in tags.items()}
    return (clean, counts) if counts else (tags, NOTHING)


def redact_json(text: str) -> tuple[str, Counts]:
    """Return JSON text without secrets in its string values, and counts. Linear time.

    Only literals that change are written anew; all else stays as sent, byte for byte, numbers and keys included. A
    string under a key such as `password` is taken out whole, in an array under one, too. `text` must be valid JSON.
    """
    # An escape can hide a letter of a hint, and the slash of a URL.
    if not ("\\u" in text or "\\/" in text or _suspicious(text)):
        return text, NOTHING
    walk = _JsonWalk()
    clean = _LITERAL.sub(walk.literal, text)
    return (clean, walk.counts) if walk.counts else (text, NOTHING)


class _JsonWalk:
    """Goes from string literal to string literal and remembers which key the next one stands under."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._key = ""
        self._key_reaches = -1

    def literal(self, match: re.Match[str]) -> str:
        """Return what one literal becomes."""
        raw, key_mark, comma = match.groups()
        if key_mark is not None:
            self._key = _decoded(raw)
            self._in_array = key_mark.rstrip().endswith("[")
            self._key_reaches = match.end()
            return match[0]
        under = self._key if self._key_reaches == match.start() else ""
        if under and comma is not None and self._in_array:
            self._key_reaches = match.end()
        value = _decoded(raw)
        clean = _redact_under(under, value, self.counts)
        return match[0] if clean is value else json.dumps(clean, ensure_ascii=False) + (comma or "")


def _redact_under(key: str, value: str, counts: dict[str, int]) -> str:
    """Return the value that stands under `key` without its secrets, the same object if there is none; count them."""
    kind = _kind_of_name(key) if key else None
    if kind is not None and value.lower() not in _PLAIN_WORDS and not (kind == "password" and value[0] in "/~"):
        if value.startswith("[redacted:"):
            return value
        counts[kind] = counts.get(kind, 0) + 1
        return f"[redacted:{kind}]"
    clean, found = redact_text(value)
    for found_kind, count in found.items():
        counts[found_kind] = counts.get(found_kind, 0) + count
    return clean


def _kind_of_name(name: str) -> str | None:
    """Return which kind of secret a name announces: `db_password`, `X-Api-Key`, `secretAccessKey`; else None."""
    bare = name.lower().translate(_NAME_NOISE)
    if bare.endswith(_PASSWORD_ENDS):
        return "password"
    return "secret" if bare.endswith(_SECRET_ENDS) else None


def _decoded(raw: str) -> str:
    if "\\" not in raw:
        return raw
    decoded: str = json.loads(f'"{raw}"')
    return decoded


def _suspicious(text: str) -> bool:
    """Tell whether any pattern could match; a few cheap looks, no pattern is run."""
    if len(text) < _LENGTH_MIN:
        return False
    lowered = text.lower()
    for hint in CONTEXT_HINTS:
        if hint in lowered:
            return True
    octets = text.encode(errors="replace")
    return card_number.may_hold(octets) or (_has_long_word(octets) and any(hint in lowered for hint in _TOKEN_HINTS))


def _has_long_word(octets: bytes) -> bool:
    """Tell whether an unbroken word is long enough to be a token. `find`, for `in` is several times slower on bytes."""
    return octets.translate(_WORDS).find(_WORD_RUN) >= 0


def _redact(text: str) -> tuple[str, Counts]:
    """Run the patterns whose hint stands in the text, those that know most first."""
    counts: dict[str, int] = {}
    lowered = text.lower()
    octets = text.encode(errors="replace")
    for shape in (*TOKENS, *CONTEXTS) if _has_long_word(octets) else CONTEXTS:
        for hint in shape.hints:
            if hint in lowered:
                text = _apply(shape, text, counts)
                break
    if card_number.may_hold(octets):
        text, found = card_number.redact(text)
        if found:
            counts[card_number.KIND] = found
    return text, counts or NOTHING


def _apply(shape: Shape, text: str, counts: dict[str, int]) -> str:
    """Replace every match of one shape; count only what was replaced."""
    marker = f"[redacted:{shape.kind}]"
    accepts = shape.accepts
    replaced = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal replaced
        if accepts is not None and not accepts(match[2]):
            return match[0]
        replaced += 1
        return (match[1] if shape.pattern.groups else "") + marker

    text = shape.pattern.sub(replacement, text)
    if replaced:
        counts[shape.kind] = counts.get(shape.kind, 0) + replaced
    return text
