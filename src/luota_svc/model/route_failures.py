"""Deliveries that do not arrive, and the fallback routes that are told of them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class FailingDelivery(NamedTuple):
    """A delivery that has failed for so long, or for good, that somebody else is to be told."""

    id: UUID
    workspace_id: UUID
    route_id: UUID
    severity_rank: int
    request_id: str | None
    traceparent: str | None
    # What it was to tell about, and still is; of one that failed for good all that it ever was.
    incident_ids: frozenset[UUID]


class StandingRoute(NamedTuple):
    """A route that failed, or a fallback route: where it leads."""

    id: UUID
    workspace_id: UUID
    destination: bytes
    # Made by a drill: it fails on purpose.
    drill: bool = False


class ToldFallback(NamedTuple):
    """A route_failure that a fallback route has lately got, or will get."""

    id: UUID
    route_id: UUID
    about_route_id: UUID
    due_at: datetime
    # It waits, and nobody has frozen what it tells: it can tell more. It is held then.
    open: bool
    incident_ids: frozenset[UUID]


class RouteFailure(NamedTuple):
    """A duty to tell a fallback route that another route does not deliver."""

    workspace_id: UUID
    route_id: UUID
    destination: bytes
    about_route_id: UUID
    severity_rank: int
    due_at: datetime
    expires_at: datetime
    request_id: str | None
    traceparent: str | None
    incident_ids: frozenset[UUID]


class Joining(NamedTuple):
    """Incidents that a route_failure which waits is to name too."""

    delivery_id: UUID
    severity_rank: int
    incident_ids: frozenset[UUID]
