"""The bounds of a maintenance window, told all at once, and how one stands at an instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from luota_svc.model.errors import FieldProblem
from luota_svc.model.maintenance import MaintenanceWindow, WindowSettings, WindowState, WindowTimes
from luota_svc.rules.cron_text import cron_problem
from luota_svc.rules.monitor_settings import tag_problems, timezones
from luota_svc.rules.quiet import next_start, span_at

COMMENT_MAX: Final = 1_000
MONITORS_MAX: Final = 500
# Forgetting to end one must not keep a workspace quiet for ever.
LONGEST: Final = timedelta(days=31)
_SHORTEST_SECONDS: Final = 60
# How many starts of a cron line are asked whether the next one comes before the window has ended. Where a clock that is
# moved makes one gap shorter than the others, two windows run together, which does no harm.
_STARTS_ASKED: Final = 50


class Standing(NamedTuple):
    """How a window stands, and when it next begins and next ends."""

    state: WindowState
    next_starts_at: datetime | None
    next_ends_at: datetime | None


def window_problems(settings: WindowSettings, now: datetime) -> list[FieldProblem]:
    """Return every problem of a window's settings, in the order of the fields; none if they can be kept."""
    return [
        *_scope_problems(settings),
        *_times_problems(settings.times, now),
        *_comment_problems(settings.comment),
    ]


def standing(window: MaintenanceWindow, now: datetime) -> Standing:
    """Return how a window stands at an instant."""
    if window.cancelled_at is not None:
        return Standing(WindowState.CANCELLED, None, None)
    times = window.settings.times
    active = span_at(times, now)
    starts_at = next_start(times, now)
    if active is not None:
        return Standing(WindowState.ACTIVE, starts_at, active.ends_at)
    if starts_at is None:
        return Standing(WindowState.PAST, None, None)
    upcoming = span_at(times, starts_at)
    assert upcoming is not None
    return Standing(WindowState.UPCOMING, starts_at, upcoming.ends_at)


def _scope_problems(settings: WindowSettings) -> Iterator[FieldProblem]:
    scope = settings.scope
    if scope.monitor_ids and scope.tags:
        yield FieldProblem("tags", "must not be set together with monitorIds: make two windows")
    if len(scope.monitor_ids) > MONITORS_MAX:
        yield FieldProblem("monitorIds", f"must name at most {MONITORS_MAX} monitors: use tags")
    yield from tag_problems(scope.tags)


def _times_problems(times: WindowTimes, now: datetime) -> Iterator[FieldProblem]:
    once = times.starts_at is not None or times.ends_at is not None
    if times.cron is None:
        if times.duration_seconds is not None:
            yield FieldProblem("durationSeconds", "must be set together with cron only")
        if not once:
            yield FieldProblem("startsAt", "is required together with endsAt, or cron together with durationSeconds")
        else:
            yield from _once_problems(times, now)
    else:
        if once:
            yield FieldProblem("cron", "must not be set together with startsAt and endsAt")
        yield from _cron_problems(times, now)
    if times.timezone not in timezones():
        yield FieldProblem("timezone", "must be an IANA time zone such as Europe/Helsinki")


def _once_problems(times: WindowTimes, now: datetime) -> Iterator[FieldProblem]:
    if times.starts_at is None:
        yield FieldProblem("startsAt", "is required together with endsAt")
    if times.ends_at is None:
        yield FieldProblem("endsAt", "is required together with startsAt")
        return
    if times.ends_at <= now:
        yield FieldProblem("endsAt", "must be in the future")
    if times.starts_at is None:
        return
    if times.ends_at <= times.starts_at:
        yield FieldProblem("endsAt", "must be after startsAt")
    elif times.ends_at - times.starts_at > LONGEST:
        yield FieldProblem("endsAt", f"must be at most {LONGEST.days} days after startsAt")


def _cron_problems(times: WindowTimes, now: datetime) -> Iterator[FieldProblem]:
    assert times.cron is not None
    problem = cron_problem(times.cron)
    if problem is not None:
        yield FieldProblem("cron", problem)
    seconds = times.duration_seconds
    longest = int(LONGEST.total_seconds())
    if seconds is None:
        yield FieldProblem("durationSeconds", "is required together with cron")
    elif not _SHORTEST_SECONDS <= seconds <= longest:
        yield FieldProblem("durationSeconds", f"must be {_SHORTEST_SECONDS} to {longest}")
    elif problem is None and times.timezone in timezones():
        yield from _gap_problems(times, seconds, now)


def _gap_problems(times: WindowTimes, seconds: int, now: datetime) -> Iterator[FieldProblem]:
    """Refuse a line that always comes again before its window has ended: such a window would never end."""
    start = next_start(times, now)
    if start is None:
        yield FieldProblem("cron", "does not come within the next ten years")
        return
    for _ in range(_STARTS_ASKED):
        following = next_start(times, start)
        if following is None or (following - start).total_seconds() > seconds:
            return
        start = following
    yield FieldProblem("durationSeconds", "must be shorter than the time from one start to the next")


def _comment_problems(comment: str) -> Iterator[FieldProblem]:
    if not 1 <= len(comment) <= COMMENT_MAX:
        yield FieldProblem("comment", f"must be 1 to {COMMENT_MAX} characters")
    elif not comment.strip():
        yield FieldProblem("comment", "must not be blank")
