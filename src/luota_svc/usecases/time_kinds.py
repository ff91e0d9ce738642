"""What a signal does to the incidents of time (missed, late, stale, slow, fast, stuck), under its monitor's lock.

That nothing came is found by the sweep; here somebody came after all, too late, too early or in time.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.monitors import MonitorKind
from luota_svc.model.runs import RunState
from luota_svc.rules.run_bounds import Bounds, measure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from luota_svc.model.batch import StuckRun
    from luota_svc.usecases.drafts import IncidentDraft, MonitorDraft, RunDraft
    from luota_svc.usecases.incident_ledger import Cause, IncidentLedger


class TimeKinds:
    """The incidents of time of one batch."""

    def __init__(self, incidents: IncidentLedger, stuck_runs: Iterable[StuckRun]) -> None:
        """Take the ledger that keeps them, and the runs that count as stuck."""
        self._incidents = incidents
        self._stuck: defaultdict[UUID, dict[UUID, datetime]] = defaultdict(dict)
        for run in stuck_runs:
            self._stuck[run.monitor_id][run.id] = run.received_at
        self.freed: list[UUID] = []

    def pinged(self, monitor: MonitorDraft, occurred_at: datetime | None, cause: Cause) -> bool:
        """Take a ping into account and tell whether it is a good signal of its monitor."""
        mutex = monitor.mutex
        if mutex.kind is MonitorKind.RUN:
            return False
        monitor.heard(cause.at)
        fresh = True
        if mutex.kind is MonitorKind.FRESHNESS:
            assert mutex.max_age_seconds is not None
            changed_at = min(occurred_at or cause.at, cause.at)
            fresh = changed_at + timedelta(seconds=mutex.max_age_seconds) > cause.at
            monitor.fresh(changed_at)
        if monitor.paused_at(cause.at) or not fresh:
            return fresh
        if mutex.kind is MonitorKind.FRESHNESS:
            self._incidents.mend(mutex, IncidentKind.STALE, cause)
        else:
            monitor.failures_in_row, monitor.successes_in_row = 0, monitor.successes_in_row + 1
            if monitor.successes_in_row >= mutex.recovery_threshold:
                self._incidents.mend(mutex, IncidentKind.MISSED, cause)
        return True

    def started(self, monitor: MonitorDraft, cause: Cause) -> None:
        """Take into account that a run was opened: whatever was late has begun."""
        monitor.heard(cause.at)
        if not monitor.paused_at(cause.at):
            self._incidents.mend(monitor.mutex, IncidentKind.LATE, cause)

    def showed_life(self, monitor: MonitorDraft, run: RunDraft, cause: Cause) -> None:
        """Take into account that an open run is still going."""
        if run.stuck_at is not None:
            run.stuck_at = None
            self._stuck[run.monitor_id].pop(run.id, None)
        if run.id in self.freed:
            # A later run's success came just before, in this batch: it is alive all the same, and judged again.
            self.freed.remove(run.id)
        self._end_stuck(monitor, cause)

    def closed(self, monitor: MonitorDraft, run: RunDraft, cause: Cause, *, judged: bool) -> IncidentDraft | None:
        """Take a close into account and return the incident of time that it touched, if any.

        A success also frees every stuck run that began before it: the work that they were to do is done.
        """
        run.stuck_at = None
        stuck = self._stuck[run.monitor_id]
        stuck.pop(run.id, None)
        if not judged:
            # An older close says nothing of the promise, but its own run is over: what stands of it must not stay.
            return self._end_stuck(monitor, cause)
        touched = None
        if run.state is RunState.SUCCEEDED:
            overtaken = [run_id for run_id, received_at in stuck.items() if received_at <= run.received_at]
            for run_id in overtaken:
                del stuck[run_id]
            self.freed += overtaken
            if run.start_seen:  # what was told in one message has no length
                touched = self._measure(monitor, run, cause)
        return self._end_stuck(monitor, cause) or touched

    def _measure(self, monitor: MonitorDraft, run: RunDraft, cause: Cause) -> IncidentDraft | None:
        mutex = monitor.mutex
        assert run.duration_ms is not None
        bounds = measure(
            run.duration_ms, min_seconds=mutex.min_duration_seconds, max_seconds=mutex.max_duration_seconds
        )
        if bounds is Bounds.INSIDE:
            slow = self._incidents.mend(mutex, IncidentKind.SLOW, cause)
            return self._incidents.mend(mutex, IncidentKind.FAST, cause) or slow
        if bounds is Bounds.TOO_SHORT:
            return self._incidents.breach(mutex, IncidentKind.FAST, cause._replace(reason=IncidentReason.TOO_SHORT))
        if run.slow_at is not None:
            return None  # said while it was still going
        run.slow_at = cause.at
        return self._incidents.breach(mutex, IncidentKind.SLOW, cause._replace(reason=IncidentReason.TOO_LONG))

    def _end_stuck(self, monitor: MonitorDraft, cause: Cause) -> IncidentDraft | None:
        if self._stuck[monitor.mutex.id] or monitor.paused_at(cause.at):
            return None
        return self._incidents.mend(monitor.mutex, IncidentKind.STUCK, cause)
