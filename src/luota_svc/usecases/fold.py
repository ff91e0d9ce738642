"""Folds the signals of one batch, one by one in commit order, over what stood under the monitors' locks.

No I/O: rules decide, drafts remember, `writes` says what the transaction is to write. One code path serves one signal
and a thousand: a later member of the batch sees what an earlier one did.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from luota_svc.model.batch import BadDay, NewSignal, Writes
from luota_svc.model.errors import FieldProblem, InvalidIngestKey, InvalidRequest, Missing, NotFound, RunConflict
from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.monitors import MonitorKind
from luota_svc.model.runs import Note, RunState
from luota_svc.model.signals import Accepted, SignalType
from luota_svc.rules.incident_policy import Counters, Verdict, judge_close
from luota_svc.rules.run_deadlines import first_look_at
from luota_svc.rules.run_state import (
    CloseDecision,
    ProgressDecision,
    StartDecision,
    decide_close,
    decide_progress,
    decide_start,
    duration_ms,
    run_timeout_seconds,
)
from luota_svc.usecases.drafts import MonitorDraft, RunDraft, json_object, notes_json
from luota_svc.usecases.incident_ledger import Cause, IncidentLedger
from luota_svc.usecases.time_kinds import TimeKinds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from luota_svc.clock import Clock
    from luota_svc.model.batch import IncidentChange, Loaded, Tellable
    from luota_svc.usecases.members import Member

_OLDER = Note("occurredAt", "older than the last judged close of this monitor; kept as evidence, not judged")
_PAUSED = Note("", "the monitor is paused; recorded, not judged")
_LATE_CLOSE = Note("", "late_close: the run had expired; its true end stands now")
_CLOSED_RUN = Note("externalRunId", "this run is closed; a re-run needs a new externalRunId")
_AFTER_CLOSE = Note("", "the run is closed; kept as evidence")
_EXIT_CODE = Note("exitCode", "a success with an exit code other than 0")


class Fold:
    """One batch. Call `take` for each member, then `writes` once."""

    def __init__(self, loaded: Loaded, clock: Clock) -> None:
        """Start from what stood under the locks."""
        self._loaded = loaded
        self._clock = clock
        self._monitors = {key: MonitorDraft.of(mutex) for key, mutex in loaded.monitors.items()}
        self._runs = {key: RunDraft.of(run) for key, run in loaded.runs.items()}
        self._run_ids = dict(loaded.run_ids)
        self._signal_ids = dict(loaded.signal_ids)
        self._incidents = IncidentLedger(loaded.incidents, loaded.monitors, clock)
        self._time = TimeKinds(self._incidents, loaded.stuck_runs)
        self._out = Writes()
        self._take: dict[SignalType, Callable[[Member, MonitorDraft, list[Note]], Accepted]] = {
            SignalType.PING: self._ping,
            SignalType.START: self._start,
            SignalType.PROGRESS: self._progress,
            SignalType.SUCCESS: self._close,
            SignalType.FAIL: self._close,
            SignalType.FINISH: self._finish,
        }

    def take(self, member: Member) -> Accepted:
        """Fold one signal and say what its answer will be once the batch committed.

        Raises InvalidIngestKey, NotFound, InvalidRequest or RunConflict; such a member writes nothing.
        """
        monitor = self._admit(member)
        return self._take[member.report.type](member, monitor, list(member.report.notes))

    def _admit(self, member: Member) -> MonitorDraft:
        key, report = member.key, member.report
        if key.key_id not in self._loaded.live_keys or member.foreign:
            raise InvalidIngestKey
        if report.run_id is not None and member.monitor_id is None:
            raise NotFound(Missing.RUN)
        monitor = self._monitors.get(member.monitor_id) if member.monitor_id else None
        if monitor is None or monitor.mutex.workspace_id != key.workspace_id:
            raise InvalidIngestKey
        if report.monitor is not None and report.monitor != monitor.mutex.slug:
            raise InvalidIngestKey
        if report.type is not SignalType.PING and monitor.mutex.kind is not MonitorKind.RUN:
            problem = f"names a {monitor.mutex.kind} monitor, which takes pings only"
            raise InvalidRequest(FieldProblem("runId" if report.run_id else "monitorId", problem))
        return monitor

    # --- one method a signal -------------------------------------------------------------------------------------

    def _ping(self, member: Member, monitor: MonitorDraft, notes: list[Note]) -> Accepted:
        key = (monitor.mutex.id, member.report.signal_key) if member.report.signal_key else None
        if key and (landed := self._signal_ids.get(key)):
            return Accepted(monitor.mutex.id, landed[0], landed[1], duplicate=True, notes=tuple(notes))
        signal_id = self._keep(member, monitor, None, notes)
        if self._time.pinged(monitor, member.report.evidence.occurred_at, _cause(member, None, signal_id)):
            monitor.last_good_signal = monitor.last_signal
        if key:
            self._signal_ids[key] = (signal_id, member.received_at)
            self._out.signal_keys.append((*key, signal_id, member.received_at))
        return Accepted(monitor.mutex.id, signal_id, member.received_at, duplicate=False, notes=tuple(notes))

    def _start(self, member: Member, monitor: MonitorDraft, notes: list[Note]) -> Accepted:
        run = self._run_of(member, monitor)
        decision = decide_start(run.state if run else None, start_seen=run is None or run.start_seen)
        if decision is StartDecision.OPEN:
            run = self._open(member, monitor, notes, start_seen=True)
            kept = self._keep(member, monitor, run, notes)
            self._time.started(monitor, _cause(member, run, kept))
            return self._accepted(member, monitor, run, notes, signal_id=kept)
        assert run is not None
        if run.state is not RunState.RUNNING:
            notes.append(_CLOSED_RUN)
        signal_id: UUID | None = None
        if decision is StartDecision.LATE_EVIDENCE:
            run.start_seen = run.changed = True
            signal_id = self._keep(member, monitor, run, notes)
        return self._accepted(member, monitor, run, notes, signal_id=signal_id, duplicate=True)

    def _progress(self, member: Member, monitor: MonitorDraft, notes: list[Note]) -> Accepted:
        run = self._known_run(member, monitor)
        alive = decide_progress(run.state) is ProgressDecision.SIGN_OF_LIFE
        if not alive:
            notes.append(_AFTER_CLOSE)
        signal_id = self._keep(member, monitor, run, notes)
        if alive:
            run.last_sign_at = member.received_at
            run.next_deadline_at = _look_at(run, monitor, member.received_at)
            run.changed = True
            self._time.showed_life(monitor, run, _cause(member, run, signal_id))
        return self._accepted(member, monitor, run, notes, signal_id=signal_id)

    def _close(self, member: Member, monitor: MonitorDraft, notes: list[Note]) -> Accepted:
        wanted = RunState.SUCCEEDED if member.report.type is SignalType.SUCCESS else RunState.FAILED
        if wanted is RunState.SUCCEEDED and member.report.evidence.exit_code:
            notes.append(_EXIT_CODE)
        return self._end(member, monitor, self._known_run(member, monitor), wanted, notes)

    def _finish(self, member: Member, monitor: MonitorDraft, notes: list[Note]) -> Accepted:
        run = self._run_of(member, monitor)
        if run is None:
            run = self._open(member, monitor, [], start_seen=False)
            self._time.started(monitor, _cause(member, run, None))
        wanted = RunState.FAILED if member.report.evidence.exit_code else RunState.SUCCEEDED
        return self._end(member, monitor, run, wanted, notes)

    def _end(
        self, member: Member, monitor: MonitorDraft, run: RunDraft, wanted: RunState, notes: list[Note]
    ) -> Accepted:
        decision = decide_close(run.state, wanted)
        # A run that expired and was then pruned has no row left to move to its true end.
        if decision is CloseDecision.CONFLICT or (decision is CloseDecision.LATE_CLOSE and run.pruned):
            raise RunConflict(run.view())
        if decision is CloseDecision.REPEAT:
            return self._accepted(member, monitor, run, notes, duplicate=True, incident_of_run=True)
        if decision is CloseDecision.LATE_CLOSE:
            notes.append(_LATE_CLOSE)
        self._close_run(run, member, wanted, notes)
        verdict = self._judge(member, monitor, run)
        if verdict is Verdict.NOT_JUDGED_OLDER:
            notes.append(_OLDER)
        elif verdict is Verdict.NOT_JUDGED_PAUSED:
            notes.append(_PAUSED)
        good = wanted is RunState.SUCCEEDED and verdict is not Verdict.NOT_JUDGED_OLDER
        signal_id = self._keep(member, monitor, run, notes, good=good)
        self._apply(verdict, member, monitor, run, signal_id)
        return self._accepted(member, monitor, run, notes, signal_id=signal_id, incident_of_run=True)

    # --- runs ----------------------------------------------------------------------------------------------------

    def _run_of(self, member: Member, monitor: MonitorDraft) -> RunDraft | None:
        report = member.report
        if report.run_id is not None:
            return self._runs.get(report.run_id)
        assert report.external_run_id is not None
        run_id = self._run_ids.get((monitor.mutex.id, report.external_run_id))
        return self._runs[run_id] if run_id else None

    def _known_run(self, member: Member, monitor: MonitorDraft) -> RunDraft:
        run = self._run_of(member, monitor)
        if run is None or run.monitor_id != monitor.mutex.id:
            raise NotFound(Missing.RUN)
        return run

    def _open(self, member: Member, monitor: MonitorDraft, notes: list[Note], *, start_seen: bool) -> RunDraft:
        report = member.report
        assert report.external_run_id is not None
        occurred_at = report.evidence.occurred_at
        timeout = run_timeout_seconds(
            report.timeout_seconds,
            monitor.mutex.timeout_seconds,
            monitor.mutex.max_duration_seconds,
            monitor.mutex.stuck_after_seconds,
        )
        run = RunDraft(
            id=self._clock.new_id(),
            workspace_id=monitor.mutex.workspace_id,
            monitor_id=monitor.mutex.id,
            external_run_id=report.external_run_id,
            state=RunState.RUNNING,
            started_at=occurred_at or member.received_at,
            start_occurred=occurred_at is not None,
            start_seen=start_seen,
            received_at=member.received_at,
            request_id=member.request_id,
            timeout_at=member.received_at + timedelta(seconds=timeout),
            evidence=report.evidence,
            notes=list(notes),
            changed=True,
        )
        run.next_deadline_at = _look_at(run, monitor, member.received_at)
        self._runs[run.id] = run
        self._run_ids[run.monitor_id, run.external_run_id] = run.id
        return run

    def _close_run(self, run: RunDraft, member: Member, state: RunState, notes: list[Note]) -> None:
        occurred_at = member.report.evidence.occurred_at
        run.duration_ms = duration_ms(
            started_at=run.started_at,
            start_occurred=run.start_occurred,
            start_received_at=run.received_at,
            close_occurred_at=occurred_at,
            close_received_at=member.received_at,
        )
        run.state = state
        run.finished_at = max(occurred_at or member.received_at, run.started_at)
        run.close_request_id = member.request_id
        run.absorb(member.report.evidence, notes)

    # --- incidents -----------------------------------------------------------------------------------------------

    def _judge(self, member: Member, monitor: MonitorDraft, run: RunDraft) -> Verdict:
        mutex = monitor.mutex
        occurred_at = member.report.evidence.occurred_at
        judgement = judge_close(
            Counters(monitor.failures_in_row, monitor.successes_in_row),
            good=run.state is RunState.SUCCEEDED,
            incident_stands=self._incidents.stands(mutex.id, IncidentKind.FAILED),
            failure_threshold=mutex.failure_threshold,
            recovery_threshold=mutex.recovery_threshold,
            paused=monitor.paused_at(member.received_at),
            occurred_at=occurred_at,
            last_judged_close_at=monitor.last_judged_close_at,
        )
        if judgement.verdict.judged:
            monitor.failures_in_row = judgement.counters.failures_in_row
            monitor.successes_in_row = judgement.counters.successes_in_row
            # A clock that runs ahead must not make everybody else's closes look old.
            closed_at = min(occurred_at or member.received_at, member.received_at)
            monitor.last_judged_close_at = max(closed_at, monitor.last_judged_close_at or closed_at)
        return judgement.verdict

    def _apply(self, verdict: Verdict, member: Member, monitor: MonitorDraft, run: RunDraft, signal_id: UUID) -> None:
        row = self._out.signals[-1]
        cause = _cause(member, run, signal_id)._replace(bad_day=BadDay(row, monitor.good_before(row)))
        failed = self._incidents.apply(verdict, monitor.mutex, IncidentKind.FAILED, cause)
        of_time = self._time.closed(monitor, run, cause, judged=verdict.judged)
        incident = failed or of_time
        if incident:
            run.incident = incident.view()
            self._out.signals[-1] = row._replace(incident_id=incident.id)

    # --- evidence and answers ------------------------------------------------------------------------------------

    def _keep(
        self, member: Member, monitor: MonitorDraft, run: RunDraft | None, notes: list[Note], *, good: bool = False
    ) -> UUID:
        """Keep the message itself, and let the monitor remember it."""
        report, evidence = member.report, member.report.evidence
        signal_id = self._clock.new_id()
        row = NewSignal(
            signal_id,
            monitor.mutex.workspace_id,
            monitor.mutex.id,
            run.id if run else None,
            report.type.value,
            member.received_at,
            evidence.occurred_at,
            member.door,
            member.key.key_id,
            member.request_id,
            member.caller_request_id,
            member.traceparent,
            member.source_address,
            None,
            evidence.summary,
            evidence.exit_code,
            evidence.output,
            evidence.payload,
            evidence.deploy_sha,
            evidence.host,
            evidence.environment,
            json_object(evidence.tags),
            notes_json(notes),
        )
        self._out.signals.append(row)
        monitor.kept(row, good=good)
        return signal_id

    def _accepted(
        self,
        member: Member,
        monitor: MonitorDraft,
        run: RunDraft,
        notes: list[Note],
        *,
        signal_id: UUID | None = None,
        duplicate: bool = False,
        incident_of_run: bool = False,
    ) -> Accepted:
        return Accepted(
            monitor.mutex.id,
            signal_id,
            member.received_at,
            duplicate=duplicate,
            run=run.view(),
            incident=run.incident if incident_of_run else None,
            notes=tuple(notes),
        )

    # --- what is to be written -----------------------------------------------------------------------------------

    def incident_changes(self) -> list[IncidentChange]:
        """Return the incidents that this batch opened or resolved: routing has a word to say about them."""
        return self._incidents.changes()

    def writes(self, tellable: Tellable | None) -> Writes:
        """Return everything to be written; `tellable` is needed when `incident_changes` named any."""
        out = self._out
        out.new_runs = [run.as_new() for run in self._runs.values() if run.loaded_state is None]
        out.changed_runs = [run.as_change() for run in self._runs.values() if run.loaded_state and run.changed]
        out.freed_runs = self._time.freed
        out.monitors = [draft.as_change() for draft in self._monitors.values() if draft.last_signal]
        self._incidents.write(out, tellable)
        return out

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to write: every member was refused or repeats."""
        return not (self._out.signals or any(run.changed for run in self._runs.values()))


def _cause(member: Member, run: RunDraft | None, signal_id: UUID | None) -> Cause:
    """Say what a signal is to the incidents that it changes; it opens none but for a failure or a bound."""
    run_id = run.id if run else None
    return Cause(member.received_at, member.request_id, member.traceparent, run_id, signal_id, IncidentReason.FAILURES)


def _look_at(run: RunDraft, monitor: MonitorDraft, sign_at: datetime) -> datetime:
    """Return when an open run is looked at next, after a sign of life."""
    mutex = monitor.mutex
    assert run.timeout_at is not None
    return first_look_at(
        sign_at=sign_at,
        received_at=run.received_at,
        timeout_at=run.timeout_at,
        stuck_after=mutex.stuck_after_seconds,
        max_duration=mutex.max_duration_seconds,
        monitor_deadline_at=mutex.next_deadline_at,
    )
