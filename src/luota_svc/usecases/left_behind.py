"""What a change of a route left behind follows it: more than one transaction can hold, or written meanwhile.

Safe in any replica.
"""

from __future__ import annotations

from typing import Final

from luota_svc.store import left_behind, routes
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.routes import DELETED, DISABLED, UNFINISHED_MOST

_PLACES_MOST: Final = 200


async def follow_routes(at: Installation) -> int:
    """End what waits for routes that take nothing any more, and send what waits elsewhere to where its route leads.

    At most 1,000 deliveries; return how many. Those that end are told of as with the change itself. Raises Unavailable
    where PostgreSQL is away.
    """
    now, followed = at.clock.now(), 0
    async with at.database.unit() as unit:
        places = await left_behind.places(unit, _PLACES_MOST)
        held = await left_behind.hold_routes(unit, {place.route_id for place in places}) if places else {}
        for place in places:
            route = held.get(place.route_id)
            usable = route is not None and route.enabled and not route.deleted
            # Somebody changes it at this moment, or has brought it back.
            if route is None or (usable and route.destination == place.destination):
                continue
            ids = await left_behind.hold(unit, place, UNFINISHED_MOST - followed)
            if usable:
                await routes.redirect(unit, ids, route.destination, now)
            else:
                await routes.end_waiting(unit, ids, DELETED if route.deleted else DISABLED, now)
            followed += len(ids)
            if followed >= UNFINISHED_MOST:
                break
    return followed
