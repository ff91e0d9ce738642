"""Deliveries past their end, as rows."""

from __future__ import annotations

from datetime import datetime

from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("delivery_expiry")


async def expire(unit: Unit, now: datetime, most: int) -> int:
    """End up to `most` deliveries that wait past their end, and return how many."""
    return await unit.run(SQL["expire"], {"now": now, "most": most})
