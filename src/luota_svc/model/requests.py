"""The support record of one request: refusals, duplicates, batches, management calls. No token, payload or output."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from luota_svc.model.delivery_reading import Delivery


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request's journey as support may see it."""

    request_id: str
    received_at: datetime
    door: str
    method: str
    status: str
    error_code: str | None
    duration_ms: int
    workspace_id: UUID | None = None
    monitor_id: UUID | None = None
    run_id: UUID | None = None
    incident_id: UUID | None = None
    key_id: UUID | None = None
    actor: str | None = None
    caller_request_id: str | None = None
    trace_id: str | None = None
    source_address: str | None = None


@dataclass(frozen=True, slots=True)
class FoundRequest:
    """One request as support finds it. A signal is its own record: it has a type, and neither method nor duration."""

    request_id: str
    received_at: datetime
    door: str
    method: str | None
    status: str | None
    error_code: str | None
    duration_ms: int | None
    workspace_id: UUID | None
    monitor_id: UUID | None
    run_id: UUID | None
    signal_id: UUID | None
    signal_type: str | None
    incident_id: UUID | None
    key_id: UUID | None
    actor: str | None
    caller_request_id: str | None
    trace_id: str | None
    source_address: str | None
    # To whom it was told.
    deliveries: tuple[Delivery, ...] = ()
