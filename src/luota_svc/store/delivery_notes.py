"""Deliveries of which timelines are to tell, as rows: found, held, noted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from luota_svc.model.batch import NewEvent
from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.columns import columns
from luota_svc.store.database import Unit
from luota_svc.store.ingest import SQL as INGEST
from luota_svc.store.round_trip import RoundTrips

SQL = load_catalogue("delivery_notes")
# Hundreds a second are noted under load: psycopg's own cursors cost the worker as much as a tenth of the telling.
_TRIPS = RoundTrips("notes", {**SQL, "insert_events": INGEST["insert_events"]})


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
    (rows,) = await _TRIPS.run(unit.connection, [("due", {"most": most})])
    return [id_ for (id_,) in rows]


async def incidents_of(unit: Unit, delivery_ids: Collection[UUID]) -> list[Named]:
    """Return which incidents deliveries tell of."""
    (rows,) = await _TRIPS.run(unit.connection, [("incidents_of", {"ids": list(delivery_ids)})])
    return [Named(*row) for row in rows]


async def hold_monitors(unit: Unit, monitor_ids: Collection[UUID], *, wait: bool) -> set[UUID]:
    """Take the mutexes of these monitors, or of those of them that are free; return which."""
    if not monitor_ids:
        return set()
    statement = "hold_monitors" if wait else "hold_free_monitors"
    (rows,) = await _TRIPS.run(unit.connection, [(statement, {"ids": list(monitor_ids)})])
    return {id_ for (id_,) in rows}


async def hold(
    unit: Unit, incident_ids: Collection[UUID], delivery_ids: Collection[UUID]
) -> tuple[dict[UUID, int], list[Unnoted]]:
    """Hold incidents, whose monitors' locks are held, then those deliveries that are still to be noted and are free.

    Return how many entries each incident's timeline has, and the deliveries as they stand now.
    """
    incidents, deliveries = await _TRIPS.run(
        unit.connection,
        [("hold_incidents", {"ids": list(incident_ids)}), ("hold", {"ids": list(delivery_ids)})],
    )
    held = [
        Unnoted(id_, name, DeliveryReason(reason), DeliveryState(state), *rest)
        for id_, name, reason, state, *rest in deliveries
    ]
    return dict(incidents), held


async def write(
    unit: Unit, events: Sequence[NewEvent], appended: Mapping[UUID, int], delivery_ids: Collection[UUID]
) -> None:
    """Append to timelines of incidents that are held, `appended` entries to each, and call the deliveries noted."""
    calls: list[tuple[str, Sequence[Any] | Mapping[str, Any]]] = [("noted", {"ids": list(delivery_ids)})]
    if events:
        calls.append(("insert_events", columns(events)))
        calls.append(("lengthen", {"ids": list(appended), "events": list(appended.values())}))
    await _TRIPS.run(unit.connection, calls)
