"""The evidence packet: what is frozen when an incident opens, and what is told of it since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from luota_svc.model.audit import AuditEntry
from luota_svc.model.delivery_reading import Delivery
from luota_svc.model.incidents import IncidentKind, TimelineEntry
from luota_svc.model.monitors import Severity, SignalRef


class Promise(NamedTuple):
    """A monitor as it stood when its promise broke, and what it had heard by then; as its statement has it."""

    slug: str
    name: str
    kind: str
    schedule_cron: str | None
    schedule_timezone: str
    interval_seconds: int | None
    grace_seconds: int
    early_tolerance_seconds: int | None
    max_age_seconds: int | None
    max_duration_seconds: int | None
    min_duration_seconds: int | None
    stuck_after_seconds: int | None
    timeout_seconds: int | None
    failure_threshold: int
    recovery_threshold: int
    remind_every_seconds: int
    severity: str
    owner: str
    runbook_url: str
    environment: str
    promise: str
    tags: dict[str, str]
    version: int
    last_signal: SignalRef | None
    last_good_signal: SignalRef | None


class Gap(NamedTuple):
    """A span in which no process took signals: silence of our own."""

    started_at: datetime
    ended_at: datetime


class BadSignal(NamedTuple):
    """The signal that broke the promise, cleaned as it was kept."""

    id: UUID
    type: str
    received_at: datetime
    occurred_at: datetime | None
    request_id: str
    caller_request_id: str | None
    summary: str | None
    exit_code: int | None
    output: str | None
    payload: str | None
    deploy_sha: str | None
    host: str | None
    environment: str | None
    tags: dict[str, str]
    notes: list[dict[str, Any]]


class RootRun(NamedTuple):
    """The run that an incident is about, with what its start and its close said together; as its statement has it."""

    id: UUID
    external_run_id: str
    state: str
    started_at: datetime
    received_at: datetime
    last_sign_at: datetime
    timeout_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    summary: str | None
    exit_code: int | None
    deploy_sha: str | None
    host: str | None
    environment: str | None
    tags: dict[str, str]
    notes: list[dict[str, Any]]
    request_id: str
    close_request_id: str | None


class Opening(NamedTuple):
    """Everything that an incident's opening knew. `good_signal` is the newest good one before it."""

    incident_id: UUID
    workspace_id: UUID
    monitor_id: UUID
    kind: IncidentKind
    severity: Severity
    reason: str
    opened_at: datetime
    request_id: str | None
    previous_incident_id: UUID | None
    expected_at: datetime | None
    deadline_at: datetime | None
    promise: Promise
    good_signal: SignalRef | None
    bad_signal: BadSignal | None
    run: RootRun | None
    gaps: tuple[Gap, ...]


class NewPacket(NamedTuple):
    """What an incident froze: canonical JSON and its SHA-256."""

    incident_id: UUID
    frozen: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class TellingRoute:
    """A route that was told about the incident, or that would be told now. No target, no secret."""

    id: UUID
    name: str
    kind: str
    state: str
    enabled: bool
    deleted: bool
    last_delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """What a packet tells beside its frozen parts, as it stands now, oldest first.

    Of a long list the newest are told; the rest is counted.
    """

    owner: str
    runbook_url: str
    routes: tuple[TellingRoute, ...]
    deliveries: tuple[Delivery, ...]
    deliveries_omitted: int
    timeline: tuple[TimelineEntry, ...]
    timeline_omitted: int
    changes: tuple[AuditEntry, ...]
    changes_omitted: int


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet as plain JSON values in their public spelling, and its canonical text."""

    document: dict[str, Any]
    text: str
