"""RFC 8785 canonical JSON of what a packet may hold: texts, whole numbers, booleans, null, arrays and objects.

No fractions: their canonical spelling is the one hard part of the RFC, and nothing that a packet tells needs any. A
payload is a text. docs/packet.md says how anybody reproduces it; docs/adr/0022 why it is our own.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any, Final

# What a double holds exactly, which is all that JSON may promise of a number.
INTEGER_MAX: Final = 2**53 - 1

# Escapes what RFC 8785 escapes (quote, backslash, controls) as it escapes them, and leaves every other character.
_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def canonical_json(value: Any) -> str:
    """Return the one text of a value. ValueError for what has none here: a fraction, a number too large, other types.

    A lone surrogate is no text either: ValueError.
    """
    text = _encode(_ordered(value))
    text.encode()
    return text


def digest_of(value: Any) -> bytes:
    """Return the SHA-256 of a value's canonical text in UTF-8."""
    return hashlib.sha256(canonical_json(value).encode()).digest()


def _ordered(value: Any) -> Any:
    """Return the value with every object's names in the order of their UTF-16 code units."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise ValueError(f"{value} is beyond 2^53 - 1")
        return value
    if isinstance(value, dict):
        ordered: dict[str, Any] = {}
        for name in _in_order(tuple(value)):
            member = value[name]
            # An incident opens under its monitor's lock: what most members are is spared a call.
            ordered[name] = member if member is None or type(member) is str else _ordered(member)
        return ordered
    if isinstance(value, (list, tuple)):
        return [_ordered(member) for member in value]
    raise ValueError(f"{type(value).__name__} has no place in canonical JSON")


@lru_cache(maxsize=256)
def _in_order(names: tuple[str, ...]) -> list[str]:
    """Sort an object's names; packets have few sets of them."""
    try:
        plain = "".join(names).isascii()
    except TypeError as error:
        raise ValueError("an object's names are texts in canonical JSON") from error
    # Plain order differs from UTF-16's only where a character stands outside the first plane.
    return sorted(names) if plain else sorted(names, key=lambda name: name.encode("utf-16-be"))
