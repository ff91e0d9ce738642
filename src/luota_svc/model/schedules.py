"""When signals are expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron line with its zone, or a sliding interval, or neither (on demand); with the margins around an instant.

    `early_tolerance_seconds` None means the default: the grace, at most half the gap to the instant before.
    """

    cron: str | None = None
    timezone: str = "UTC"
    interval_seconds: int | None = None
    grace_seconds: int = 300
    early_tolerance_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expected instant: a signal received at or after `covered_from` counts for it; all in UTC.

    `deadline_at` is `expected_at` plus the grace; what has not been heard by then is missed or late.
    """

    expected_at: datetime
    covered_from: datetime
    deadline_at: datetime
