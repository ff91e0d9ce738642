"""What a sweep takes and reads: rows as values, as their statements have them (store/sweep.sql)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from luota_svc.model.incidents import IncidentKind, OpenIncident
from luota_svc.model.monitors import MonitorMutex
from luota_svc.model.packets import Gap
from luota_svc.model.silence import Watch


class OldestDue(NamedTuple):
    """What is looked at next, and when a process last took signals; None where there is none."""

    monitor_at: datetime | None
    run_at: datetime | None
    last_beat_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whose locks are held (`homes`: monitor -> workspace), which of those are due themselves, and which runs."""

    homes: dict[UUID, UUID]
    due_monitors: frozenset[UUID]
    runs: tuple[UUID, ...]


class SweptRun(NamedTuple):
    """A running run that is due."""

    id: UUID
    monitor_id: UUID
    start_seen: bool
    started_at: datetime
    received_at: datetime
    last_sign_at: datetime
    timeout_at: datetime
    stuck_at: datetime | None
    slow_at: datetime | None
    overtaken: bool
    next_deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """What stood when the locks were held. A deleted monitor has no mutex and no watch, though its runs are there."""

    last_beat_at: datetime | None
    monitors: dict[UUID, MonitorMutex]
    watches: dict[UUID, Watch]
    incidents: dict[tuple[UUID, IncidentKind], OpenIncident]
    runs: tuple[SweptRun, ...]
    gaps: tuple[Gap, ...]
