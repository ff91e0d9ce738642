"""A delivery as operators and packets read it, with every attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from luota_svc.model.deliveries import DeliveryReason, DeliveryState


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to a provider. `outcome` is an OutcomeKind's word."""

    number: int
    started_at: datetime
    duration_ms: int | None
    outcome: str
    http_status: int | None
    provider_id: str | None
    error: str | None
    retry_after_seconds: int | None
    # Its result came after the delivery had passed to another worker.
    late: bool
    trace_id: str | None
    # What the provider said and where it was dialled: only where one delivery is read, by an operator.
    reply: str | None = None
    resolved_address: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A duty to tell one route. `next_attempt_at` is the true one: not before its destination's breaker closes."""

    id: UUID
    workspace_id: UUID
    route_id: UUID
    route_name: str
    reason: DeliveryReason
    state: DeliveryState
    incident_ids: tuple[UUID, ...]
    attempt_count: int
    next_attempt_at: datetime | None
    provider_id: str | None
    request_id: str | None
    error: str | None
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    replay_of: UUID | None
    gathered_into: UUID | None
    attempts: tuple[Attempt, ...]
