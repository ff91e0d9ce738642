"""Why a signal is expected when it is, in words for somebody who was woken by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from luota_svc.model.schedules import Expectation, ExplainedInstant, Schedule
from luota_svc.rules.cron_text import plain_line
from luota_svc.rules.durations import in_words
from luota_svc.rules.schedule import HORIZON, expectation_at, next_expectation
from luota_svc.rules.schedule_cron import (
    follows_wall_clock,
    instant_before,
    instants_after,
    last_change,
    offset_of,
    wall_of,
    walls_between,
)

ON_DEMAND: Final = "no schedule: nothing is awaited"
BY_AGE: Final = "a freshness monitor is judged by its maxAgeSeconds"
NEVER: Final = "does not come within the next ten years"

_TICK: Final = timedelta(microseconds=1)
_NAMED_MAX: Final = 3


def explain_next(schedule: Schedule, start: datetime, count: int) -> tuple[ExplainedInstant, ...]:
    """Return the first `count` expected instants from `start` on; an interval's, as if each were met on time."""
    if schedule.interval_seconds is not None:
        return tuple(islice(_of_interval(schedule, start), count))
    if schedule.cron is None:
        return ()
    return tuple(islice(_of_cron(schedule, schedule.cron, start), count))


def explain_awaited(
    schedule: Schedule, *, settled_until: datetime, last_heard_at: datetime | None
) -> tuple[ExplainedInstant | None, str]:
    """Return what is awaited, None for nothing, and why it is this one."""
    awaited = next_expectation(schedule, settled_until=settled_until, last_heard_at=last_heard_at)
    if awaited is None:
        return None, ON_DEMAND if schedule.cron is None else NEVER
    if schedule.cron is None:
        shown = ExplainedInstant(awaited, _shown(schedule, awaited.expected_at), "")
        return shown, _why_of_interval(schedule, settled_until, last_heard_at)
    (shown,) = explain_next(schedule, awaited.expected_at, 1)
    return shown, _why_of_cron(schedule, schedule.cron, awaited, settled_until, last_heard_at)


def _why_of_interval(schedule: Schedule, settled_until: datetime, last_heard_at: datetime | None) -> str:
    begun = last_heard_at is not None and last_heard_at >= settled_until
    return f"{_heard(schedule, last_heard_at)}; the interval runs from " + (
        "then" if begun else _shown(schedule, settled_until)
    )


def _why_of_cron(
    schedule: Schedule, line: str, awaited: Expectation, settled_until: datetime, last_heard_at: datetime | None
) -> str:
    heard = _heard(schedule, last_heard_at)
    before = instant_before(line, schedule.timezone, awaited.expected_at, awaited.expected_at - HORIZON)
    covered = None if before is None else expectation_at(schedule, before)
    if last_heard_at is None or covered is None or last_heard_at < covered.covered_from:
        return f"{heard}; what was expected up to {_shown(schedule, settled_until)} is settled"
    text = f"{heard} counts for {_shown(schedule, covered.expected_at)}"
    if last_heard_at < covered.expected_at:
        return f"{text}: {words_of(covered.expected_at - covered.covered_from)} early tolerance"
    return f"{text}; for the next, signals count from {_shown(schedule, awaited.covered_from)} on"


def _heard(schedule: Schedule, last_heard_at: datetime | None) -> str:
    return "never heard" if last_heard_at is None else f"last heard {_shown(schedule, last_heard_at)}"


def words_of(span: timedelta) -> str:
    """Return a span as people say it: 1 h 30 min, 45 s."""
    return in_words(span, exact=True) if span else "no"


def _of_interval(schedule: Schedule, start: datetime) -> Iterator[ExplainedInstant]:
    reason = "slides from the last signal received; the ones that follow, if each is met on time"
    while True:
        expectation = next_expectation(schedule, settled_until=start, last_heard_at=None)
        assert expectation is not None
        yield ExplainedInstant(expectation, _shown(schedule, expectation.expected_at), reason)
        start, reason = expectation.expected_at, ""


def _of_cron(schedule: Schedule, line: str, start: datetime) -> Iterator[ExplainedInstant]:
    before = start - _TICK
    for instant in instants_after(line, schedule.timezone, before, start + HORIZON):
        reason = _reason(plain_line(line), schedule.timezone, before, instant)
        yield ExplainedInstant(expectation_at(schedule, instant), _shown(schedule, instant), reason)
        before = instant


def _reason(line: str, timezone: str, before: datetime, instant: datetime) -> str:
    """Return why an instant is not where the line alone would put it, "" where it is."""
    zone = ZoneInfo(timezone)
    change = last_change(zone, before, instant)
    skipped = "" if change is None else _skipped(line, zone, change, instant)
    return skipped or _repeated(line, zone, instant)


def _skipped(line: str, zone: ZoneInfo, change: datetime, instant: datetime) -> str:
    old, new = wall_of(change - _TICK, zone) + _TICK, wall_of(change, zone)
    walls = walls_between(line, old, new, _NAMED_MAX + 1)
    if not walls:
        return ""
    named = ", ".join(f"{wall:%H:%M}" for wall in walls[:_NAMED_MAX]) + (", ..." if len(walls) > _NAMED_MAX else "")
    text = f"{named} {'does' if len(walls) == 1 else 'do'} not exist on {old:%Y-%m-%d} in {zone.key}"
    if follows_wall_clock(line):
        return f"{text}; a line with a star in its minute or hour follows the clock and leaves them out"
    if instant == change:
        return f"{text}; runs at {instant.astimezone(zone).isoformat(timespec='minutes').partition('T')[2]}"
    return ""


def _repeated(line: str, zone: ZoneInfo, instant: datetime) -> str:
    local = instant.astimezone(zone)
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    if first == second or offset_of(instant, zone) != (second if local.fold else first):
        return ""
    text = f"{local:%H:%M} comes twice on {local:%Y-%m-%d} in {zone.key}"
    if follows_wall_clock(line):
        return f"{text}; this is the {'second' if local.fold else 'first'} time"
    return f"{text}; runs the first time only"


def _shown(schedule: Schedule, instant: datetime) -> str:
    return instant.astimezone(ZoneInfo(schedule.timezone)).isoformat(timespec="seconds")
