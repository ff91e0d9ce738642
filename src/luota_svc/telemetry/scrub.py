"""Takes secrets out of a line before anybody can read it. Linear time, on text of any shape; knows no rooms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER_VALUE: Final = (
    r"((?:authorization|x-luota-key|x-watchflow-key)[\\'\"]{0,4}\s{0,4}[:=,]\s{0,4}(?:b(?=['\"]))?[\\'\"]{0,4}"
    r"(?:(?:bearer|basic)\s{1,4})?)[^\s'\"\\,;)}\]]{1,4096}"
)
# No word boundaries: in a repr, a newline before a token reads as a backslash and an n.
# Every repetition is bounded, so that a hostile 64 KiB line costs a bounded multiple of its length.
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"wf(?:mn|ws|op)\d\.[\w.\-]{1,256}", "[redacted:token]"),
        (r"(://[^\s/:@'\"\\]{0,128}:)[^\s'\"\\]{1,512}@", r"\1***@"),
        (_HEADER_VALUE, r"\1[redacted:credential]"),
        (r"(bearer|basic)(\s{1,4})[\w.~+/=\-]{8,4096}", r"\1\2[redacted:credential]"),
        (r"(password|passwd|secret)(\s{0,4}=\s{0,4})[^\s'\"\\,;&)}\]]{1,512}", r"\1\2***"),
    )
)
# One of these stands in every text that a pattern could match; most lines have none and are done here.
_SUSPICIOUS: Final = re.compile(r"wf(?:mn|ws|op)|://|bearer|basic|authoriz|-key|passw|secret", re.IGNORECASE)
# The same of ASCII, for which looking for each word is ten times as quick as for a pattern of all.
_WORDS: Final = ("wfmn", "wfws", "wfop", "://", "bearer", "basic", "authoriz", "-key", "passw", "secret")
_KNOWN_LENGTH_MIN: Final = 6
_ESCAPED: Final = re.compile(r"[\"\\\x00-\x1f\x7f]")


def scrub(text: str) -> str:
    """Return `text` without Luota tokens, authorization values, URL passwords and password-like pairs."""
    if not _is_suspicious(text):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _is_suspicious(text: str) -> bool:
    if not text.isascii():
        return _SUSPICIOUS.search(text) is not None
    lower = text.lower()
    return any(word in lower for word in _WORDS)


class Scrubber:
    """Scrubs by shape, and by value: the secrets that this process was given are removed wherever they stand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Remember the secrets in hand; those under six characters would make words unreadable and are left out."""
        words = sorted({word for word in known if len(word) >= _KNOWN_LENGTH_MIN}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, words))) if words else None
        self._words = words
        # JSON writes these otherwise than they are.
        self._plain = not any(_ESCAPED.search(word) for word in words)

    def is_clean(self, line: str) -> bool:
        """Tell whether a whole line of JSON holds nothing to scrub in any of its texts, asked once for all of them.

        False where that can't be told. The JSON must leave what is not ASCII as it is.
        """
        return self._plain and not any(word in line for word in self._words) and not _is_suspicious(line)

    def scrub(self, text: str) -> str:
        """Return `text` without any secret, known or recognised."""
        if self._known is not None:
            text = self._known.sub("***", text)
        return scrub(text)
