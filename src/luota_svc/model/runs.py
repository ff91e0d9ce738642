"""One execution of a monitored job, idempotent by (monitor, external run id)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class RunState(StrEnum):
    """running -> succeeded | failed, terminal; running -> expired, by us (docs/states.md)."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class RunView:
    """What an ingest answer shows of a run: never payload or output."""

    id: UUID
    monitor_id: UUID
    external_run_id: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run as operators read it."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    external_run_id: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    summary: str | None
    exit_code: int | None
    deploy_sha: str | None
    host: str | None
    environment: str | None
    tags: dict[str, str]
    notes: tuple[Note, ...]
    request_id: str
    close_request_id: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """Something the answer must say beside its result: a redaction, a truncation, a clamped clock, a late close."""

    field: str
    note: str
    original_bytes: int | None = None
    kept_bytes: int | None = None
    count: int | None = None
