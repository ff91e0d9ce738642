"""The timelines of all incidents as one order that never changes behind a reader."""

from __future__ import annotations

from datetime import datetime

from luota_svc.model.watching import Happening, Place, Scope, Stand
from luota_svc.store import incidents
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("watching")


async def stand(unit: Unit) -> Stand:
    """Return how far the order is settled at this moment."""
    row = await unit.row(SQL["stand"])
    assert row is not None
    return Stand(row["cluster"], Place(int(row["settled"]), 0), int(row["next"]))


async def happenings(
    unit: Unit, scope: Scope, *, after: Place, up_to: Place, most: int, now: datetime
) -> list[Happening]:
    """Return at most so many after a place and up to one that is settled, in order, each with its incident of `now`."""
    parameters = {
        "workspace_id": scope.workspace_id,
        "incident_id": scope.incident_id,
        "after_transaction": str(after.transaction_id),
        "after_position": after.position,
        "up_to_transaction": str(up_to.transaction_id),
        "up_to_position": up_to.position,
        "limit": most,
    }
    rows = await unit.rows(SQL["happenings"], parameters)
    stands = await incidents.get_all(unit, {row["incident_id"] for row in rows}, now)
    return [
        Happening(
            Place(int(row["transaction_id"]), row["position"]),
            incidents.timeline_entry(row),
            stands[row["incident_id"]],
        )
        for row in rows
    ]
