"""One immutable message from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from luota_svc.model.runs import Note, RunView


class SignalType(StrEnum):
    """What was said. `finish` opens (if need be) and closes a run in one call."""

    PING = "ping"
    START = "start"
    PROGRESS = "progress"
    SUCCESS = "success"
    FAIL = "fail"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a signal carries beside its meaning; already redacted and truncated when it joins a batch.

    `payload` is JSON text as sent (2^60 stays 2^60), `output` plain text.
    """

    occurred_at: datetime | None = None
    summary: str | None = None
    exit_code: int | None = None
    output: str | None = None
    payload: str | None = None
    deploy_sha: str | None = None
    host: str | None = None
    environment: str | None = None
    tags: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One signal as a door hands it over: which monitor or run it is about, and its evidence.

    Exactly one way of naming: `run_id`, or `monitor_id`, or `monitor` (a slug), the latter two with `external_run_id`
    for run signals.
    `workspace_id` is set where the path named one and must be the key's own. `signal_key` makes a ping idempotent.
    """

    type: SignalType
    evidence: Evidence
    monitor_id: UUID | None = None
    monitor: str | None = None
    external_run_id: str | None = None
    run_id: UUID | None = None
    workspace_id: UUID | None = None
    signal_key: str | None = None
    timeout_seconds: int | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentView:
    """What an ingest answer shows of an incident; its url is built where the answer is."""

    id: UUID
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The signal landed: it (or the one it repeats) is committed to PostgreSQL.

    `signal_id` and `monitor_id` name the kept signal of a ping; `run` stands for every run signal.
    """

    monitor_id: UUID
    signal_id: UUID | None
    received_at: datetime
    duplicate: bool
    run: RunView | None = None
    incident: IncidentView | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as operators read it."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    run_id: UUID | None
    type: SignalType
    received_at: datetime
    evidence: Evidence
    notes: tuple[Note, ...]
    request_id: str
    caller_request_id: str | None
    trace_id: str | None
