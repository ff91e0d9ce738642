"""What an incident that stands waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from luota_svc.model.incidents import IncidentKind, IncidentState, TimelineEvent
from luota_svc.model.monitors import Severity


@dataclass(frozen=True, slots=True)
class Waiting:
    """The end of a quiet time (`tell_at`, while `muted`), a reminder, the end of its acknowledgement."""

    state: IncidentState
    muted: bool
    tell_at: datetime | None
    next_reminder_at: datetime | None
    acknowledged_until: datetime | None


@dataclass(frozen=True, slots=True)
class DueIncident:
    """One that is due, held under its monitor's lock. `began_at`: when the run that it is about began."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    kind: IncidentKind
    severity: Severity
    waiting: Waiting
    event_count: int
    version: int
    request_id: str | None
    traceparent: str | None
    began_at: datetime | None


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a look at one found: what happened, what it waits for now, and when it is looked at next."""

    incident: DueIncident
    events: tuple[TimelineEvent, ...]
    after: Waiting
    next_look_at: datetime | None
