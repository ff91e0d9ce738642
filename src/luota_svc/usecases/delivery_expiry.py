"""What nobody could deliver in its time ends. Safe in any replica."""

from __future__ import annotations

from typing import Final

from luota_svc.store import delivery_expiry
from luota_svc.usecases.installation import Installation

BATCH_MAX: Final = 200


async def expire_deliveries(at: Installation) -> int:
    """End deliveries that wait past their end as `failed_terminal`, at most 200; return how many.

    Somebody else is told of them at once, and their incidents' timelines say so. Raises Unavailable where PostgreSQL is
    away.
    """
    async with at.database.unit() as unit:
        return await delivery_expiry.expire(unit, at.clock.now(), BATCH_MAX)
