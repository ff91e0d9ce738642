"""A route that does not deliver is told of to somebody else. Safe in any replica."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from luota_svc.rules.retry import FALLBACK_AFTER
from luota_svc.rules.route_failures import tell_of_failures
from luota_svc.store import route_failures
from luota_svc.telemetry import names
from luota_svc.usecases.installation import Installation

BATCH_MAX: Final = 200
_LOG = logging.getLogger(__name__)


async def tell_fallbacks(at: Installation, *, on_untold: Callable[[int], None] | None = None) -> int:
    """Tell fallback routes of deliveries that do not arrive, at most 200 in one transaction; return how many.

    Of each delivery it is told once that it fails, and once more if it fails for good more than an hour later. Those
    that somebody settles at this moment are left for the next call. What has waited for 10 minutes behind an open
    breaker does not arrive either. Where a workspace has no fallback route left to tell, a warning says so, and
    `on_untold` hears how many. Raises Unavailable where PostgreSQL is away.
    """
    now = at.clock.now()
    async with at.database.unit() as unit:
        await route_failures.call_for_held(unit, now, before=now - FALLBACK_AFTER, most=BATCH_MAX)
    async with at.database.unit() as unit:
        due = await route_failures.find_due(unit, now, BATCH_MAX)
        if not due:
            return 0
        routes = await route_failures.hold_routes(unit, set(due.values()))
        failing = await route_failures.hold_due(unit, due, now)
        if not failing:
            return 0
        fallbacks = await route_failures.fallbacks(unit, {delivery.workspace_id for delivery in failing})
        told = await route_failures.told(unit, {route.id for route in fallbacks}, routes, now)
        telling = tell_of_failures(failing, routes, fallbacks, told, now)
        await route_failures.insert(unit, {at.clock.new_id(): duty for duty in telling.new}, now)
        await route_failures.join(unit, telling.joining)
        await route_failures.done(unit, [delivery.id for delivery in failing])
    for route_id in telling.untold:
        words = {"route_id": str(route_id), "workspace_id": str(routes[route_id].workspace_id)}
        _LOG.warning(names.LOG_ROUTE_FAILURE_UNTOLD, extra=words)
    if telling.untold and on_untold is not None:
        on_untold(len(telling.untold))
    return len(failing)
