"""The duty to tell one route about one change of one incident."""

from __future__ import annotations

from enum import StrEnum


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
