"""One span in which a promise is broken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from luota_svc.model.monitors import Severity


class IncidentKind(StrEnum):
    """Which part of the promise broke."""

    FAILED = "failed"
    MISSED = "missed"
    LATE = "late"
    SLOW = "slow"
    FAST = "fast"
    STUCK = "stuck"
    STALE = "stale"


class IncidentReason(StrEnum):
    """Why an incident opened: the rule's own word, carried to the timeline, the alert and the packet."""

    FAILURES = "failures"
    NO_SIGNAL = "no_signal"
    NEVER_REPORTED = "never_reported"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    NO_SIGN_OF_LIFE = "no_sign_of_life"
    EXPIRED = "expired"
    TOO_OLD = "too_old"


class IncidentState(StrEnum):
    """open -> acknowledged -> resolved (docs/states.md)."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class StateFilter(StrEnum):
    """Which states a list is to hold; `unresolved` is the queue."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"


class TimelineEvent(StrEnum):
    """What a timeline entry says happened."""

    OPENED = "opened"
    OCCURRENCE = "occurrence"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_ENDED = "acknowledgement_ended"
    ASSIGNED = "assigned"
    NOTE = "note"
    QUIET_ENDED = "quiet_ended"
    DELIVERY_CHANGED = "delivery_changed"
    RECOVERED = "recovered"
    RESOLVED = "resolved"


class AlertState(StrEnum):
    """Whether a human was told; the first that applies (docs/states.md)."""

    DELIVERED = "delivered"
    MUTED = "muted"
    NO_ROUTE = "no_route"
    RETRYING = "retrying"
    BLOCKED = "blocked"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """What the fold knows of an unresolved incident, read under its monitor's lock."""

    id: UUID
    monitor_id: UUID
    kind: IncidentKind
    state: IncidentState
    occurrence_count: int
    event_count: int
    version: int


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents a list is to hold: those for which everything that is not None is true.

    `opened_after` is the first instant that counts, `opened_before` the first that does not. An empty `assignee` is
    nobody.
    """

    state: StateFilter | None = None
    monitor_id: UUID | None = None
    kind: IncidentKind | None = None
    severity: Severity | None = None
    assignee: str | None = None
    opened_after: datetime | None = None
    opened_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of an incident's timeline; `number` counts from 1."""

    incident_id: UUID
    number: int
    event: TimelineEvent
    at: datetime
    actor: str
    request_id: str | None
    run_id: UUID | None
    signal_id: UUID | None
    occurrence_number: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as operators read it."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    kind: IncidentKind
    state: IncidentState
    severity: str
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolution: str | None
    root_run_id: UUID | None
    request_id: str | None
    occurrence_count: int
    previous_incident_id: UUID | None
    alert_state: AlertState
    version: int
    reason: str
    expected_at: datetime | None
    deadline_at: datetime | None
    acknowledged_until: datetime | None
    acknowledged_by: str | None
    assignee: str
    muted: bool
    tell_at: datetime | None
    event_count: int
