"""What waits where its route takes nothing any more or does not lead any more, as rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("left_behind")


class Place(NamedTuple):
    """A route, and a destination at which something waits for it."""

    route_id: UUID
    destination: bytes


class HeldRoute(NamedTuple):
    """A route as it stands: where it leads, and whether it takes anything."""

    destination: bytes
    enabled: bool
    deleted: bool


async def places(unit: Unit, most: int) -> list[Place]:
    """Return up to `most` places where something was left behind. Nothing is held."""
    return [Place(row["route_id"], bytes(row["destination"])) for row in await unit.rows(SQL["places"], {"most": most})]


async def hold_routes(unit: Unit, route_ids: Collection[UUID]) -> dict[UUID, HeldRoute]:
    """Hold routes and return them by id; one that somebody else holds is left out."""
    rows = await unit.rows(SQL["hold_routes"], {"ids": list(route_ids)})
    return {row["id"]: HeldRoute(bytes(row["destination"]), row["enabled"], row["deleted"]) for row in rows}


async def hold(unit: Unit, place: Place, most: int) -> list[UUID]:
    """Hold up to `most` of what waits at a place, the oldest first. Its route is held."""
    return [row["id"] for row in await unit.rows(SQL["hold"], {**place._asdict(), "most": most})]
