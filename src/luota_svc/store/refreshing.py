"""Routes whose receivers forget, and what each is to be told again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from luota_svc.model.refreshing import Standing
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("refreshing")


class ForgetfulRoute(NamedTuple):
    """A route whose turn this transaction took; its target is sealed."""

    id: UUID
    workspace_id: UUID
    target: bytes


async def claim(
    unit: Unit, now: datetime, *, before: datetime, ended_after: datetime, most: int
) -> list[ForgetfulRoute]:
    """Take the turn of routes that were refreshed at `before` or earlier and have something to say."""
    parameters = {"now": now, "before": before, "ended_after": ended_after, "most": most}
    rows = await unit.rows(SQL["claim"], parameters)
    return [ForgetfulRoute(row["id"], row["workspace_id"], bytes(row["target"])) for row in rows]


async def standing(unit: Unit, route: ForgetfulRoute, *, ended_after: datetime, most: int) -> list[Standing]:
    """Return what a route was last told of each incident that stands, or ended after an instant."""
    parameters = {
        "route_id": route.id,
        "workspace_id": route.workspace_id,
        "ended_after": ended_after,
        "most": most,
    }
    rows = await unit.rows(SQL["standing"], parameters)
    return [Standing(row["incident_id"], row["resolved_at"], bytes(row["content"])) for row in rows]
