"""Idempotency keys as rows: one key of one actor makes one thing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from luota_svc.model.errors import ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("idempotency")


async def claim(unit: Unit, actor_id: UUID, idempotency: Idempotency, target_id: UUID, now: datetime) -> UUID:
    """Take the key for a thing that is about to be made, and return whose it is: `target_id`, or the first thing's.

    Of two callers at once the second waits for the first's commit and gets its thing. ResourceConflict where the key
    was taken for another request.
    """
    parameters = {
        "actor_id": actor_id,
        "key": idempotency.key,
        "request_hash": idempotency.request_hash,
        "target_id": target_id,
        "now": now,
    }
    if await unit.run(SQL["claim"], parameters) == 1:
        return target_id
    row = await unit.row(SQL["read"], parameters)
    if row is None or bytes(row["request_hash"]) != idempotency.request_hash:
        raise ResourceConflict("This idempotency key was used for another request")
    first: UUID = row["target_id"]
    return first
