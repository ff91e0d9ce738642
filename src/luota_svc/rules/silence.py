"""What silence means: missed, late, stale, nothing at all; and when it is looked at next.

Pure. `upto` is the judged instant: deadlines up to it have passed. The sweep takes it a second in the past, so that
signals which are in the queue win.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.monitors import MonitorKind
from luota_svc.model.silence import Breach, SilenceLook, Unobserved, Watch
from luota_svc.rules.schedule import expectation_at, next_expectation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luota_svc.model.packets import Gap

# Signals that were received in time may still be in the queue when their deadline passes.
JUDGE_AFTER: Final = timedelta(seconds=1)
# After a long time in which nobody looked, so many instants are told one by one; the others are settled in silence.
INSTANTS_MAX: Final = 100
# Gaps that follow on one another within this are one outage, in which nobody was heard reliably.
ONE_OUTAGE: Final = timedelta(hours=1)
_TICK: Final = timedelta(microseconds=1)


def look_at_silence(watch: Watch, gaps: Sequence[Gap], upto: datetime) -> SilenceLook:
    """Judge a monitor's silence up to an instant.

    A pause that lies ahead is the next thing to look at. One that has ended begins the judgement anew at its end; the
    counters need no care, for nothing was counted while it lasted and what came since its end counts.
    """
    ended = watch.paused_until is not None and watch.paused_until <= upto
    judged_from, settled_until = watch.judged_from, watch.settled_until
    if watch.paused_until is not None:
        if not ended:
            return SilenceLook((), (), False, judged_from, settled_until, watch.paused_until)
        judged_from = max(judged_from, watch.paused_until)
        settled_until = max(settled_until, watch.paused_until)
    breaches: list[Breach] = []
    unobserved: list[Unobserved] = []
    due = _next_breach(watch, gaps, judged_from, settled_until)
    while due is not None and due.deadline_at <= upto:
        if len(breaches) + len(unobserved) == INSTANTS_MAX:
            # Every instant up to here has a deadline that has passed.
            settled_until = max(settled_until, upto - timedelta(seconds=watch.schedule.grace_seconds))
        elif due.expected_at is not None and _is_unobserved(watch, due.expected_at, gaps):
            unobserved.append(Unobserved(due.expected_at, due.deadline_at))
            settled_until = due.expected_at
        else:
            breaches.append(due)
            settled_until = due.expected_at or due.deadline_at
        due = _next_breach(watch, gaps, judged_from, settled_until)
    next_look_at = due.deadline_at if due else None
    return SilenceLook(tuple(breaches), tuple(unobserved), ended, judged_from, settled_until, next_look_at)


def next_silence_deadline(watch: Watch, gaps: Sequence[Gap]) -> datetime | None:
    """Return when silence would break the promise, as far as is known; a pause that is set is taken to its end."""
    judged_from, settled_until = watch.judged_from, watch.settled_until
    if watch.paused_until is not None:
        judged_from, settled_until = max(judged_from, watch.paused_until), max(settled_until, watch.paused_until)
    due = _next_breach(watch, gaps, judged_from, settled_until)
    return due.deadline_at if due else None


def postponed(begin: datetime, deadline_at: datetime, gaps: Sequence[Gap]) -> datetime:
    """Return when a silence that began at `begin` may be judged: the whole span anew from the end of each gap in it.

    Of the gaps in the span that is added only those count that follow soon on one that does: a Luota that is restarted
    once a day would never find a weekly job that died.
    """
    span = deadline_at - begin
    counts_before = deadline_at
    for gap in sorted(gaps):
        if gap.started_at < min(deadline_at, counts_before) and gap.ended_at > begin:
            deadline_at = max(deadline_at, gap.ended_at + span)
            counts_before = max(counts_before, gap.ended_at + ONE_OUTAGE)
    return deadline_at


def _next_breach(watch: Watch, gaps: Sequence[Gap], judged_from: datetime, settled_until: datetime) -> Breach | None:
    """Return what the silence will be, and when, if nothing comes."""
    if watch.kind is MonitorKind.FRESHNESS:
        return _next_stale(watch, gaps, judged_from, settled_until)
    expectation = next_expectation(watch.schedule, settled_until=settled_until, last_heard_at=watch.last_heard_at)
    if expectation is None:
        return None
    kind = IncidentKind.LATE if watch.kind is MonitorKind.RUN else IncidentKind.MISSED
    reason = IncidentReason.NEVER_REPORTED if watch.last_heard_at is None else IncidentReason.NO_SIGNAL
    if watch.schedule.interval_seconds is None:
        return Breach(kind, reason, expectation.expected_at, expectation.deadline_at)
    deadline_at = postponed(expectation.covered_from, expectation.deadline_at, gaps)
    return Breach(kind, reason, deadline_at - timedelta(seconds=watch.schedule.grace_seconds), deadline_at)


def _next_stale(watch: Watch, gaps: Sequence[Gap], judged_from: datetime, settled_until: datetime) -> Breach | None:
    """Return when the newest change will be too old; None once that was said, until a newer one comes."""
    assert watch.max_age_seconds is not None
    begin = judged_from if watch.last_fresh_at is None else max(judged_from, watch.last_fresh_at)
    if watch.last_fresh_at is not None and watch.last_heard_at is not None and watch.last_heard_at >= judged_from:
        # Somebody has spoken since: how old the newest change is, is known.
        begin = watch.last_fresh_at
    too_old_at = begin + timedelta(seconds=watch.max_age_seconds)
    # What was too old before anybody judged is said as well, once.
    said_at = max(too_old_at, judged_from + _TICK)
    if said_at <= settled_until:
        return None
    deadline_at = max(postponed(begin, too_old_at, gaps), said_at)
    reason = IncidentReason.NEVER_REPORTED if watch.last_fresh_at is None else IncidentReason.TOO_OLD
    return Breach(IncidentKind.STALE, reason, None, deadline_at)


def _is_unobserved(watch: Watch, expected_at: datetime, gaps: Sequence[Gap]) -> bool:
    """Tell whether a cron line's instant fell into a time in which nobody could have told us of it."""
    if watch.schedule.cron is None or not gaps:
        return False
    window = expectation_at(watch.schedule, expected_at)
    return any(gap.started_at < window.deadline_at and gap.ended_at > window.covered_from for gap in gaps)
