"""Incidents and deliveries written by SQL, as they stand at some instant; and what became of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.builders import World

SETTLED = {"delivered", "failed_terminal", "cancelled"}
RANKS = {"info": 1, "warning": 2, "error": 3, "critical": 4}


def incident(world: World, monitor: UUID | None = None, **words: Any) -> UUID:
    """Make an open incident, on a monitor of its own where none is given."""
    incident_id = world.clock.new_id()
    row = {
        "id": incident_id,
        "workspace_id": world.workspace_id,
        "monitor_id": monitor or world.monitor(),
        "kind": "failed",
        "state": "open",
        "severity": "error",
        "opened_at": world.clock.now(),
        "occurrence_count": 1,
        "event_count": 1,
        **words,
    }
    world._insert("incidents", row)
    return incident_id


def delivery(
    world: World, route: UUID, *incidents: UUID, state: str = "failed_retrying", sequence: int = 1, **words: Any
) -> UUID:
    """Make a delivery to a route about incidents; it is due now where it waits."""
    delivery_id, now = world.clock.new_id(), world.clock.now()
    (to,) = world.rows("SELECT workspace_id, destination FROM alert_routes WHERE id = %s", route)
    row = {
        "id": delivery_id,
        "workspace_id": to["workspace_id"],
        "route_id": route,
        "destination": to["destination"],
        "reason": "opened",
        "state": state,
        "severity_rank": 3,
        "created_at": now,
        "due_at": now,
        "expires_at": now + timedelta(hours=24),
        "next_attempt_at": now if state in {"pending", "failed_retrying"} else None,
        "lease_until": now if state == "sending" else None,
        "settled_at": now if state in SETTLED else None,
        **words,
    }
    world._insert("deliveries", row)
    for named in incidents:
        told = {
            "delivery_id": delivery_id,
            "incident_id": named,
            "route_id": route,
            "sequence": sequence,
            "live": state not in SETTLED and row["reason"] != "route_failure",
        }
        world._insert("delivery_incidents", told)
    return delivery_id


def stands(world: World, delivery_id: UUID) -> dict[str, Any]:
    (row,) = world.rows("SELECT * FROM deliveries WHERE id = %s", delivery_id)
    return row
