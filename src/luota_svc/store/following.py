"""Routes whose provider keeps a state of its own for each incident, and must follow ours."""

from __future__ import annotations

from uuid import UUID

from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("following")


async def following_routes(unit: Unit, workspace_id: UUID) -> set[UUID]:
    """Return the routes of a workspace that lead to a pager."""
    return {row["id"] for row in await unit.rows(SQL["routes"], {"workspace_id": workspace_id})}
