"""What an alert asks of whoever reads it."""

from __future__ import annotations

from luota_svc.model.alerts import AlertFacts
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.rules.alert_words import next_step, stands


def what_to_do(facts: AlertFacts) -> str | None:
    """Return what to do about what an alert tells; None for a test and for what is over. Of many it is the gravest."""
    incident = facts.incident
    match facts.delivery.reason:
        case DeliveryReason.ROUTE_FAILURE:
            return " ".join(route_steps(facts))
        case DeliveryReason.TEST:
            return None
        case _ if incident is None or not stands(incident):
            return None
        case DeliveryReason.DRILL:
            return "Nothing, for it is a drill."
        case _:
            return next_step(incident, facts.packet.parts if facts.packet else None)


def route_steps(facts: AlertFacts) -> tuple[str, str]:
    """Return what to do where a route fails: about the incidents that it should have told of, then about the route."""
    route = facts.failed_route
    if route is None or not route.usable:
        return (
            "Tell those who read there, and take the incidents: nothing more is tried.",
            "Make or enable a route for them, and send a test alert through it.",
        )
    tried = "nothing more is tried until then" if route.broken else "Luota goes on trying meanwhile"
    return (
        "Tell those who read there, or take the incidents yourself.",
        f"Repair the route, then send a test alert through it; {tried}.",
    )
