"""When a monitor is quiet: judged, and told to nobody. A mute and maintenance windows that touch are one quiet time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from luota_svc.model.maintenance import Quietable, QuietWindow, Span, WindowScope, WindowTimes
from luota_svc.model.schedules import Schedule
from luota_svc.rules.schedule import expected_after
from luota_svc.rules.schedule_cron import instant_before

# How many spans are followed at most from one instant. Whoever looks again at the end that was found goes on from
# there, so a quiet time may be longer; only the look may not be.
JOINS_MAX: Final = 100
_TICK: Final = timedelta(microseconds=1)


def quiet_until(
    monitor: Quietable, windows: Iterable[QuietWindow], at: datetime, *, began_at: datetime | None = None
) -> datetime | None:
    """Return when the quiet time that a monitor is in at an instant ends; None where it is not quiet.

    `began_at`: what is judged concerns a run that began then. Windows that began after it are not meant for it, and
    neither are those that run on from them; a mute is meant for everything.
    """
    covering = [window.times for window in windows if covers(window, monitor)]
    end = at if monitor.muted_until is None else max(at, monitor.muted_until)
    for _ in range(JOINS_MAX):
        spans = [span for times in covering if (span := span_at(times, end)) is not None]
        if began_at is not None:
            spans = [span for span in spans if _joined_start(covering, span.starts_at) <= began_at]
        if not spans:
            break
        end = max(span.ends_at for span in spans)
    return end if end > at else None


def covers(window: QuietWindow, monitor: Quietable) -> bool:
    """Tell whether a window is about a monitor."""
    return window.workspace_id == monitor.workspace_id and in_scope(window.scope, monitor)


def in_scope(scope: WindowScope, monitor: Quietable) -> bool:
    """Tell whether a scope takes a monitor in: by its id, by all of its tags, or because it names neither."""
    if scope.monitor_ids:
        return monitor.id in scope.monitor_ids
    return scope.tags.items() <= monitor.tags.items()


def span_at(times: WindowTimes, at: datetime) -> Span | None:
    """Return the span of a window that an instant lies in; of two that overlap, the later one."""
    if times.cron is None:
        assert times.starts_at is not None
        assert times.ends_at is not None
        return Span(times.starts_at, times.ends_at) if times.starts_at <= at < times.ends_at else None
    return _last_span(times, at, at)


def next_start(times: WindowTimes, after: datetime) -> datetime | None:
    """Return when a window next begins after an instant; None where it does not any more."""
    if times.cron is None:
        return times.starts_at if times.starts_at is not None and times.starts_at > after else None
    return expected_after(Schedule(cron=times.cron, timezone=times.timezone), after)


def _joined_start(windows: Sequence[WindowTimes], start: datetime) -> datetime:
    """Return when the windows began that run together up to a window's start."""
    for _ in range(JOINS_MAX):
        befores = [span.starts_at for times in windows if (span := _span_up_to(times, start)) is not None]
        if not befores:
            break
        start = min(befores)
    return start


def _span_up_to(times: WindowTimes, at: datetime) -> Span | None:
    """Return the last span that began before an instant and reaches it."""
    if times.cron is None:
        assert times.starts_at is not None
        assert times.ends_at is not None
        return Span(times.starts_at, times.ends_at) if times.starts_at < at <= times.ends_at else None
    return _last_span(times, at - _TICK, at - _TICK)


def _last_span(times: WindowTimes, at: datetime, beyond: datetime) -> Span | None:
    """Return the span of the cron line's last instant up to one instant, if it ends after another."""
    assert times.cron is not None
    assert times.duration_seconds is not None
    minute = at.replace(second=0, microsecond=0)
    begin = _last_start(times.cron, times.timezone, times.duration_seconds, minute)
    if begin is None:
        return None
    end = begin + timedelta(seconds=times.duration_seconds)
    return Span(begin, end) if end > beyond else None


@lru_cache(maxsize=4_096)
def _last_start(line: str, timezone: str, within_seconds: int, minute: datetime) -> datetime | None:
    """Return the last instant of a cron line up to a whole minute, if it is not longer ago than that.

    Lines come on whole minutes, so one search serves every incident of a minute.
    """
    return instant_before(line, timezone, minute + _TICK, minute - timedelta(seconds=within_seconds))
