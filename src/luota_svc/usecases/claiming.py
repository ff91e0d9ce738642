"""How much may go to each destination that is held, and what it must remember of what was claimed there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from luota_svc.model.alerts import Uncomposed
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.destinations import Destination
from luota_svc.rules.pace import after_message, pace
from luota_svc.store.deliveries import Claims, FreeDestination, Room, TakenRow

# In flight at one destination, over all workers: a receiver that hangs delays no other.
IN_FLIGHT_MOST: Final = 4
_SECOND: Final = timedelta(seconds=1)
_TOLD: Final = {
    DeliveryReason.OPENED,
    DeliveryReason.REMINDER,
    DeliveryReason.RESOLVED,
    DeliveryReason.ESCALATION,
}


class Plan(NamedTuple):
    """What may be taken at one destination now; `goes_at` is when its first words may go, where they may not yet."""

    destination: FreeDestination
    room: int
    first_words: int
    gather: bool
    goes_at: datetime | None
    in_flight_most: int

    @property
    def as_room(self) -> Room:
        """What the claim may take."""
        return Room(self.destination.key, self.room, self.first_words, self.in_flight_most)


class Look(NamedTuple):
    """The destinations that are held. `walked`: they are a part of a crowd's, in their order; `most` were asked for.

    `goes_on`: others come behind these that this round has not looked at yet.
    """

    destinations: list[FreeDestination]
    walked: bool
    most: int
    goes_on: bool = False


def plan_for(destination: FreeDestination, now: datetime) -> Plan:
    """Decide how much may go to a destination that is held: its bulkhead, its breaker, its rate and its pace."""
    this_second = _within_second(destination, now)
    spent = destination.claimed_in_second if this_second else 0
    in_flight_most = 1 if destination.breaker.open_until is not None else IN_FLIGHT_MOST
    room = min(in_flight_most - destination.in_flight, destination.per_second - spent)
    next_second = destination.claimed_second + _SECOND if destination.claimed_second and this_second else None
    waits_for_rate = next_second if room <= 0 and destination.per_second <= spent else None
    if not destination.paced or not destination.waiting:
        return Plan(
            destination, room, max(room, 0), gather=False, goes_at=waits_for_rate, in_flight_most=in_flight_most
        )
    paced = pace(destination.pace, waiting=destination.waiting, critical=destination.critical, now=now)
    held = paced.goes_at > now
    gather = paced.gather and not held and room > 0
    return Plan(
        destination,
        room,
        # Of what was gathered one duty a route is left, and one more of what ended: they go together.
        first_words=0 if held else room if gather else 1,
        gather=gather,
        goes_at=paced.goes_at if held else waits_for_rate,
        in_flight_most=in_flight_most,
    )


def _within_second(destination: FreeDestination, now: datetime) -> bool:
    """Tell whether the second that is counted goes on. One that a clock minutes ahead of ours began is none of ours."""
    return destination.claimed_second is not None and abs(now - destination.claimed_second) < _SECOND


def claims_of(plans: Sequence[Plan], rows: Sequence[TakenRow], now: datetime) -> Sequence[Claims]:
    """Return what the destinations of these claims must remember."""
    taken: dict[Destination, list[TakenRow]] = {}
    for row in rows:
        taken.setdefault((row.workspace_id, row.destination), []).append(row)
    claims = []
    for plan in plans:
        destination = plan.destination
        here = taken.get(destination.key)
        if here is None:
            continue
        this_second = _within_second(destination, now)
        began_at = destination.claimed_second if this_second else now
        spent = len(here) + (destination.claimed_in_second if this_second else 0)
        stands = destination.pace
        for row in here:
            if _is_first_word(row):
                stands = after_message(stands, gathered=destination.waiting if plan.gather else 1, now=now)
        claims.append(Claims(destination.key, began_at, spent, stands))
    return claims


def _is_first_word(row: TakenRow) -> bool:
    """Tell whether the pace counts it; one that was attempted goes on for another, of which a part was taken back."""
    attempted = row.attempt_count + row.deferral_count + row.lost_count > 0
    return row.reason in _TOLD and row.content is None and not attempted


def uncomposed(row: TakenRow) -> Uncomposed:
    """Return what is to be composed for a duty of which nothing was sent."""
    return Uncomposed(
        id=row.id,
        workspace_id=row.workspace_id,
        route_id=row.route_id,
        route_name=row.route_name,
        reason=row.reason,
        created_at=row.created_at,
        request_id=row.request_id,
        about_route_id=row.about_route_id,
    )
