"""What a batch is about to write, while it is still being decided: mutable, held in memory, gone after the batch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from luota_svc.model.batch import (
    ChangedIncident,
    ChangedMonitor,
    ChangedRun,
    IncidentChange,
    NewIncident,
    NewRun,
    NewSignal,
)
from luota_svc.model.incident_deadlines import Waiting
from luota_svc.model.incidents import IncidentKind, IncidentState, OpenIncident
from luota_svc.model.monitors import MonitorMutex, Severity
from luota_svc.model.runs import Note, RunState, RunView
from luota_svc.model.signals import Evidence, IncidentView
from luota_svc.rules.incident_deadlines import next_look_at

if TYPE_CHECKING:
    from luota_svc.model.batch import BadDay, LoadedRun


def json_object(values: dict[str, str] | None) -> str | None:
    """Write tags as JSON text; None where there are none."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else None


def notes_json(notes: tuple[Note, ...] | list[Note]) -> str | None:
    """Write notes as JSON text in their public spelling; None where there are none."""
    if not notes:
        return None
    rows = [
        {
            key: value
            for key, value in (
                ("field", note.field),
                ("note", note.note),
                ("originalBytes", note.original_bytes),
                ("keptBytes", note.kept_bytes),
                ("count", note.count),
            )
            if value is not None
        }
        for note in notes
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _signal_ref(row: NewSignal) -> str:
    """Write what a monitor remembers of a signal, as JSON text; nothing in it needs escaping."""
    run = f',"runId":"{row.run_id}"' if row.run_id else ""
    at = row.received_at.isoformat()
    return f'{{"id":"{row.id}","type":"{row.type}","receivedAt":"{at}","requestId":"{row.request_id}"{run}}}'


@dataclass(slots=True)
class RunDraft:
    """A run as it will stand: `loaded_state` is what the database says, None for a run that this batch opens."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    external_run_id: str
    state: RunState
    started_at: datetime
    start_occurred: bool
    start_seen: bool
    received_at: datetime
    request_id: str
    loaded_state: RunState | None = None
    timeout_at: datetime | None = None
    last_sign_at: datetime | None = None
    stuck_at: datetime | None = None
    slow_at: datetime | None = None
    next_deadline_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: int | None = None
    close_request_id: str | None = None
    incident: IncidentView | None = None
    pruned: bool = False
    evidence: Evidence = field(default_factory=Evidence)
    notes: list[Note] = field(default_factory=list)
    changed: bool = False

    @classmethod
    def of(cls, run: LoadedRun) -> RunDraft:
        """Take up a run that stands in the database."""
        return cls(
            id=run.id,
            workspace_id=run.workspace_id,
            monitor_id=run.monitor_id,
            external_run_id=run.external_run_id,
            state=run.state,
            started_at=run.started_at,
            start_occurred=run.start_occurred,
            start_seen=run.start_seen,
            received_at=run.received_at,
            request_id="",
            loaded_state=run.state,
            finished_at=run.finished_at,
            duration_ms=run.duration_ms,
            timeout_at=run.timeout_at,
            stuck_at=run.stuck_at,
            slow_at=run.slow_at,
            next_deadline_at=run.next_deadline_at,
            incident=run.incident,
            pruned=run.pruned,
        )

    def view(self) -> RunView:
        """Show the run as it stands after the signals folded so far."""
        return RunView(
            self.id,
            self.monitor_id,
            self.external_run_id,
            self.state,
            self.started_at,
            self.finished_at,
            self.duration_ms,
        )

    def absorb(self, evidence: Evidence, notes: list[Note]) -> None:
        """Let later evidence stand over earlier; tags are merged."""
        mine = self.evidence
        self.evidence = Evidence(
            summary=mine.summary if evidence.summary is None else evidence.summary,
            exit_code=mine.exit_code if evidence.exit_code is None else evidence.exit_code,
            deploy_sha=evidence.deploy_sha or mine.deploy_sha,
            host=evidence.host or mine.host,
            environment=evidence.environment or mine.environment,
            tags={**(mine.tags or {}), **(evidence.tags or {})},
        )
        self.notes += notes
        self.changed = True

    def as_new(self) -> NewRun:
        """Write the row of a run that this batch opened."""
        evidence = self.evidence
        assert self.timeout_at is not None
        return NewRun(
            self.id,
            self.workspace_id,
            self.monitor_id,
            self.external_run_id,
            self.state.value,
            self.started_at,
            self.start_occurred,
            self.start_seen,
            self.received_at,
            self.last_sign_at or self.received_at,
            self.finished_at,
            self.duration_ms,
            evidence.summary,
            evidence.exit_code,
            evidence.deploy_sha,
            evidence.host,
            evidence.environment,
            json_object(evidence.tags),
            notes_json(self.notes),
            self.request_id,
            self.close_request_id,
            self.incident.id if self.incident else None,
            self.timeout_at,
            self.next_deadline_at if self.state is RunState.RUNNING else None,
        )

    def as_change(self) -> ChangedRun:
        """Write the guarded change of a run that stood."""
        evidence = self.evidence
        assert self.loaded_state is not None
        return ChangedRun(
            self.id,
            self.loaded_state.value,
            self.state.value,
            self.start_seen,
            self.last_sign_at,
            self.finished_at,
            self.duration_ms,
            evidence.summary,
            evidence.exit_code,
            evidence.deploy_sha,
            evidence.host,
            evidence.environment,
            json_object(evidence.tags),
            notes_json(self.notes),
            self.close_request_id,
            self.incident.id if self.incident else None,
            self.stuck_at,
            self.slow_at,
            self.next_deadline_at if self.state is RunState.RUNNING else None,
        )


@dataclass(slots=True)
class MonitorDraft:
    """A locked monitor's counters and memories as they will stand."""

    mutex: MonitorMutex
    failures_in_row: int
    successes_in_row: int
    last_judged_close_at: datetime | None
    last_signal: NewSignal | None = None
    last_good_signal: NewSignal | None = None
    good_signal_before: NewSignal | None = None
    last_heard_at: datetime | None = None
    last_fresh_at: datetime | None = None
    due_at: datetime | None = None

    @classmethod
    def of(cls, mutex: MonitorMutex) -> MonitorDraft:
        """Take up a monitor as it was read under its lock."""
        return cls(mutex, mutex.failures_in_row, mutex.successes_in_row, mutex.last_judged_close_at)

    def paused_at(self, at: datetime) -> bool:
        """Tell whether signals are recorded and not judged at that instant."""
        return self.mutex.paused_until is not None and self.mutex.paused_until > at

    def kept(self, row: NewSignal, *, good: bool) -> None:
        """Remember a signal that is kept."""
        self.last_signal = row
        if good:
            self.good_signal_before, self.last_good_signal = self.last_good_signal, row

    def good_before(self, row: NewSignal) -> NewSignal | None:
        """Return the newest good signal of this batch before one that was just kept."""
        return self.good_signal_before if self.last_good_signal is row else self.last_good_signal

    def heard(self, at: datetime) -> None:
        """Remember when a signal came that counts for the schedule."""
        self.last_heard_at = at

    def fresh(self, changed_at: datetime) -> None:
        """Remember the newest change. It is looked at when it grows too old, or at once where it is already.

        An old change may bring that look forward: until somebody speaks, a monitor has its whole age to be heard of.
        """
        assert self.mutex.max_age_seconds is not None
        assert self.last_heard_at is not None
        self.last_fresh_at = max(changed_at, self.last_fresh_at or changed_at)
        self.due_at = max(self.last_fresh_at + timedelta(seconds=self.mutex.max_age_seconds), self.last_heard_at)

    def as_change(self) -> ChangedMonitor:
        """Write what the batch moved; only called where a signal was kept."""
        assert self.last_signal is not None
        return ChangedMonitor(
            self.mutex.id,
            self.failures_in_row,
            self.successes_in_row,
            self.last_judged_close_at,
            _signal_ref(self.last_signal),
            _signal_ref(self.last_good_signal) if self.last_good_signal else None,
            self.last_heard_at,
            self.last_fresh_at,
            self.due_at,
        )


@dataclass(slots=True)
class IncidentDraft:
    """An incident as it will stand: `expected_version` is what the database says, None for one opened here."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    kind: IncidentKind
    state: IncidentState
    severity: Severity
    occurrence_count: int
    event_count: int
    request_id: str | None
    traceparent: str | None
    expected_version: int | None = None
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    root_run_id: UUID | None = None
    previous_incident_id: UUID | None = None
    muted: bool = False
    reason: str = ""
    expected_at: datetime | None = None
    deadline_at: datetime | None = None
    tell_at: datetime | None = None
    next_reminder_at: datetime | None = None
    # What its packet says it opened on; None for silence.
    bad_day: BadDay | None = None
    # When and by which request its latest change came: who is told of it bears that.
    told_at: datetime | None = None
    told_request_id: str | None = None
    told_traceparent: str | None = None

    @classmethod
    def of(cls, incident: OpenIncident, monitor: MonitorMutex) -> IncidentDraft:
        """Take up an incident that stands unresolved in the database."""
        return cls(
            id=incident.id,
            workspace_id=monitor.workspace_id,
            monitor_id=incident.monitor_id,
            kind=incident.kind,
            state=incident.state,
            severity=monitor.severity,
            occurrence_count=incident.occurrence_count,
            event_count=incident.event_count,
            request_id=None,
            traceparent=None,
            expected_version=incident.version,
        )

    def view(self) -> IncidentView:
        """Show the incident as it stands after the signals folded so far."""
        return IncidentView(self.id, self.kind.value, self.state.value)

    def keep_quiet(self, until: datetime) -> None:
        """Let an incident that opened here be told when a quiet time ends, and its reminders begin then."""
        self.muted, self.tell_at, self.next_reminder_at = True, until, None

    def as_told(self, *, quiet: bool) -> IncidentChange:
        """Say to routing how the incident was changed here; only asked for where it was opened or resolved."""
        assert self.told_at is not None
        return IncidentChange(
            incident_id=self.id,
            workspace_id=self.workspace_id,
            monitor_id=self.monitor_id,
            kind=self.kind,
            severity=self.severity,
            state=self.state,
            opened_here=self.expected_version is None,
            at=self.told_at,
            quiet=quiet,
            request_id=self.told_request_id,
            traceparent=self.told_traceparent,
            root_run_id=self.root_run_id,
        )

    def as_new(self) -> NewIncident:
        """Write the row of an incident that this batch opened."""
        assert self.opened_at is not None
        return NewIncident(
            self.id,
            self.workspace_id,
            self.monitor_id,
            self.kind.value,
            self.state.value,
            self.severity.value,
            self.opened_at,
            self.resolved_at,
            "recovered" if self.resolved_at else None,
            self.root_run_id,
            self.request_id,
            self.traceparent,
            self.occurrence_count,
            self.event_count,
            self.previous_incident_id,
            self.muted,
            self.reason,
            self.expected_at,
            self.deadline_at,
            None if self.resolved_at else self.tell_at,
            None if self.resolved_at else self.next_reminder_at,
            None if self.resolved_at else self._next_deadline_at(),
        )

    def _next_deadline_at(self) -> datetime | None:
        assert self.opened_at is not None
        waiting = Waiting(self.state, self.muted, self.tell_at, self.next_reminder_at, None)
        return next_look_at(waiting, now=self.opened_at)

    def as_change(self) -> ChangedIncident:
        """Write the guarded change of an incident that stood."""
        assert self.expected_version is not None
        return ChangedIncident(
            self.id,
            self.expected_version,
            self.state.value,
            self.occurrence_count,
            self.event_count,
            self.resolved_at,
            "recovered" if self.resolved_at else None,
        )
