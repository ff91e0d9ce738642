"""Deliveries as operators read them, and their replay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.model.delivery_reading import Attempt, Delivery
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_parameters

SQL = load_catalogue("delivery_reading")


@dataclass(frozen=True, slots=True)
class HeldDelivery:
    """One that is held to be told again."""

    id: UUID
    state: DeliveryState
    gathered_into: UUID | None
    route_usable: bool


async def home(unit: Unit, delivery_id: UUID) -> UUID | None:
    """Return the workspace of a delivery, None where there is no such delivery."""
    row = await unit.row(SQL["home"], {"id": delivery_id})
    if row is None:
        return None
    workspace_id: UUID = row["workspace_id"]
    return workspace_id


async def get(unit: Unit, delivery_id: UUID, *, whole: bool) -> Delivery | None:
    """Return one, or None; `whole` with what providers said and where they were dialled."""
    read = await _read(unit, [delivery_id], whole=whole)
    return read[0] if read else None


async def page_of_incident(unit: Unit, incident_id: UUID, ask: Ask[Newest]) -> Page[Delivery, Newest]:
    """List an incident's, newest first."""
    rows = await unit.rows(SQL["page"], {"incident_id": incident_id, **newest_parameters(ask)})
    kept = rows[: ask.size]
    last = Newest(kept[-1]["created_at"], kept[-1]["id"]) if len(rows) > ask.size else None
    return Page(tuple(await _read(unit, [row["id"] for row in kept], whole=False)), last)


async def newest_of_incident(unit: Unit, incident_id: UUID, most: int) -> tuple[list[Delivery], int]:
    """Return the newest of an incident's, newest first, and how many there are in all."""
    parameters = {"incident_id": incident_id, "after_at": None, "after_id": None, "limit": most}
    rows = await unit.rows(SQL["page"], parameters)
    return await _read(unit, [row["id"] for row in rows], whole=False), rows[0]["total"] if rows else 0


async def of_requests(unit: Unit, request_ids: Collection[str], *, only: UUID | None, most: int) -> list[Delivery]:
    """Return the newest that requests caused, newest first; `only` one workspace's."""
    parameters = {"request_ids": list(request_ids), "only": only, "most": most}
    rows = await unit.rows(SQL["of_requests"], parameters)
    return await _read(unit, [row["id"] for row in rows], whole=False)


async def lock(unit: Unit, delivery_id: UUID) -> HeldDelivery | None:
    """Hold one and its route, or return None."""
    await unit.run(SQL["lock_route"], {"id": delivery_id})
    row = await unit.row(SQL["lock"], {"id": delivery_id})
    if row is None:
        return None
    return HeldDelivery(row["id"], DeliveryState(row["state"]), row["gathered_into"], row["route_usable"])


async def insert_replay(
    unit: Unit, delivery_id: UUID, new_id: UUID, *, now: datetime, expires_at: datetime, traceparent: str | None
) -> None:
    """Write the duty to tell the same again at once.

    ResourceConflict where another duty is about to tell the route about one of the incidents.
    """
    parameters = {
        "id": delivery_id,
        "new_id": new_id,
        "now": now,
        "expires_at": expires_at,
        "traceparent": traceparent,
    }
    await unit.change("delivery_reading.replay", SQL["replay"], parameters)
    await unit.run(SQL["replay_incidents"], parameters)
    unit.ring()


async def _read(unit: Unit, ids: Sequence[UUID], *, whole: bool) -> list[Delivery]:
    if not ids:
        return []
    rows = await unit.rows(SQL["read"], {"ids": ids})
    attempts: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    for row in await unit.rows(SQL["attempts"], {"deliveries": ids, "whole": whole}):
        delivery_id = row.pop("delivery_id")
        attempts[delivery_id].append(Attempt(**row))
    return [_delivery(row, attempts[row["id"]]) for row in rows]


def _delivery(row: DictRow, attempts: Sequence[Attempt]) -> Delivery:
    words = {
        **row,
        "reason": DeliveryReason(row["reason"]),
        "state": DeliveryState(row["state"]),
        "incident_ids": tuple(row["incident_ids"]),
    }
    return Delivery(**words, attempts=tuple(attempts))
