"""What a delivery's state asks of an operator, and its attempts as they may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from luota_svc.model.deliveries import DeliveryState
from luota_svc.model.delivery_reading import Delivery
from luota_svc.model.incidents import AlertState
from luota_svc.rules.redaction import redact_text

# Of the three states that the contract names, in its words.
_DELIVERED: Final = "Keep the provider id and incident id in the packet."
_RETRYING: Final = "Fix the route if the destination is wrong; otherwise watch the next attempt time."
_TERMINAL: Final = "Repair the destination and send a test alert before trusting the monitor."
_WAITING: Final = "No attempt has been made yet: watch the next attempt time."
_NEVER_TOLD: Final = "It was told nothing about this incident."
_NEXT_OF_STATE: Final = {
    DeliveryState.PENDING: _WAITING,
    DeliveryState.SENDING: "An attempt is being made: look again in a minute.",
    DeliveryState.DELIVERED: _DELIVERED,
    DeliveryState.FAILED_RETRYING: _RETRYING,
    DeliveryState.FAILED_TERMINAL: _TERMINAL,
    DeliveryState.CANCELLED: "Nothing: the incident ended, or somebody took it, before this was told.",
}
_NEXT_OF_ALERT: Final = {
    AlertState.DELIVERED: _DELIVERED,
    AlertState.MUTED: "It opened in a quiet time, so nobody was told: tell who needs to know yourself.",
    AlertState.NO_ROUTE: (
        "No alert route matches this monitor, so nobody was told: make one and send a test alert before trusting the"
        " monitor."
    ),
    AlertState.RETRYING: _RETRYING,
    AlertState.BLOCKED: _TERMINAL,
    AlertState.UNPROVEN: _WAITING,
}


def next_action(delivery: Delivery) -> str:
    """Return what an operator should do next about a delivery, in one sentence."""
    if delivery.gathered_into is not None:
        # What was gathered lists nothing any more.
        how = "tells what is left of it" if delivery.incident_ids else "tells it together with others"
        return f"Nothing here: delivery {delivery.gathered_into} {how}."
    return _NEXT_OF_STATE[delivery.state]


def next_action_of_route(deliveries: Sequence[Delivery]) -> str:
    """Return what to do next about a route and an incident that these deliveries, oldest first, were to tell it."""
    return next_action(deliveries[-1]) if deliveries else _NEVER_TOLD


def next_action_of_alert(state: AlertState) -> str:
    """Return what to do next about an incident, for whether a human was told."""
    return _NEXT_OF_ALERT[state]


def cleaned(delivery: Delivery) -> Delivery:
    """Return a delivery without secrets: a provider's own words may have repeated one of the call."""
    return replace(
        delivery,
        error=_clean(delivery.error),
        attempts=tuple(
            replace(attempt, error=_clean(attempt.error), reply=_clean(attempt.reply)) for attempt in delivery.attempts
        ),
    )


def _clean(text: str | None) -> str | None:
    return None if text is None else redact_text(text)[0]
