"""What is said again to receivers that forget: incidents that were told there and stand, or ended lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from luota_svc.model.routes import Target


@dataclass(frozen=True, slots=True)
class Standing:
    """One incident as a route was last told of it: the frozen alert that was delivered. None: it is not over."""

    incident_id: UUID
    resolved_at: datetime | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Refresh:
    """All that one route is to be told again."""

    route_id: UUID
    target: Target
    standing: tuple[Standing, ...]
