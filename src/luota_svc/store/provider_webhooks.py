"""Routes as a provider's own webhook names them."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from luota_svc.model.routes import RouteKind
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("provider_webhooks")


class WebhookRoute(NamedTuple):
    """Whose incidents it tells of, and its sealed target, which holds what the webhook is signed with."""

    workspace_id: UUID
    target: bytes


async def find_route(unit: Unit, route_id: UUID, kind: RouteKind) -> WebhookRoute | None:
    """Return a route of this kind, or None."""
    row = await unit.row(SQL["route"], {"id": route_id, "kind": kind.value})
    return WebhookRoute(row["workspace_id"], bytes(row["target"])) if row else None
