"""Drills as rows, with the route and the deliveries of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from luota_svc.model.deliveries import DeliveryState
from luota_svc.model.drills import Drill
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("drills")


async def get(unit: Unit, drill_id: UUID) -> Drill | None:
    """Return one, or None."""
    row = await unit.row(SQL["read"], {"id": drill_id})
    return None if row is None else Drill(**row)


async def count_standing(unit: Unit, workspace_id: UUID) -> int:
    """Return how many of a workspace have not ended; no other one is started meanwhile."""
    await unit.rows(SQL["lock_workspace"], {"workspace_id": workspace_id})
    row = await unit.row(SQL["count_standing"], {"workspace_id": workspace_id})
    assert row is not None
    drills: int = row["drills"]
    return drills


async def insert(unit: Unit, drill: Drill) -> None:
    """Keep a new one, whose route stands: from now on that is told of the drill alone."""
    parameters = {**asdict(drill), "now": drill.created_at}
    await unit.change("drills.insert", SQL["insert"], parameters)
    await unit.change("drills.claim_route", SQL["claim_route"], parameters)


async def made_route(unit: Unit, route_id: UUID) -> bool:
    """Tell whether a route is a drill's own."""
    return await unit.row(SQL["made_route"], {"route_id": route_id}) is not None


async def receive(unit: Unit, drill_id: UUID, now: datetime) -> bool | None:
    """Count that one was told something and return whether it is repaired; None where there is none or it is over."""
    row = await unit.row(SQL["receive"], {"id": drill_id, "now": now})
    return None if row is None else bool(row["repaired"])


async def repair(unit: Unit, drill: Drill, now: datetime) -> None:
    """Let its receiver take what it is told, and send what waits at once."""
    await unit.run(SQL["lock_route"], {"route_id": drill.route_id})
    if await unit.run(SQL["repair"], {"id": drill.id, "now": now}) == 1:
        waiting = await lock_undelivered(unit, drill)
        await unit.run(SQL["make_due"], {"ids": list(waiting), "now": now})
        await unit.run(SQL["close_breaker"], {"route_id": drill.route_id})
        unit.ring()


async def lock_undelivered(unit: Unit, drill: Drill) -> dict[UUID, DeliveryState]:
    """Hold its route, and what that is still to be told; return the states."""
    await unit.run(SQL["lock_route"], {"route_id": drill.route_id})
    rows = await unit.rows(SQL["lock_undelivered"], {"route_id": drill.route_id})
    return {row["id"]: DeliveryState(row["state"]) for row in rows}


async def end(unit: Unit, drill: Drill, waiting: Collection[UUID], now: datetime) -> None:
    """Take back what is held and waits, remove its route, and say that it has ended."""
    parameters = {"id": drill.id, "route_id": drill.route_id, "ids": list(waiting), "now": now}
    await unit.run(SQL["cancel"], parameters)
    await unit.run(SQL["end_words"], parameters)
    await unit.run(SQL["close_route"], parameters)
    await unit.run(SQL["end"], parameters)


async def expired(unit: Unit, now: datetime, most: int) -> list[UUID]:
    """Name those that nobody has ended in time."""
    return [row["id"] for row in await unit.rows(SQL["expired"], {"now": now, "most": most})]
