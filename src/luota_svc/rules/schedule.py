"""When a signal is expected, from when on one counts for it, and by when it must have come."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from luota_svc.model.monitors import MonitorSettings
from luota_svc.model.schedules import Expectation, Schedule
from luota_svc.rules.schedule_cron import instant_before, instants_after

# A line that does not come within this is as good as none.
HORIZON: Final = timedelta(days=3_653)


def schedule_of(settings: MonitorSettings) -> Schedule:
    """Return what a monitor's settings say about time."""
    return Schedule(
        cron=settings.schedule_cron,
        timezone=settings.schedule_timezone,
        interval_seconds=settings.interval_seconds,
        grace_seconds=settings.grace_seconds,
        early_tolerance_seconds=settings.early_tolerance_seconds,
    )


def next_expectation(
    schedule: Schedule, *, settled_until: datetime, last_heard_at: datetime | None
) -> Expectation | None:
    """Return the first expected instant that no signal covers; None without a schedule, or when it comes no more.

    `settled_until`: expected instants up to here are settled (judged, or before the monitor was made, resumed, or
    its schedule changed). `last_heard_at`: the newest signal that counts; it covers every instant before it, and
    those whose window it falls into. An interval slides from the later of the two.
    """
    begin = settled_until if last_heard_at is None else max(settled_until, last_heard_at)
    grace = timedelta(seconds=schedule.grace_seconds)
    if schedule.interval_seconds is not None:
        expected_at = begin + timedelta(seconds=schedule.interval_seconds)
        return Expectation(expected_at, begin, expected_at + grace)
    if last_heard_at is not None and schedule.early_tolerance_seconds is not None:
        # Whatever begins its window by then is covered: no need to walk from instant to instant.
        begin = max(begin, last_heard_at + timedelta(seconds=schedule.early_tolerance_seconds))
    expected_at_or_none = expected_after(schedule, begin)
    while expected_at_or_none is not None:
        expectation = expectation_at(schedule, expected_at_or_none)
        if last_heard_at is None or last_heard_at < expectation.covered_from:
            return expectation
        expected_at_or_none = expected_after(schedule, expected_at_or_none)
    return None


def covered_until(schedule: Schedule, *, settled_until: datetime, last_heard_at: datetime | None) -> datetime:
    """Return the last instant of a cron line before the one that is awaited, or where it is settled already.

    What a signal has counted for by these margins stays settled when they are others. An interval has only the one.
    """
    if schedule.cron is None or last_heard_at is None:
        return settled_until
    awaited = next_expectation(schedule, settled_until=settled_until, last_heard_at=last_heard_at)
    if awaited is None:
        return settled_until
    return instant_before(schedule.cron, schedule.timezone, awaited.expected_at, settled_until) or settled_until


def expectation_at(schedule: Schedule, expected_at: datetime) -> Expectation:
    """Return an expected instant of a cron line with its window and its deadline."""
    early = timedelta(seconds=_early_seconds(schedule, expected_at))
    return Expectation(expected_at, expected_at - early, expected_at + timedelta(seconds=schedule.grace_seconds))


def expected_after(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first expected instant strictly after an instant; of an interval, one interval later.

    None without a schedule, and for a cron line that does not come within the next ten years.
    """
    if schedule.interval_seconds is not None:
        return after + timedelta(seconds=schedule.interval_seconds)
    if schedule.cron is None:
        return None
    return next(instants_after(schedule.cron, schedule.timezone, after, after + HORIZON), None)


def expected_between(schedule: Schedule, start: datetime, end: datetime, most: int) -> list[datetime]:
    """Return a cron line's instants from `start` up to before `end`, the first `most` of them; none of an interval."""
    if schedule.cron is None:
        return []
    tick = timedelta(microseconds=1)
    return list(islice(instants_after(schedule.cron, schedule.timezone, start - tick, end - tick), most))


def _early_seconds(schedule: Schedule, expected_at: datetime) -> float:
    """Return how early a signal counts for an instant of a cron line."""
    if schedule.early_tolerance_seconds is not None:
        return schedule.early_tolerance_seconds
    assert schedule.cron is not None
    grace = schedule.grace_seconds
    # Only a gap of less than twice the grace makes it smaller, so no older instant needs to be found.
    since = expected_at - timedelta(seconds=2 * grace)
    before = instant_before(schedule.cron, schedule.timezone, expected_at, since)
    return grace if before is None else min(grace, (expected_at - before).total_seconds() / 2)
