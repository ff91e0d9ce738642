"""What a schedule and its margins would have done over signals that were recorded."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Final, NamedTuple

from luota_svc.model.schedules import BackTest, Page, Schedule
from luota_svc.rules.schedule import HORIZON, expected_after, expected_between
from luota_svc.rules.schedule_cron import instant_before

PAGES_MAX: Final = 100

_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)


class _Span(NamedTuple):
    start: datetime
    end: datetime


class _Turn(NamedTuple):
    """One expected instant.

    `enough` is the least grace by which it would have been met, all up to the end if it never was. `heard_at` is the
    first signal after it; one from `over_at` on counts for the instant that follows.
    """

    expected_at: datetime
    early: bool
    enough: timedelta
    heard_at: datetime | None
    over_at: datetime


def back_test(
    schedule: Schedule, signals: Sequence[datetime], start: datetime, end: datetime, *, recovery_threshold: int = 1
) -> BackTest:
    """Judge recorded signals, sorted, as the sweep would have done from `start` to `end`.

    An instant after `start` whose window begins no earlier is looked at, and judged once its deadline has passed. An
    incident stands until `recovery_threshold` signals have come after the last deadline that passed; what is missed
    meanwhile adds to it. Pauses and our own outages are not known here.
    """
    grace = timedelta(seconds=schedule.grace_seconds)
    within = signals[bisect_left(signals, start) : bisect_right(signals, end)]
    turns = list(_turns(schedule, within, _Span(start, end)))
    judged = [turn for turn in turns if turn.expected_at + grace < end]
    broken = [turn for turn in judged if turn.enough > grace]
    pages = list(_pages(broken, within, grace, recovery_threshold))
    early = sum(turn.early for turn in judged)
    late = sum(_is_late(turn) for turn in broken)
    silent = any(turn.heard_at is None for turn in broken)
    enough = max((turn.enough for turn in turns), default=timedelta(0))
    return BackTest(
        start=start,
        end=end,
        signals=len(within),
        expected=len(judged),
        early=early,
        in_time=len(judged) - len(broken) - early,
        late=late,
        missed=len(broken) - late,
        page_count=len(pages),
        pages=tuple(pages[:PAGES_MAX]),
        smallest_grace_seconds=None if silent else ceil(enough / _SECOND),
    )


def _pages(
    broken: Sequence[_Turn], signals: Sequence[datetime], grace: timedelta, recovery_threshold: int
) -> Iterator[Page]:
    """Yield the incidents that would have opened: one for all that breaks until enough signals have come."""
    last_at: datetime | None = None
    for turn in broken:
        at = turn.expected_at + grace
        if last_at is None or bisect_right(signals, at) - bisect_right(signals, last_at) >= recovery_threshold:
            yield Page(at, turn.expected_at, _is_late(turn))
        last_at = at


def _is_late(turn: _Turn) -> bool:
    return turn.heard_at is not None and turn.heard_at < turn.over_at


def _turns(schedule: Schedule, signals: Sequence[datetime], span: _Span) -> Iterator[_Turn]:
    if schedule.interval_seconds is not None:
        grace, interval = timedelta(seconds=schedule.grace_seconds), timedelta(seconds=schedule.interval_seconds)
        for begin, heard_at in pairwise((span.start, *signals, None)):
            assert begin is not None
            yield from _turns_of_gap(interval, grace, begin, heard_at, span.end)
    elif schedule.cron is not None:
        yield from _turns_of_cron(schedule, schedule.cron, signals, span)


def _turns_of_gap(
    interval: timedelta, grace: timedelta, begin: datetime, heard_at: datetime | None, end: datetime
) -> Iterator[_Turn]:
    """Yield what an interval expects between two signals: a further instant for each deadline that passes."""
    over = heard_at or end
    expected_at = begin + interval
    while expected_at <= end:
        yield _Turn(expected_at, False, max(over - expected_at, timedelta(0)), heard_at, expected_at + interval)
        if expected_at + grace >= over:
            return
        expected_at += interval


def _turns_of_cron(schedule: Schedule, line: str, signals: Sequence[datetime], span: _Span) -> Iterator[_Turn]:
    instants = expected_between(schedule, span.start, span.end, ceil((span.end - span.start) / _MINUTE) + 1)
    if not instants:
        return
    first, last = instants[0], instants[-1]
    before = instant_before(line, schedule.timezone, first, first - HORIZON) or first - HORIZON
    following = expected_after(schedule, last) or last + HORIZON
    neighbours = zip((before, *instants), instants, (*instants[1:], following), strict=False)
    for before, instant, following in neighbours:
        reach = _reach(schedule, instant - before)
        covered_from = instant - _early(schedule, reach)
        if instant == span.start or covered_from < span.start:
            continue
        index = bisect_right(signals, instant)
        heard_at = signals[index] if index < len(signals) else None
        ahead = instant - signals[index - 1] if index else reach + _SECOND
        enough = (heard_at or span.end) - instant
        if ahead <= reach:
            enough = min(enough, timedelta(0) if schedule.early_tolerance_seconds is not None else ahead)
        over_at = following - _early(schedule, _reach(schedule, following - instant))
        early = timedelta(0) < ahead <= instant - covered_from
        yield _Turn(instant, early, enough, heard_at, over_at)


def _reach(schedule: Schedule, gap: timedelta) -> timedelta:
    """Return how early a signal may come at most, whatever the grace."""
    tolerance = schedule.early_tolerance_seconds
    return gap / 2 if tolerance is None else timedelta(seconds=tolerance)


def _early(schedule: Schedule, reach: timedelta) -> timedelta:
    """Return how early a signal may come with the schedule's own grace."""
    if schedule.early_tolerance_seconds is not None:
        return reach
    return min(reach, timedelta(seconds=schedule.grace_seconds))
