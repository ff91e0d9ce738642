"""When an open run is looked at, and what is found: silence, its bound, its end. Deadlines count from receipt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.silence import Breach, RunLook, RunWatch, Watch
from luota_svc.rules.schedule import next_expectation
from luota_svc.rules.silence import postponed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luota_svc.model.packets import Gap

# Without a word of its own a monitor calls a run stuck after so much silence (design: the smaller of 1 h and the next
# expected instant), or after the time that it allows a run to take, where that is longer.
STUCK_AFTER_SECONDS = 3_600


def stuck_after_seconds(stuck_after: int | None, max_duration: int | None) -> int:
    """Return how many seconds without a sign of life make a run stuck, the schedule aside."""
    return stuck_after if stuck_after is not None else max(STUCK_AFTER_SECONDS, max_duration or 0)


def first_look_at(
    *,
    sign_at: datetime,
    received_at: datetime,
    timeout_at: datetime,
    stuck_after: int | None,
    max_duration: int | None,
    monitor_deadline_at: datetime | None,
) -> datetime:
    """Return the earliest instant at which an open run may need a look, after a sign of life at `sign_at`.

    No schedule is asked here: the monitor's own next deadline is early enough, and the look then finds the true one.
    A look too early costs a statement, one too late would be a lie.
    """
    looks = [timeout_at, sign_at + timedelta(seconds=stuck_after_seconds(stuck_after, max_duration))]
    if max_duration is not None:
        looks.append(received_at + timedelta(seconds=max_duration))
    if stuck_after is None and monitor_deadline_at is not None:
        looks.append(max(monitor_deadline_at, sign_at))
    return min(looks)


def look_at_run(run: RunWatch, monitor: Watch, gaps: Sequence[Gap], upto: datetime) -> RunLook:
    """Judge a running run up to an instant. One that expires is not also called stuck or slow in the same look.

    While its monitor is paused it is neither; it may expire, and nobody is told. After the pause its silence counts
    from the pause's end. What a later run's success made pointless is judged no more, and expires in silence.
    """
    begin = max(run.last_sign_at, monitor.judged_from, monitor.paused_until or monitor.judged_from)
    stuck_at = postponed(begin, _stuck_deadline(run, monitor, begin), gaps)
    expires_at = run.timeout_at
    if any(gap.started_at < expires_at and gap.ended_at > run.last_sign_at for gap in gaps):
        # Its close may have been lost on us: it gets the time that any silent run gets to be heard of.
        expires_at = max(expires_at, stuck_at)
    paused = monitor.paused_until is not None and monitor.paused_until > upto
    if expires_at <= upto:
        judged = not (paused or run.overtaken)
        expired = Breach(IncidentKind.STUCK, IncidentReason.EXPIRED, None, run.timeout_at)
        return RunLook(None, None, expired, judged, None)
    looks = [expires_at]
    stuck = slow = None
    if not (run.stuck or run.overtaken):
        if stuck_at <= upto:
            stuck = Breach(IncidentKind.STUCK, IncidentReason.NO_SIGN_OF_LIFE, None, stuck_at)
        else:
            looks.append(stuck_at)
    if run.max_duration_seconds is not None and not (run.slow or run.overtaken):
        due_at = run.received_at + timedelta(seconds=run.max_duration_seconds)
        slow_at = max(postponed(run.received_at, due_at, gaps), monitor.paused_until or due_at)
        if slow_at <= upto:
            slow = Breach(IncidentKind.SLOW, IncidentReason.TOO_LONG, None, slow_at)
        else:
            looks.append(slow_at)
    return RunLook(stuck, slow, None, True, min(looks))


def _stuck_deadline(run: RunWatch, monitor: Watch, begin: datetime) -> datetime:
    """Return when silence that began at `begin` makes a run stuck; the next run's time is up when it was expected.

    An instant that a sign of life at `begin` would count for is this run's own, not the next one's.
    """
    at = begin + timedelta(seconds=stuck_after_seconds(run.stuck_after_seconds, run.max_duration_seconds))
    if run.stuck_after_seconds is not None:
        return at
    expectation = next_expectation(monitor.schedule, settled_until=begin, last_heard_at=begin)
    return at if expectation is None else min(at, expectation.deadline_at)
