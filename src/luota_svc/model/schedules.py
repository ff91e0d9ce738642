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


@dataclass(frozen=True, slots=True)
class ExplainedInstant:
    """One expected instant as a reader wants it: by their own wall clock, with a reason where one is needed."""

    expectation: Expectation
    local_time: str
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is awaited now and why (nothing where `awaited` is None), and the instants that come."""

    awaited: ExplainedInstant | None
    awaited_reason: str
    instants: tuple[ExplainedInstant, ...]


@dataclass(frozen=True, slots=True)
class BackTest:
    """What a schedule and its margins would have done over recorded signals from `start` to `end`.

    `expected` instants were met early, in time or late, or missed. `page_count` incidents would have opened, the first
    of them at `pages`. `smallest_grace_seconds` would have opened none; None where no grace would, as far as is known.
    """

    start: datetime
    end: datetime
    signals: int
    expected: int
    early: int
    in_time: int
    late: int
    missed: int
    page_count: int
    pages: tuple[Page, ...]
    smallest_grace_seconds: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """An incident that would have opened at `at`, for what was expected at `expected_at`; late if heard after all."""

    at: datetime
    expected_at: datetime
    late: bool
