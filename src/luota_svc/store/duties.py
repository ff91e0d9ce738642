"""Duties that an operator's change brings or ends, by the ingest batch's own statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from luota_svc.model.batch import NewDuty, ToldRoute
from luota_svc.model.monitors import Severity
from luota_svc.model.routes import RouteMatch
from luota_svc.store.columns import columns
from luota_svc.store.database import Unit
from luota_svc.store.ingest import SQL


async def routes(unit: Unit, *workspace_ids: UUID) -> list[RouteMatch]:
    """Return where these workspaces' incidents may be told."""
    cursor = await unit.connection.execute(SQL["routes_of_workspaces"], (list(workspace_ids),))
    return [
        RouteMatch(
            id=row["id"],
            workspace_id=row["workspace_id"],
            monitor_ids=frozenset(row["monitor_ids"]),
            min_severity=Severity(row["min_severity"]),
            after_seconds=row["after_seconds"],
            fallback=row["fallback"],
            enabled=row["enabled"],
            destination=bytes(row["destination"]),
            drill=row["drill"],
        )
        for row in await cursor.fetchall()
    ]


async def lock_told(unit: Unit, *incident_ids: UUID) -> list[ToldRoute]:
    """Hold the duties of incidents and return what each route was to be told about them."""
    await unit.connection.execute(SQL["lock_told"], (list(incident_ids),))
    cursor = await unit.connection.execute(SQL["told_routes"], (list(incident_ids),))
    return [
        ToldRoute(row["id"], row["incident_id"], row["route_id"], row["reason"], row["state"], row["sequence"])
        for row in await cursor.fetchall()
    ]


async def write(unit: Unit, *, new: Sequence[NewDuty], ended: Sequence[tuple[UUID, UUID]] = (), now: datetime) -> None:
    """Take back words, each a (delivery, incident), and write new duties, whose (incident, route) those free."""
    if ended:
        await unit.connection.execute(SQL["end_live"], columns(ended))
        deliveries = [delivery_id for delivery_id, _ in ended]
        await unit.connection.execute(SQL["reissue"], (now, deliveries))
        await unit.connection.execute(SQL["cancel_spent"], (now, deliveries))
    if new:
        told = [(duty.id, duty.incident_id, duty.route_id, duty.sequence) for duty in new]
        await unit.connection.execute(SQL["insert_deliveries"], columns([duty[:-2] for duty in new]))
        await unit.connection.execute(SQL["insert_delivery_incidents"], columns(told))
        unit.ring()
