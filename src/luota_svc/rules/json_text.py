"""What both doors demand of JSON text beyond syntax: UTF-8, no U+0000, whole surrogate pairs, finite numbers, depth.

The HTTP decoder checks the grammar of every value, skipped ones included, but lets invalid UTF-8, the escape of U+0000
and numbers beyond a double through under keys that it skips. All checks here are linear and none recurses.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from itertools import accumulate, pairwise
from typing import Final

DEPTH_MAX: Final = 64

_NOT_UTF8: Final = "must be UTF-8"
_NUL: Final = "must not contain U+0000"
_SURROGATE: Final = "must not contain a lone surrogate"
DEPTH: Final = f"must be balanced and nested at most {DEPTH_MAX} deep"
_NUMBER: Final = "must not contain a number beyond the range of a double"
_SYNTAX: Final = "must be one JSON value"

# Sought where `\\` is blanked, so that every backslash begins an escape. A high surrogate must be followed by a low
# one, a low one preceded by a high one; both looks are of fixed width.
_BAD_ESCAPE: Final = re.compile(
    rb"\\u(?:(0000)|[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|[c-fC-F](?<!\\u[dD][89abAB]..\\u[dD].)))", re.DOTALL
)
# Six bytes as well: half a pair as UTF-8 would write it if that were allowed. A decoder skips them.
_LONE_SURROGATE: Final = re.compile(
    rb"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|[c-fC-F](?<!\\u[dD][89abAB]..\\u[dD].)..)", re.DOTALL
)
_HEX_ESCAPE: Final = re.compile(rb"\\u[0-9a-fA-F]{4}")
_SURROGATE_AS_UTF8: Final = re.compile(rb"\xed[\xa0-\xbf]")
_SKIPPED_SURROGATE: Final = b"\xed\xa0\x80" * 2
# Deeper than any batch of sound signals, shallower than any decoder gives up at.
_SKIPPED_DEPTH: Final = 100
_STEPS: Final = bytes({ord("["): 1, ord("{"): 1, ord("]"): 255, ord("}"): 255}.get(byte, 0) for byte in range(256))
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_BLANK: Final = b" " * 256
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def _balanced(depth: int) -> re.Pattern[bytes]:
    """Build the pattern of brackets nested at most `depth` deep. Atomic throughout: it never goes back."""
    pattern = b""
    for _ in range(depth):
        pattern = rb"(?>(?:\[" + pattern + rb"\])*)"
    return re.compile(pattern)


_NESTED: Final = _balanced(DEPTH_MAX)

# Below 1e308 whatever the digits say: only a number of three exponent digits or of very many digits can overflow.
# The first look is over a copy in which every digit is a 9, the second over what stands outside of strings.
_DIGITS: Final = bytes.maketrans(b"012345678E", b"999999999e")
_MANY_DIGITS: Final = b"9" * 200
_LARGE_NUMBER: Final = re.compile(
    rb"(?<![0-9.])(?:[0-9]++(?>(?:\.[0-9]++)?)[eE]\+?[0-9]{3,}|[0-9]{200,}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
)


def check_json_text(body: bytes) -> str | None:
    """Return what is wrong with a JSON text beyond its grammar, in words, or None.

    Safe on bytes that are no JSON at all: the decoder refuses those afterwards. Linear in the length, a few
    microseconds for a small body.
    """
    return check_unicode(body) or check_structure(body)


def check_unicode(body: bytes) -> str | None:
    """Return the problem of a text that is not UTF-8, or that holds U+0000 or half a surrogate pair, escaped or not."""
    if b"\0" in body:
        return _NUL
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            return _SURROGATE if _SURROGATE_AS_UTF8.match(body, error.start) else _NOT_UTF8
    if b"\\u" not in body:
        return None
    bad = _BAD_ESCAPE.search(body.replace(rb"\\", b"__"))
    if bad is None:
        return None
    return _NUL if bad[1] else _SURROGATE


def check_structure(body: bytes) -> str | None:
    """Return the problem of a text nested too deeply or with a number that no double can hold."""
    deep = body.count(b"[") + body.count(b"{") > DEPTH_MAX
    shapes = body.translate(_DIGITS)
    large = b"9e999" in shapes or b"9e+999" in shapes or _MANY_DIGITS in shapes
    if not (deep or large):
        return None
    # Something may be wrong, or stand in a string: look again without the strings.
    bare = _without_strings(body)
    if deep:
        brackets = bare.translate(_BRACKETS, _NO_BRACKETS)
        if _NESTED.fullmatch(brackets) is None:
            return DEPTH
    return _NUMBER if large and _overflows(bare) else None


def skippable(body: bytes) -> bytes:
    """Return the text with what stops a decoder even where it only skips taken out: lone surrogates, depth.

    It is as long as before, and every value that `check_json_text` refuses is refused still. For a text that has failed
    that check: costs up to 0.2 us a byte.
    """
    if body.count(b"[") + body.count(b"{") > _SKIPPED_DEPTH:
        body = _flattened(body)
    if b"\\u" not in body:
        return body
    kept = bytearray(body)
    for bad in _LONE_SURROGATE.finditer(body.replace(rb"\\", b"__")):
        if _HEX_ESCAPE.fullmatch(bad[0]):
            kept[bad.start() : bad.end()] = _SKIPPED_SURROGATE
    return bytes(kept)


def check_payload(payload: bytes) -> str | None:
    """Return what is wrong with a payload that came as bytes, or None: one JSON value, with all demands on a body."""
    problem = check_json_text(payload)
    if problem is not None:
        return problem
    try:
        # Integers as text: Python refuses to build those of more than 4,300 digits, and nobody reads them here.
        json.loads(payload.decode(), parse_int=str, parse_float=str, parse_constant=_refuse)
    except ValueError:
        return _SYNTAX
    return None


def _without_strings(body: bytes) -> bytes:
    """Drop what stands between quotes. In valid JSON a backslash stands nowhere else."""
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    return b'""'.join(body.split(b'"')[::2])


def _flattened(body: bytes) -> bytes:
    """Blank what is nested too deeply to be skipped; the brackets around it stay, and are too deep themselves."""
    parts = body.replace(rb"\\", b"__").replace(rb"\"", b"__").split(b'"')
    parts[1::2] = [part.translate(_BLANK) for part in parts[1::2]]
    depths = pairwise(accumulate(array("b", b'"'.join(parts).translate(_STEPS)), initial=0))
    deepest = _SKIPPED_DEPTH
    return bytes([32 if before > deepest < after else byte for byte, (before, after) in zip(body, depths, strict=True)])


def _overflows(bare: bytes) -> bool:
    """Tell whether one of the numbers is infinite as a double."""
    return math.inf in map(float, _LARGE_NUMBER.findall(bare))


def _refuse(constant: str) -> None:
    """Refuse NaN and the infinities, which Python's decoder would take."""
    raise ValueError(constant)
