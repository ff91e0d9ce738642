"""Says again to receivers that forget, once a minute, what stands and what ended lately. Any number of workers may."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from luota_svc.model.refreshing import Refresh
from luota_svc.store import refreshing
from luota_svc.store.vault import CannotOpen
from luota_svc.telemetry import names
from luota_svc.usecases.installation import Installation

# As Prometheus' documents ask of clients: every 30 s to 3 min.
REFRESH_EVERY: Final = timedelta(seconds=60)
# So long the end of what is over is said again: a refresh that was under way when it ended may arrive after that was
# told, and would let it stand anew.
ENDS_TOLD_FOR: Final = timedelta(minutes=15)
ROUTES_MOST: Final = 8
_INCIDENTS_MOST: Final = 2_000
_LOG = logging.getLogger(__name__)


async def claim_refreshes(at: Installation) -> list[Refresh]:
    """Return what up to 8 routes, whose minute has passed, are to be told again; their turn is taken with that.

    A refresh that fails is not made up for: the next is a minute away, and an alert outlives several. A route whose
    target can't be opened is passed over; its deliveries say so. Raises Unavailable.
    """
    now = at.clock.now()
    ended_after = now - ENDS_TOLD_FOR
    refreshes = []
    async with at.database.unit() as unit:
        routes = await refreshing.claim(
            unit, now, before=now - REFRESH_EVERY, ended_after=ended_after, most=ROUTES_MOST
        )
        for route in routes:
            try:
                target = at.vault.open(route.target)
            except CannotOpen as error:
                _LOG.warning(names.LOG_REFRESH_FAILED, extra={"route_id": str(route.id), "reason": str(error)})
                continue
            standing = await refreshing.standing(unit, route, ended_after=ended_after, most=_INCIDENTS_MOST)
            refreshes.append(Refresh(route.id, target, tuple(standing)))
    return refreshes
