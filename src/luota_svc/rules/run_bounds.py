"""Whether a run's duration kept its monitor's bounds. Only successes are measured: a failure's length says little."""

from __future__ import annotations

from enum import StrEnum


class Bounds(StrEnum):
    """How long a run took, against what its monitor allows."""

    INSIDE = "inside"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"


def measure(duration_ms: int, *, min_seconds: int | None, max_seconds: int | None) -> Bounds:
    """Compare a duration with its bounds, both of which are still inside."""
    if max_seconds is not None and duration_ms > max_seconds * 1_000:
        return Bounds.TOO_LONG
    if min_seconds is not None and duration_ms < min_seconds * 1_000:
        return Bounds.TOO_SHORT
    return Bounds.INSIDE
