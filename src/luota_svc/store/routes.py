"""Alert routes as rows, and what a change of one does to what it is still to be told."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.monitors import Severity
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.model.routes import Route, RouteKind, RouteSettings, RouteState, Target
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters

SQL = load_catalogue("routes")


class Sealed(NamedTuple):
    """A target as it is kept: sealed, what people see of it, and which destination it is."""

    target: bytes
    shown: Target
    destination: bytes


class StoredRoute(NamedTuple):
    """A route with its target as it is kept."""

    route: Route
    sealed: Sealed


async def get(unit: Unit, route_id: UUID) -> StoredRoute | None:
    """Return one, or None."""
    row = await unit.row(SQL["read"], {"id": route_id})
    return _stored(row) if row else None


async def lock(unit: Unit, route_id: UUID) -> StoredRoute | None:
    """Hold one and return it, or None."""
    row = await unit.row(SQL["lock"], {"id": route_id})
    return _stored(row) if row else None


async def page(unit: Unit, workspace_id: UUID, ask: Ask[Newest]) -> Page[Route, Newest]:
    """List a workspace's, those made last first."""
    rows = await unit.rows(SQL["page"], {"workspace_id": workspace_id, **newest_parameters(ask)})
    return newest_page(rows, ask, _route, "created_at")


async def count(unit: Unit, workspace_id: UUID) -> int:
    """Return how many routes a workspace has; no other one is made meanwhile."""
    await unit.rows(SQL["lock_workspace"], {"workspace_id": workspace_id})
    row = await unit.row(SQL["count"], {"workspace_id": workspace_id})
    assert row is not None
    routes: int = row["routes"]
    return routes


async def insert(
    unit: Unit, route_id: UUID, workspace_id: UUID, settings: RouteSettings, sealed: Sealed, now: datetime
) -> None:
    """Make one; its destination stands."""
    parameters = {"id": route_id, "workspace_id": workspace_id, "now": now, **_columns(settings), **_target(sealed)}
    await unit.change("routes.insert", SQL["insert"], {**parameters, "kind": settings.kind.value})


async def update(
    unit: Unit, route: Route, settings: RouteSettings, sealed: Sealed, *, retargeted: bool, now: datetime
) -> None:
    """Write settings and target over the version that was read; one that was `retargeted` is unproven again."""
    parameters = {**_guard(route, now), **_columns(settings), **_target(sealed), "retargeted": retargeted}
    await unit.change("routes.update", SQL["update"], parameters)


async def delete(unit: Unit, route: Route, now: datetime) -> None:
    """Delete one softly, from the version that was read; its secrets are forgotten."""
    await unit.change("routes.delete", SQL["delete"], _guard(route, now))


async def keep_destination(unit: Unit, workspace_id: UUID, destination: bytes, *, per_second: int, paced: bool) -> None:
    """Make sure that a destination stands, and how it is spoken to; its breaker stays as it is."""
    words = {"workspace_id": workspace_id, "destination": destination, "per_second": per_second, "paced": paced}
    await unit.run(SQL["keep_destination"], words)


async def close_breaker(unit: Unit, workspace_id: UUID, destination: bytes) -> None:
    """Forget what failed at a destination."""
    await unit.run(SQL["close_breaker"], {"workspace_id": workspace_id, "destination": destination})


async def let_probe(unit: Unit, workspace_id: UUID, destination: bytes, now: datetime) -> None:
    """Let one attempt through an open breaker now."""
    await unit.run(SQL["let_probe"], {"workspace_id": workspace_id, "destination": destination, "now": now})


async def lock_unfinished(unit: Unit, stored: StoredRoute, most: int) -> list[UUID]:
    """Hold what a route is still to be told: all that is in flight, and up to `most` of what waits, the oldest."""
    words = {
        "workspace_id": stored.route.workspace_id,
        "route_id": stored.route.id,
        "destination": stored.sealed.destination,
        "most": most,
    }
    return [row["id"] for row in await unit.rows(SQL["lock_unfinished"], words)]


async def redirect(unit: Unit, ids: Collection[UUID], destination: bytes, now: datetime) -> None:
    """Send what is unfinished to a destination, at once; an escalation not before it is due. They are held."""
    await unit.run(SQL["redirect"], {"ids": list(ids), "destination": destination, "now": now})
    unit.ring()


async def end_waiting(unit: Unit, ids: Collection[UUID], error: str, now: datetime) -> None:
    """End those that wait as failed for good; whoever stands in for their route is due to hear of it. They are held."""
    await unit.run(SQL["free_words"], {"ids": list(ids)})
    await unit.run(SQL["end_waiting"], {"ids": list(ids), "error": error, "now": now})


async def insert_test(
    unit: Unit,
    delivery_id: UUID,
    stored: StoredRoute,
    *,
    now: datetime,
    expires_at: datetime,
    request_id: str,
    traceparent: str | None,
) -> None:
    """Write the duty to send a test alert through a route, due at once."""
    words = {
        "id": delivery_id,
        "workspace_id": stored.route.workspace_id,
        "route_id": stored.route.id,
        "destination": stored.sealed.destination,
        "now": now,
        "expires_at": expires_at,
        "request_id": request_id,
        "traceparent": traceparent,
    }
    await unit.change("routes.insert_test", SQL["insert_test"], words)
    unit.ring()


async def sealed_after(unit: Unit, after: UUID, limit: int) -> dict[UUID, bytes]:
    """Hold and return some sealed targets, in the order of their routes' ids."""
    rows = await unit.rows(SQL["sealed"], {"after": after, "limit": limit})
    return {row["id"]: bytes(row["target"]) for row in rows}


async def reseal(unit: Unit, targets: Mapping[UUID, bytes]) -> None:
    """Keep targets as they were sealed anew. They are held."""
    if targets:
        words = {"ids": list(targets), "targets": list(targets.values())}
        await unit.change("routes.reseal", SQL["reseal"], words, rows=len(targets))


async def mark_broken(unit: Unit, route_ids: Collection[UUID], error: str, now: datetime) -> None:
    """Say that routes take nothing until somebody repairs them, and why."""
    if route_ids:
        await unit.run(SQL["break"], {"ids": list(route_ids), "error": error, "now": now})


def _guard(route: Route, now: datetime) -> dict[str, Any]:
    return {"id": route.id, "version": route.version, "now": now}


def _columns(settings: RouteSettings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "monitor_ids": sorted(settings.monitor_ids),
        "min_severity": settings.min_severity.value,
        "fallback": settings.fallback,
        "after_seconds": settings.after_seconds,
        "enabled": settings.enabled,
    }


def _target(sealed: Sealed) -> dict[str, Any]:
    shown = json.dumps(dict(sealed.shown), ensure_ascii=False, separators=(",", ":"))
    return {"target": sealed.target, "target_mask": shown, "destination": sealed.destination}


def _stored(row: DictRow) -> StoredRoute:
    route = _route(row)
    return StoredRoute(route, Sealed(bytes(row["target"]), route.shown, bytes(row["destination"])))


def _route(row: DictRow) -> Route:
    return Route(
        id=row["id"],
        workspace_id=row["workspace_id"],
        settings=RouteSettings(
            name=row["name"],
            kind=RouteKind(row["kind"]),
            monitor_ids=frozenset(row["monitor_ids"]),
            min_severity=Severity(row["min_severity"]),
            fallback=row["fallback"],
            after_seconds=row["after_seconds"],
            enabled=row["enabled"],
        ),
        # One that was written by hand has none.
        shown=json.loads(row["target_mask"] or "{}"),
        state=RouteState(row["state"]),
        last_delivered_at=row["last_delivered_at"],
        last_failed_at=row["last_failed_at"],
        last_error=row["last_error"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
        version=row["version"],
    )
