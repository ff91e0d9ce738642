"""What one ingest batch reads and writes: rows as values, columns as their statements have them (store/ingest.sql)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from luota_svc.model.incidents import IncidentKind, IncidentState, OpenIncident
from luota_svc.model.keys import WorkspaceLimits
from luota_svc.model.maintenance import Quietable, QuietWindow
from luota_svc.model.monitors import MonitorMutex, Severity
from luota_svc.model.packets import Gap, NewPacket, Promise, RootRun
from luota_svc.model.routes import RouteMatch
from luota_svc.model.runs import RunState
from luota_svc.model.signals import IncidentView


@dataclass(slots=True)
class Wanted:
    """What a batch must read, gathered from its members. A monitor is named with the workspace it must belong to."""

    keys: set[UUID] = field(default_factory=set)
    monitors: set[tuple[UUID, UUID]] = field(default_factory=set)
    run_keys: set[tuple[UUID, str]] = field(default_factory=set)
    runs: set[UUID] = field(default_factory=set)
    signal_keys: set[tuple[UUID, str]] = field(default_factory=set)


class LoadedRun(NamedTuple):
    """A run as it stands in the database (or, for a pruned one, as its key remembers it)."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    external_run_id: str
    state: RunState
    started_at: datetime
    start_occurred: bool
    start_seen: bool
    received_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    last_sign_at: datetime
    timeout_at: datetime
    stuck_at: datetime | None
    slow_at: datetime | None
    next_deadline_at: datetime | None
    incident: IncidentView | None
    pruned: bool = False


class StuckRun(NamedTuple):
    """A run that counts as stuck: what the success of a later run clears."""

    id: UUID
    monitor_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Loaded:
    """What stood in the database when the batch held its monitors' locks."""

    transaction_id: str
    live_keys: dict[UUID, WorkspaceLimits]
    monitors: dict[UUID, MonitorMutex]
    runs: dict[UUID, LoadedRun]
    run_ids: dict[tuple[UUID, str], UUID]
    incidents: dict[tuple[UUID, IncidentKind], OpenIncident]
    signal_ids: dict[tuple[UUID, str], tuple[UUID, datetime]]
    stuck_runs: tuple[StuckRun, ...] = ()


class NewRun(NamedTuple):
    """A run that this batch opens (and perhaps closes)."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    external_run_id: str
    state: str
    started_at: datetime
    start_occurred: bool
    start_seen: bool
    received_at: datetime
    last_sign_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    summary: str | None
    exit_code: int | None
    deploy_sha: str | None
    host: str | None
    environment: str | None
    tags: str | None
    notes: str | None
    request_id: str
    close_request_id: str | None
    incident_id: UUID | None
    timeout_at: datetime
    next_deadline_at: datetime | None


class ChangedRun(NamedTuple):
    """A run that stood and is moved; `expected_state` guards it.

    None keeps what the row says, but for the last three: when it is found stuck, slow, and due to be looked at stand as
    they are given.
    """

    id: UUID
    expected_state: str
    state: str
    start_seen: bool
    last_sign_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    summary: str | None
    exit_code: int | None
    deploy_sha: str | None
    host: str | None
    environment: str | None
    tags: str | None
    notes: str | None
    close_request_id: str | None
    incident_id: UUID | None
    stuck_at: datetime | None
    slow_at: datetime | None
    next_deadline_at: datetime | None


class NewSignal(NamedTuple):
    """One immutable message."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    run_id: UUID | None
    type: str
    received_at: datetime
    occurred_at: datetime | None
    door: str
    key_id: UUID
    request_id: str
    caller_request_id: str | None
    traceparent: str | None
    source_address: str
    incident_id: UUID | None
    summary: str | None
    exit_code: int | None
    output: str | None
    payload: str | None
    deploy_sha: str | None
    host: str | None
    environment: str | None
    tags: str | None
    notes: str | None


class BadDay(NamedTuple):
    """The signal that may break a promise, and the newest good one of this batch before it, if there was one."""

    signal: NewSignal
    good_before: NewSignal | None


class ChangedMonitor(NamedTuple):
    """The counters and memories of one monitor after the batch. None keeps what the row says.

    `due_at` brings the next look at it forward, never back: a deadline that moved away is found by the sweep.
    """

    id: UUID
    failures_in_row: int
    successes_in_row: int
    last_judged_close_at: datetime | None
    last_signal: str
    last_good_signal: str | None
    last_heard_at: datetime | None
    last_fresh_at: datetime | None
    due_at: datetime | None


class SweptMonitor(NamedTuple):
    """What a look at a monitor's silence leaves on its row."""

    id: UUID
    judged_from: datetime
    settled_until: datetime
    paused_until: datetime | None
    failures_in_row: int
    successes_in_row: int
    next_deadline_at: datetime | None


class NewIncident(NamedTuple):
    """An incident that this batch opens (and perhaps resolves)."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    kind: str
    state: str
    severity: str
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    root_run_id: UUID | None
    request_id: str | None
    traceparent: str | None
    occurrence_count: int
    event_count: int
    previous_incident_id: UUID | None
    muted: bool
    reason: str
    expected_at: datetime | None
    deadline_at: datetime | None
    tell_at: datetime | None
    next_reminder_at: datetime | None
    next_deadline_at: datetime | None


class ChangedIncident(NamedTuple):
    """An incident that stood and is added to or resolved; `expected_version` guards it."""

    id: UUID
    expected_version: int
    state: str
    occurrence_count: int
    event_count: int
    resolved_at: datetime | None
    resolution: str | None


class NewEvent(NamedTuple):
    """One entry of an incident's timeline."""

    incident_id: UUID
    number: int
    event: str
    at: datetime
    actor: str
    request_id: str | None
    run_id: UUID | None
    signal_id: UUID | None
    occurrence_number: int | None
    detail: str | None


class NewDuty(NamedTuple):
    """One delivery to be made, with the incident it tells about; `sequence` counts per incident and route."""

    id: UUID
    workspace_id: UUID
    route_id: UUID
    destination: bytes
    reason: str
    severity_rank: int
    created_at: datetime
    expires_at: datetime
    next_attempt_at: datetime
    request_id: str | None
    traceparent: str | None
    incident_id: UUID
    sequence: int


class ToldRoute(NamedTuple):
    """A duty that stands for an incident when it resolves: to which route, what about, and how far it came."""

    delivery_id: UUID
    incident_id: UUID
    route_id: UUID
    reason: str
    state: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Tellable:
    """What must be known before incidents are written: the routes, what was told, which incidents came before.

    Whether their monitors are quiet: the windows of their workspaces, and what each monitor brings to them.
    And what the packets of those that open freeze: their monitors' promises, their runs as they stood, the newest gaps.
    """

    routes: tuple[RouteMatch, ...]
    told: tuple[ToldRoute, ...]
    previous: dict[tuple[UUID, IncidentKind], UUID]
    promises: dict[UUID, Promise] = field(default_factory=dict)
    root_runs: dict[UUID, RootRun] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    windows: tuple[QuietWindow, ...] = ()
    quietable: dict[UUID, Quietable] = field(default_factory=dict)


@dataclass(slots=True)
class Writes:
    """Everything one batch writes, in the transaction that read `Loaded`."""

    new_runs: list[NewRun] = field(default_factory=list)
    changed_runs: list[ChangedRun] = field(default_factory=list)
    freed_runs: list[UUID] = field(default_factory=list)
    # Monitors of which more runs count as stuck than before.
    stuck_on: set[UUID] = field(default_factory=set)
    signals: list[NewSignal] = field(default_factory=list)
    signal_keys: list[tuple[UUID, str, UUID, datetime]] = field(default_factory=list)
    monitors: list[ChangedMonitor] = field(default_factory=list)
    swept_monitors: list[SweptMonitor] = field(default_factory=list)
    new_incidents: list[NewIncident] = field(default_factory=list)
    changed_incidents: list[ChangedIncident] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    dropped_occurrences: list[tuple[UUID, int]] = field(default_factory=list)
    packets: list[NewPacket] = field(default_factory=list)
    duties: list[NewDuty] = field(default_factory=list)
    # Words about an incident that are taken back: (delivery, incident).
    ended: list[tuple[UUID, UUID]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """How one incident ended this batch, for routing: opened and still standing, or resolved.

    `quiet`: its monitor is muted or in a maintenance window at `at`.
    """

    incident_id: UUID
    workspace_id: UUID
    monitor_id: UUID
    kind: IncidentKind
    severity: Severity
    state: IncidentState
    opened_here: bool
    at: datetime
    quiet: bool
    request_id: str | None
    traceparent: str | None
    root_run_id: UUID | None = None
