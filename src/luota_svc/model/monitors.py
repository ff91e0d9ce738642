"""A standing promise about one job or workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class MonitorKind(StrEnum):
    """What the promise is about."""

    HEARTBEAT = "heartbeat"
    RUN = "run"
    FRESHNESS = "freshness"


class Severity(StrEnum):
    """How bad a broken promise is; `rank` orders them, 1 is the mildest."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return 1 for info up to 4 for critical."""
        return list(Severity).index(self) + 1


class MonitorState(StrEnum):
    """How a monitor stands, derived: never healthy before its first good signal."""

    NEW = "new"
    HEALTHY = "healthy"
    FAILING = "failing"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Everything an operator sets; defaults and bounds stand in rules/monitor_settings. None = not set."""

    slug: str
    name: str
    kind: MonitorKind
    schedule_cron: str | None = None
    schedule_timezone: str = "UTC"
    interval_seconds: int | None = None
    grace_seconds: int = 300
    early_tolerance_seconds: int | None = None
    max_age_seconds: int | None = None
    max_duration_seconds: int | None = None
    min_duration_seconds: int | None = None
    stuck_after_seconds: int | None = None
    timeout_seconds: int | None = None
    failure_threshold: int = 1
    recovery_threshold: int = 1
    remind_every_seconds: int = 0
    severity: Severity = Severity.ERROR
    owner: str = ""
    runbook_url: str = ""
    environment: str = ""
    promise: str = ""
    tags: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SignalRef:
    """The last signal (or last good one) as a monitor remembers it, so that retention cannot lose it."""

    signal_id: UUID
    type: str
    received_at: datetime
    request_id: str
    run_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor as operators read it."""

    id: UUID
    workspace_id: UUID
    settings: MonitorSettings
    state: MonitorState
    paused_until: datetime | None
    muted_until: datetime | None
    next_deadline_at: datetime | None
    last_signal: SignalRef | None
    last_good_signal: SignalRef | None
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class MonitorMutex:
    """What the ingest fold reads of a monitor under its row lock: the promise's bounds and the running counters.

    `failures_in_row` and `successes_in_row` count judged closes in commit order; one of them is 0.
    """

    id: UUID
    workspace_id: UUID
    slug: str
    kind: MonitorKind
    severity: Severity
    failure_threshold: int
    recovery_threshold: int
    timeout_seconds: int | None
    max_duration_seconds: int | None
    min_duration_seconds: int | None
    stuck_after_seconds: int | None
    max_age_seconds: int | None
    remind_every_seconds: int
    paused_until: datetime | None
    muted_until: datetime | None
    failures_in_row: int
    successes_in_row: int
    last_judged_close_at: datetime | None
    next_deadline_at: datetime | None
