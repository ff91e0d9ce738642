"""Who is told that a route does not deliver, of which incidents and when (docs/adr/0032)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from luota_svc.model.route_failures import FailingDelivery, Joining, RouteFailure, StandingRoute, ToldFallback
from luota_svc.rules.routing import EXPIRES_AFTER

# Two messages a minute about one route; with the look before it and the claim behind it, within 60 s all the same.
_GAP: Final = timedelta(seconds=31)


@dataclass(frozen=True, slots=True)
class Telling:
    """New duties, what joins duties that wait, and the failing routes that nobody can be told of."""

    new: tuple[RouteFailure, ...]
    joining: tuple[Joining, ...]
    untold: tuple[UUID, ...]


def tell_of_failures(
    failing: Sequence[FailingDelivery],
    routes: Mapping[UUID, StandingRoute],
    fallbacks: Iterable[StandingRoute],
    told: Iterable[ToldFallback],
    now: datetime,
) -> Telling:
    """Decide what fallback routes are told of deliveries that do not arrive.

    `routes` are the failing ones, `fallbacks` the enabled fallback routes of their workspaces, `told` what those were
    told of the failing ones within the last hour or still are to be. Each fallback route gets one message a failing
    route, not sooner than 31 s after the one before, with the incidents that it was not told of. A route is no
    fallback of itself, nor of another that leads to the same destination. Of a drill's route nobody is told: it
    fails on purpose.
    """
    fallbacks, told = list(fallbacks), list(told)
    new: list[RouteFailure] = []
    joining: list[Joining] = []
    untold: list[UUID] = []
    for about in sorted({delivery.route_id for delivery in failing if not routes[delivery.route_id].drill}):
        ours = [delivery for delivery in failing if delivery.route_id == about]
        others = [other for other in fallbacks if _may_speak_for(other, routes[about])]
        if not others:
            untold.append(about)
        for other in others:
            before = [each for each in told if (each.route_id, each.about_route_id) == (other.id, about)]
            known = frozenset[UUID]().union(*(each.incident_ids for each in before))
            news = [delivery for delivery in ours if delivery.incident_ids - known]
            if not news:
                continue
            incident_ids = frozenset[UUID]().union(*(delivery.incident_ids for delivery in news)) - known
            worst = max(news, key=lambda delivery: delivery.severity_rank)
            open_one = next((each for each in before if each.open), None)
            if open_one is not None:
                joining.append(Joining(open_one.id, worst.severity_rank, incident_ids))
                continue
            due_at = max([now, *(each.due_at + _GAP for each in before)])
            new.append(
                RouteFailure(
                    workspace_id=other.workspace_id,
                    route_id=other.id,
                    destination=other.destination,
                    about_route_id=about,
                    severity_rank=worst.severity_rank,
                    due_at=due_at,
                    expires_at=due_at + EXPIRES_AFTER,
                    request_id=worst.request_id,
                    traceparent=worst.traceparent,
                    incident_ids=incident_ids,
                )
            )
    return Telling(tuple(new), tuple(joining), tuple(untold))


def _may_speak_for(fallback: StandingRoute, failing: StandingRoute) -> bool:
    return (
        fallback.workspace_id == failing.workspace_id
        and fallback.id != failing.id
        and fallback.destination != failing.destination
    )
