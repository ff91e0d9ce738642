"""Decides what the silence of one sweep means, monitor by monitor and run by run, over what stood under their locks.

No I/O, as in the ingest fold: rules decide, the ledger keeps the incidents, `writes` says what is to be written.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from luota_svc.model.batch import ChangedRun, SweptMonitor, Writes
from luota_svc.model.incidents import IncidentKind
from luota_svc.model.monitors import MonitorKind
from luota_svc.model.runs import RunState
from luota_svc.model.silence import RunLook, RunWatch, SilenceLook
from luota_svc.rules.instants import instant_text
from luota_svc.rules.run_deadlines import look_at_run
from luota_svc.rules.silence import JUDGE_AFTER, look_at_silence
from luota_svc.telemetry import names
from luota_svc.usecases.incident_ledger import Cause, IncidentLedger

if TYPE_CHECKING:
    from uuid import UUID

    from luota_svc.clock import Clock
    from luota_svc.model.batch import IncidentChange, Tellable
    from luota_svc.model.monitors import MonitorMutex
    from luota_svc.model.silence import Breach
    from luota_svc.model.sweep import Silence, SweptRun
    from luota_svc.usecases.drafts import IncidentDraft

_LOG = logging.getLogger(__name__)

# What can't be judged, for a fault of ours, is looked at again after this; the others must not wait for it.
SET_ASIDE: Final = timedelta(seconds=60)


class SilenceFold:
    """One sweep. Call `take_monitor` and `take_run` for what is due, then `writes` once."""

    def __init__(self, silence: Silence, clock: Clock, now: datetime) -> None:
        """Start from what stood under the locks; `now` is when it is judged."""
        self._silence = silence
        self._now = now
        self._upto = now - JUDGE_AFTER
        self._incidents = IncidentLedger(silence.incidents, silence.monitors, clock)
        self._monitors: dict[UUID, SweptMonitor] = {}
        self._out = Writes()
        # For the metrics: what was found, and how late.
        self.outcomes: Counter[str] = Counter()
        self.lags: list[float] = []

    def take_monitor(self, monitor_id: UUID) -> None:
        """Judge a monitor's own silence."""
        mutex, watch = self._silence.monitors[monitor_id], self._silence.watches[monitor_id]
        row = self._row(monitor_id)
        try:
            look = look_at_silence(watch, self._silence.gaps, self._upto)
        except Exception:  # noqa: BLE001 - one monitor that can't be judged must not stop the others
            _LOG.exception(names.LOG_JUDGEMENT_FAILED, extra={"monitor_id": str(monitor_id)})
            self._monitors[monitor_id] = row._replace(next_deadline_at=self._now + SET_ASIDE)
            self.outcomes["failed"] += 1
            return
        row = row._replace(
            judged_from=look.judged_from, settled_until=look.settled_until, next_deadline_at=look.next_look_at
        )
        if look.pause_ended:
            row = row._replace(paused_until=None)
        if look.breaches and mutex.kind is MonitorKind.HEARTBEAT:
            row = row._replace(failures_in_row=row.failures_in_row + len(look.breaches), successes_in_row=0)
        self._monitors[monitor_id] = row
        self._tell(mutex, look)

    def take_run(self, run: SweptRun) -> None:
        """Judge the silence and the length of a running run."""
        mutex, watch = self._silence.monitors.get(run.monitor_id), self._silence.watches.get(run.monitor_id)
        if mutex is None or watch is None:
            # Its monitor was deleted: there is no promise any more.
            self._out.changed_runs.append(_changed(run, next_deadline_at=None))
            return
        try:
            look = look_at_run(_run_watch(run, mutex), watch, self._silence.gaps, self._upto)
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception(names.LOG_JUDGEMENT_FAILED, extra={"run_id": str(run.id)})
            self._out.changed_runs.append(_changed(run, next_deadline_at=self._now + SET_ASIDE))
            self.outcomes["failed"] += 1
            return
        if look.expired is not None:
            self._expire(run, mutex, look, look.expired)
            return
        stuck_at, slow_at = run.stuck_at, run.slow_at
        if look.stuck is not None:
            self._break(mutex, look.stuck, run)
            stuck_at = self._now
            self._out.stuck_on.add(mutex.id)
        if look.slow is not None:
            self._break(mutex, look.slow, run)
            slow_at = self._now
        if look.stuck is None and look.slow is None:
            self.outcomes["satisfied"] += 1
        changed = _changed(run, next_deadline_at=look.next_look_at, stuck_at=stuck_at, slow_at=slow_at)
        self._out.changed_runs.append(changed)

    def changes(self) -> list[IncidentChange]:
        """Return the incidents that were opened: routing has a word to say about them."""
        return self._incidents.changes()

    def writes(self, tellable: Tellable | None) -> Writes:
        """Return everything to be written; `tellable` is needed when `changes` named any."""
        self._out.swept_monitors = list(self._monitors.values())
        self._incidents.write(self._out, tellable)
        return self._out

    def _tell(self, mutex: MonitorMutex, look: SilenceLook) -> None:
        for breach in look.breaches:
            self._break(mutex, breach, None)
        kind = IncidentKind.LATE if mutex.kind is MonitorKind.RUN else IncidentKind.MISSED
        for instant in look.unobserved:
            self._incidents.note(
                mutex,
                kind,
                self._now,
                f"unobserved: what was expected at {instant_text(instant.expected_at)} could not have reached Luota",
            )
        self.outcomes["unobserved"] += len(look.unobserved)
        self.outcomes["pause_ended"] += look.pause_ended
        if not (look.breaches or look.unobserved or look.pause_ended):
            self.outcomes["satisfied"] += 1

    def _expire(self, run: SweptRun, mutex: MonitorMutex, look: RunLook, expired: Breach) -> None:
        """End a run that nobody closed: a failure in the row, and a word through `stuck` alone.

        Its silence was said already where it counts as stuck; whoever has ended that incident by hand knows.
        """
        incident = None
        if look.judged:
            self._out.stuck_on.add(mutex.id)
            row = self._row(run.monitor_id)
            self._monitors[run.monitor_id] = row._replace(failures_in_row=row.failures_in_row + 1, successes_in_row=0)
            if run.stuck_at is None or self._incidents.stands(mutex.id, IncidentKind.STUCK):
                incident = self._break(mutex, expired, run)
            if self._incidents.stands(mutex.id, IncidentKind.FAILED):
                self._incidents.breach(mutex, IncidentKind.FAILED, self._cause(expired, run))
        else:
            self.outcomes["expired_unjudged"] += 1
        self._out.changed_runs.append(
            _changed(
                run,
                state=RunState.EXPIRED,
                finished_at=max(run.timeout_at, run.started_at),
                duration_ms=(run.timeout_at - run.received_at) // timedelta(milliseconds=1),
                stuck_at=(run.stuck_at or self._now) if look.judged else None,
                slow_at=run.slow_at,
                incident_id=incident.id if incident else None,
            )
        )

    def _break(self, mutex: MonitorMutex, breach: Breach, run: SweptRun | None) -> IncidentDraft:
        self.outcomes[breach.reason.value if breach.kind is IncidentKind.STUCK else breach.kind.value] += 1
        due_at = breach.deadline_at
        if breach.kind is IncidentKind.STALE and (heard_at := self._silence.watches[mutex.id].last_heard_at):
            # Of a change that was too old when it was told, nobody could know before.
            due_at = max(due_at, heard_at)
        self.lags.append((self._now - due_at).total_seconds())
        return self._incidents.breach(mutex, breach.kind, self._cause(breach, run))

    def _cause(self, breach: Breach, run: SweptRun | None) -> Cause:
        return Cause(
            at=self._now,
            request_id=None,
            traceparent=None,
            run_id=run.id if run else None,
            signal_id=None,
            reason=breach.reason,
            expected_at=breach.expected_at,
            deadline_at=breach.deadline_at,
        )

    def _row(self, monitor_id: UUID) -> SweptMonitor:
        """Return a monitor's row as it stands at this point of the sweep."""
        if row := self._monitors.get(monitor_id):
            return row
        mutex, watch = self._silence.monitors[monitor_id], self._silence.watches[monitor_id]
        return SweptMonitor(
            id=monitor_id,
            judged_from=watch.judged_from,
            settled_until=watch.settled_until,
            paused_until=watch.paused_until,
            failures_in_row=mutex.failures_in_row,
            successes_in_row=mutex.successes_in_row,
            next_deadline_at=mutex.next_deadline_at,
        )


def _run_watch(run: SweptRun, mutex: MonitorMutex) -> RunWatch:
    return RunWatch(
        received_at=run.received_at,
        last_sign_at=run.last_sign_at,
        timeout_at=run.timeout_at,
        stuck_after_seconds=mutex.stuck_after_seconds,
        max_duration_seconds=mutex.max_duration_seconds,
        stuck=run.stuck_at is not None,
        slow=run.slow_at is not None,
        overtaken=run.overtaken,
    )


def _changed(
    run: SweptRun,
    *,
    state: RunState = RunState.RUNNING,
    finished_at: datetime | None = None,
    duration_ms: int | None = None,
    stuck_at: datetime | None = None,
    slow_at: datetime | None = None,
    incident_id: UUID | None = None,
    next_deadline_at: datetime | None = None,
) -> ChangedRun:
    """Return the guarded change of a run; no signal came, so its evidence stays as it is."""
    return ChangedRun(
        id=run.id,
        expected_state=RunState.RUNNING.value,
        state=state.value,
        start_seen=run.start_seen,
        last_sign_at=None,
        finished_at=finished_at,
        duration_ms=duration_ms,
        summary=None,
        exit_code=None,
        deploy_sha=None,
        host=None,
        environment=None,
        tags=None,
        notes=None,
        close_request_id=None,
        incident_id=incident_id,
        stuck_at=stuck_at,
        slow_at=slow_at,
        next_deadline_at=next_deadline_at,
    )
