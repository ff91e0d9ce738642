"""Deliveries that do not arrive and duties to tell fallback routes of them, as rows: found when due, held, written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from luota_svc.model.route_failures import FailingDelivery, Joining, RouteFailure, StandingRoute, ToldFallback
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("route_failures")

# What was told within an hour is known; what waits for a day at most will be.
_KNOWN_FOR = timedelta(hours=1)
_WAITS_FOR = timedelta(hours=25)


async def call_for_held(unit: Unit, now: datetime, *, before: datetime, most: int) -> int:
    """Let somebody else be told of up to `most` words that came due before an instant and wait behind an open breaker.

    They are named once, and stay what they are. A transaction of its own: routes come before them in the lock order.
    """
    return await unit.run(SQL["call_for_held"], {"now": now, "before": before, "most": most})


async def find_due(unit: Unit, now: datetime, most: int) -> dict[UUID, UUID]:
    """Return delivery -> route of what somebody else is to be told of, the longest due first; nothing is held."""
    return {row["id"]: row["route_id"] for row in await unit.rows(SQL["due"], {"now": now, "most": most})}


async def hold_routes(unit: Unit, route_ids: Collection[UUID]) -> dict[UUID, StandingRoute]:
    """Hold routes, deleted ones too, and return them."""
    return {route.id: route for route in map(_route, await unit.rows(SQL["hold_routes"], {"ids": list(route_ids)}))}


async def hold_due(unit: Unit, delivery_ids: Collection[UUID], now: datetime) -> list[FailingDelivery]:
    """Hold those of the deliveries that are still due and that nobody else holds, and return them."""
    held = await unit.rows(SQL["hold_due"], {"ids": list(delivery_ids), "now": now})
    if not held:
        return []
    # A statement of its own, behind the locks: it sees what they waited for.
    rows = await unit.rows(SQL["failing"], {"ids": [row["id"] for row in held]})
    return [
        FailingDelivery(
            row["id"],
            row["workspace_id"],
            row["route_id"],
            row["severity_rank"],
            row["request_id"],
            row["traceparent"],
            frozenset(row["incident_ids"]),
        )
        for row in rows
    ]


async def fallbacks(unit: Unit, workspace_ids: Collection[UUID]) -> list[StandingRoute]:
    """Return the enabled fallback routes of workspaces."""
    return [_route(row) for row in await unit.rows(SQL["fallbacks"], {"workspace_ids": list(workspace_ids)})]


async def told(
    unit: Unit, fallback_ids: Collection[UUID], about_ids: Collection[UUID], now: datetime
) -> list[ToldFallback]:
    """Return what fallback routes know of failing routes; duties that can tell more are held."""
    words = {
        "fallback_ids": list(fallback_ids),
        "about_ids": list(about_ids),
        "since": now - _KNOWN_FOR,
        "waiting_since": now - _WAITS_FOR,
    }
    rows = await unit.rows(SQL["told"], words)
    held = await unit.rows(SQL["hold_open"], {"ids": [row["id"] for row in rows]})
    open_ids = {row["id"] for row in held}
    return [
        ToldFallback(
            row["id"],
            row["route_id"],
            row["about_route_id"],
            row["due_at"],
            row["id"] in open_ids,
            frozenset(row["incident_ids"]),
        )
        for row in rows
    ]


async def insert(unit: Unit, duties: Mapping[UUID, RouteFailure], now: datetime) -> None:
    """Write new duties by their ids."""
    if not duties:
        return
    words = {
        "ids": list(duties),
        "workspace_ids": [duty.workspace_id for duty in duties.values()],
        "route_ids": [duty.route_id for duty in duties.values()],
        "destinations": [duty.destination for duty in duties.values()],
        "severity_ranks": [duty.severity_rank for duty in duties.values()],
        "due_at": [duty.due_at for duty in duties.values()],
        "expires_at": [duty.expires_at for duty in duties.values()],
        "request_ids": [duty.request_id for duty in duties.values()],
        "traceparents": [duty.traceparent for duty in duties.values()],
        "about_route_ids": [duty.about_route_id for duty in duties.values()],
        "now": now,
    }
    await unit.change("route_failures.insert", SQL["insert"], words, rows=len(duties))
    await _name(unit, [(id_, incident) for id_, duty in duties.items() for incident in duty.incident_ids])


async def join(unit: Unit, joining: Sequence[Joining]) -> None:
    """Let duties that are held name more incidents."""
    if not joining:
        return
    await _name(unit, [(each.delivery_id, incident) for each in joining for incident in each.incident_ids])
    words = {
        "ids": [each.delivery_id for each in joining],
        "severity_ranks": [each.severity_rank for each in joining],
    }
    await unit.run(SQL["raise_severity"], words)


async def done(unit: Unit, delivery_ids: Collection[UUID]) -> None:
    """Let nobody be told of these any more."""
    await unit.run(SQL["done"], {"ids": list(delivery_ids)})


async def _name(unit: Unit, named: Sequence[tuple[UUID, UUID]]) -> None:
    ids, incident_ids = zip(*named, strict=True)
    await unit.run(SQL["name_incidents"], {"ids": list(ids), "incident_ids": list(incident_ids)})


def _route(row: Mapping[str, Any]) -> StandingRoute:
    return StandingRoute(row["id"], row["workspace_id"], bytes(row["destination"]), row["drill"])
