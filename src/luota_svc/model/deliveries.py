"""The duty to tell one route about one change of one incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class DeliveryState(StrEnum):
    """pending -> sending -> delivered | failed_retrying | failed_terminal; or cancelled (docs/states.md)."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED_RETRYING = "failed_retrying"
    FAILED_TERMINAL = "failed_terminal"
    CANCELLED = "cancelled"


class DeliveryReason(StrEnum):
    """Which change the route is told about."""

    OPENED = "opened"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    ESCALATION = "escalation"
    ROUTE_FAILURE = "route_failure"
    TEST = "test"
    DRILL = "drill"


@dataclass(frozen=True, slots=True)
class Duty:
    """One delivery row to be written in the transaction of the fact that caused it."""

    id: UUID
    workspace_id: UUID
    route_id: UUID
    destination: bytes
    incident_id: UUID
    reason: DeliveryReason
    severity_rank: int
    due_at: datetime
    expires_at: datetime
    request_id: str | None
    traceparent: str | None
