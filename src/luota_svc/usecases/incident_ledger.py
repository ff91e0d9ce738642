"""The incidents of one transaction while it is decided: opened, added to, resolved, and who is to hear of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from luota_svc.model.batch import NewEvent, Writes
from luota_svc.model.incidents import IncidentKind, IncidentReason, IncidentState, OpenIncident, TimelineEvent
from luota_svc.rules.incident_policy import Verdict, occurrence_to_drop
from luota_svc.rules.instants import instant_text
from luota_svc.rules.quiet import quiet_until
from luota_svc.rules.routing import route_change
from luota_svc.usecases.drafts import IncidentDraft
from luota_svc.usecases.duties import new_duty
from luota_svc.usecases.freezing import freeze_opened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from luota_svc.clock import Clock
    from luota_svc.model.batch import BadDay, IncidentChange, Tellable
    from luota_svc.model.monitors import MonitorMutex

RULE_ACTOR = "rule"


class Cause(NamedTuple):
    """What made an incident change: a signal, its run and the request that brought it, or a deadline that passed."""

    at: datetime
    request_id: str | None
    traceparent: str | None
    run_id: UUID | None
    signal_id: UUID | None
    reason: IncidentReason
    expected_at: datetime | None = None
    deadline_at: datetime | None = None
    bad_day: BadDay | None = None


class IncidentLedger:
    """Every incident that one transaction touches, on monitors whose locks it holds."""

    def __init__(
        self,
        standing: Mapping[tuple[UUID, IncidentKind], OpenIncident],
        monitors: Mapping[UUID, MonitorMutex],
        clock: Clock,
    ) -> None:
        """Start from what stands unresolved in the database."""
        self._clock = clock
        self._monitors = monitors
        self._standing = {
            key: IncidentDraft.of(incident, monitors[key[0]])
            for key, incident in standing.items()
            if key[0] in monitors
        }
        self._touched: dict[UUID, IncidentDraft] = {}
        self._events: list[NewEvent] = []
        self._dropped: list[tuple[UUID, int]] = []

    def stands(self, monitor_id: UUID, kind: IncidentKind) -> bool:
        """Tell whether an incident of this kind is unresolved at this point of the transaction."""
        return (monitor_id, kind) in self._standing

    def apply(self, verdict: Verdict, monitor: MonitorMutex, kind: IncidentKind, cause: Cause) -> IncidentDraft | None:
        """Do what the verdict says and return the incident that was touched, if any."""
        key = (monitor.id, kind)
        if verdict is Verdict.OPEN:
            incident = self._standing[key] = self._open(monitor, kind, cause)
            self._event(incident, TimelineEvent.OPENED, cause)
        elif verdict is Verdict.ADD_OCCURRENCE:
            incident = self._standing[key]
            incident.occurrence_count += 1
            self._event(incident, TimelineEvent.OCCURRENCE, cause)
            if (leaving := occurrence_to_drop(incident.occurrence_count)) is not None:
                self._dropped.append((incident.id, leaving))
        elif verdict is Verdict.RESOLVE:
            incident = self._standing.pop(key)
            incident.state = IncidentState.RESOLVED
            incident.resolved_at = cause.at
            self._event(incident, TimelineEvent.RECOVERED, cause)
            self._event(incident, TimelineEvent.RESOLVED, cause, detail="recovered")
        else:
            return None
        incident.told_at = cause.at
        incident.told_request_id, incident.told_traceparent = cause.request_id, cause.traceparent
        self._touched[incident.id] = incident
        return incident

    def breach(self, monitor: MonitorMutex, kind: IncidentKind, cause: Cause) -> IncidentDraft:
        """Add to what stands of a kind, or open it; return the incident."""
        verdict = Verdict.ADD_OCCURRENCE if self.stands(monitor.id, kind) else Verdict.OPEN
        incident = self.apply(verdict, monitor, kind, cause)
        assert incident is not None
        return incident

    def mend(self, monitor: MonitorMutex, kind: IncidentKind, cause: Cause) -> IncidentDraft | None:
        """Resolve what stands of a kind and return it, if anything does."""
        return self.apply(Verdict.RESOLVE, monitor, kind, cause) if self.stands(monitor.id, kind) else None

    def note(self, monitor: MonitorMutex, kind: IncidentKind, at: datetime, detail: str) -> None:
        """Write what a rule has to say into the timeline of what stands, if anything does; nobody is told."""
        incident = self._standing.get((monitor.id, kind))
        if incident is not None:
            cause = Cause(at, None, None, None, None, IncidentReason.NO_SIGNAL)
            self._event(incident, TimelineEvent.NOTE, cause, detail=detail)
            self._touched[incident.id] = incident

    def changes(self) -> list[IncidentChange]:
        """Return the incidents that were opened or resolved: routing has a word to say about them.

        Whether their monitors are quiet is only known once what can be told was read.
        """
        return [draft.as_told(quiet=False) for draft in self._changed()]

    def write(self, out: Writes, tellable: Tellable | None) -> None:
        """Add rows to `out`, which holds the runs already.

        `tellable` (usecases/telling) is needed when `changes` named any.
        """
        if tellable:
            self._tell(out, tellable)
            out.packets = freeze_opened(self._touched.values(), tellable, out)
        drafts = self._touched.values()
        out.new_incidents = [draft.as_new() for draft in drafts if draft.expected_version is None]
        out.changed_incidents = [draft.as_change() for draft in drafts if draft.expected_version is not None]
        out.events = self._events
        out.dropped_occurrences = self._dropped

    def _tell(self, out: Writes, tellable: Tellable) -> None:
        now = self._clock.now()
        previous = dict(tellable.previous)
        for draft in self._touched.values():
            if draft.expected_version is None:
                draft.previous_incident_id = previous.get((draft.monitor_id, draft.kind))
                previous[draft.monitor_id, draft.kind] = draft.id
        begun = {run_id: run.received_at for run_id, run in tellable.root_runs.items()}
        begun |= {run.id: run.received_at for run in out.new_runs}
        for draft in self._changed():
            assert draft.told_at is not None
            quiet_end = quiet_until(
                tellable.quietable[draft.monitor_id],
                tellable.windows,
                draft.told_at,
                began_at=begun.get(draft.root_run_id) if draft.root_run_id else None,
            )
            if quiet_end is not None:
                draft.keep_quiet(quiet_end)
            change = draft.as_told(quiet=quiet_end is not None)
            routing = route_change(change, tellable.routes, tellable.told, now)
            out.ended += [(delivery_id, draft.id) for delivery_id in routing.ended]
            out.duties += [new_duty(self._clock.new_id(), change, duty, now) for duty in routing.duties]

    def _changed(self) -> list[IncidentDraft]:
        return [
            draft
            for draft in self._touched.values()
            if draft.expected_version is None or draft.state is IncidentState.RESOLVED
        ]

    def _open(self, monitor: MonitorMutex, kind: IncidentKind, cause: Cause) -> IncidentDraft:
        every = monitor.remind_every_seconds
        return IncidentDraft(
            id=self._clock.new_id(),
            workspace_id=monitor.workspace_id,
            monitor_id=monitor.id,
            kind=kind,
            state=IncidentState.OPEN,
            severity=monitor.severity,
            occurrence_count=1,
            event_count=0,
            request_id=cause.request_id,
            traceparent=cause.traceparent,
            opened_at=cause.at,
            root_run_id=cause.run_id,
            reason=cause.reason.value,
            expected_at=cause.expected_at,
            deadline_at=cause.deadline_at,
            bad_day=cause.bad_day,
            next_reminder_at=cause.at + timedelta(seconds=every) if every else None,
        )

    def _event(self, incident: IncidentDraft, event: TimelineEvent, cause: Cause, *, detail: str | None = None) -> None:
        incident.event_count += 1
        occurs = event in {TimelineEvent.OPENED, TimelineEvent.OCCURRENCE}
        row = NewEvent(
            incident_id=incident.id,
            number=incident.event_count,
            event=event.value,
            at=cause.at,
            actor=RULE_ACTOR,
            request_id=cause.request_id,
            run_id=cause.run_id,
            signal_id=cause.signal_id,
            occurrence_number=incident.occurrence_count if occurs else None,
            detail=_silence_in_words(cause) if occurs and cause.deadline_at else detail,
        )
        self._events.append(row)


def _silence_in_words(cause: Cause) -> str:
    """Say which silence it is: a timeline may have many of them that were found in one look."""
    if cause.expected_at is not None:
        return f"{cause.reason.value}: expected at {instant_text(cause.expected_at)}"
    assert cause.deadline_at is not None
    return f"{cause.reason.value}: due at {instant_text(cause.deadline_at)}"
