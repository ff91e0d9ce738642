"""How a span of time is said to people."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_NO_SECONDS_FROM: Final = 600


def in_words(span: timedelta | float, *, exact: bool = False) -> str:
    """Return a span, or seconds, as people say it: `2 h 13 min`, `45 s`; never negative.

    Two units at most, no seconds from ten minutes on, and the rest is let go of; `exact` says all, for a setting that
    must be read as it is.
    """
    seconds = max(0, round(span.total_seconds() if isinstance(span, timedelta) else span))
    if not exact and seconds >= _NO_SECONDS_FROM:
        seconds -= seconds % 60
    largest = next((place for place, (_, size) in enumerate(_UNITS) if seconds >= size), len(_UNITS) - 1)
    parts = []
    for unit, size in _UNITS[largest:] if exact else _UNITS[largest : largest + 2]:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts) or "0 s"
