"""Deliveries of which timelines are to tell, as rows: found, held, noted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from luota_svc.model.batch import NewEvent
from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.ingest import SQL as INGEST

SQL = load_catalogue("delivery_notes")


class Named(NamedTuple):
    """That a delivery tells of an incident."""

    delivery_id: UUID
    incident_id: UUID
    monitor_id: UUID


class Unnoted(NamedTuple):
    """A delivery that is held, as it stands."""

    id: UUID
    route_name: str
    reason: DeliveryReason
    state: DeliveryState
    next_attempt_at: datetime | None
    last_error: str | None
    request_id: str | None
    gathered_into: UUID | None


async def find_due(unit: Unit, most: int) -> list[UUID]:
    """Return deliveries that no timeline speaks of yet, without holding anything."""
    return [row["id"] for row in await unit.rows(SQL["due"], {"most": most})]


async def incidents_of(unit: Unit, delivery_ids: Collection[UUID]) -> list[Named]:
    """Return which incidents deliveries tell of."""
    rows = await unit.rows(SQL["incidents_of"], {"ids": list(delivery_ids)})
    return [Named(row["delivery_id"], row["incident_id"], row["monitor_id"]) for row in rows]


async def hold_monitors(unit: Unit, monitor_ids: Collection[UUID], *, wait: bool) -> set[UUID]:
    """Take the mutexes of these monitors, or of those of them that are free; return which."""
    statement = SQL["hold_monitors"] if wait else SQL["hold_free_monitors"]
    return {row["id"] for row in await unit.rows(statement, {"ids": list(monitor_ids)})}


async def hold_incidents(unit: Unit, incident_ids: Collection[UUID]) -> dict[UUID, int]:
    """Hold incidents, whose monitors' locks are held, and return how many entries each timeline has."""
    rows = await unit.rows(SQL["hold_incidents"], {"ids": list(incident_ids)})
    return {row["id"]: row["event_count"] for row in rows}


async def hold(unit: Unit, delivery_ids: Collection[UUID]) -> list[Unnoted]:
    """Hold those of the deliveries that are still to be noted and that nobody else holds, as they stand now."""
    return [
        Unnoted(
            row["id"],
            row["route_name"],
            DeliveryReason(row["reason"]),
            DeliveryState(row["state"]),
            row["next_attempt_at"],
            row["last_error"],
            row["request_id"],
            row["gathered_into"],
        )
        for row in await unit.rows(SQL["hold"], {"ids": list(delivery_ids)})
    ]


async def write(
    unit: Unit, events: Sequence[NewEvent], appended: Mapping[UUID, int], delivery_ids: Collection[UUID]
) -> None:
    """Append to timelines of incidents that are held, `appended` entries to each, and call the deliveries noted."""
    if events:
        columns = [list(column) for column in zip(*events, strict=True)]
        await unit.connection.execute(INGEST["insert_events"], columns)
        words = {"ids": list(appended), "events": list(appended.values())}
        await unit.change("delivery_notes.lengthen", SQL["lengthen"], words, rows=len(appended))
    await unit.run(SQL["noted"], {"ids": list(delivery_ids)})
