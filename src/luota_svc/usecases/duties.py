"""A routed duty as the row that is written in the transaction of the fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luota_svc.model.batch import IncidentChange, NewDuty

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from luota_svc.rules.routing import RoutedDuty


def new_duty(duty_id: UUID, change: IncidentChange, duty: RoutedDuty, now: datetime) -> NewDuty:
    """Return the delivery that tells this route of this change; it bears the request and trace that caused it."""
    return NewDuty(
        id=duty_id,
        workspace_id=change.workspace_id,
        route_id=duty.route.id,
        destination=duty.route.destination,
        reason=duty.reason.value,
        severity_rank=change.severity.rank,
        created_at=now,
        expires_at=duty.expires_at,
        next_attempt_at=duty.due_at,
        request_id=change.request_id,
        traceparent=change.traceparent,
        incident_id=change.incident_id,
        sequence=duty.sequence,
    )
