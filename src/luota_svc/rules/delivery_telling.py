"""What a delivery's state asks of an operator, and its attempts as they may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.model.delivery_reading import Delivery
from luota_svc.model.incidents import AlertState
from luota_svc.rules.redaction import redact_text

# Of the three states that the contract names, in its words.
_DELIVERED: Final = "Keep the provider id and incident id in the packet."
_TEST_DELIVERED: Final = "Look whether the test alert can be seen where people read it: the provider took it."
_TAKEN_FOR_SOME: Final = "Mend what the error names, then send a test alert: it did not reach everybody."
_RETRYING: Final = "Fix the route if the destination is wrong; otherwise watch the next attempt time."
_TERMINAL: Final = "Repair the destination and send a test alert before trusting the monitor."
_TEST_TERMINAL: Final = "Repair the destination and send another test alert."
_TEST_CANCELLED: Final = "Nothing: it was taken back before it was told."
_OVERDUE: Final = (
    "It is due and no worker has taken it up yet: see that a worker runs, is ready and reaches PostgreSQL, and whether"
    " others to the same destination hang before it."
)
# Longer than a worker that is well lets anything wait: up to 31 s for a crowd to be told together (rules/pace.py).
_OVERDUE_AFTER: Final = timedelta(seconds=40)
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
_NEXT_OF_TEST: Final = {
    DeliveryState.DELIVERED: _TEST_DELIVERED,
    DeliveryState.FAILED_TERMINAL: _TEST_TERMINAL,
    DeliveryState.CANCELLED: _TEST_CANCELLED,
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


def next_action(delivery: Delivery, now: datetime | None = None) -> str:
    """Return what an operator should do next about a delivery, in one sentence.

    `now` is when they read it; without it, as in a packet, which says the same whenever it is read, nothing is overdue.
    """
    if delivery.gathered_into is not None:
        # What was gathered lists nothing any more.
        how = "tells what is left of it" if delivery.incident_ids else "tells it together with others"
        return f"Nothing here: delivery {delivery.gathered_into} {how}."
    due_at = delivery.next_attempt_at
    if now is not None and due_at is not None and now - due_at >= _OVERDUE_AFTER:
        return _OVERDUE
    if delivery.state is DeliveryState.DELIVERED and delivery.error is not None:
        return _TAKEN_FOR_SOME
    words = _NEXT_OF_STATE[delivery.state]
    # A test is about no incident, and nobody's packet names it.
    return _NEXT_OF_TEST.get(delivery.state, words) if delivery.reason is DeliveryReason.TEST else words


def next_action_of_route(deliveries: Sequence[Delivery]) -> str:
    """Return what to do next about a route and an incident that these deliveries, oldest first, were to tell it."""
    return next_action(deliveries[-1]) if deliveries else _NEVER_TOLD


def next_action_of_alert(state: AlertState) -> str:
    """Return what to do next about an incident, for whether a human was told."""
    return _NEXT_OF_ALERT[state]


def cleaned(delivery: Delivery) -> Delivery:
    """Return a delivery as it may be shown.

    Without secrets: a provider's own words may have repeated one of the call. Without the provider's id unless it was
    delivered: one that a failed attempt was given is shown at that attempt.
    """
    return replace(
        delivery,
        provider_id=delivery.provider_id if delivery.state is DeliveryState.DELIVERED else None,
        error=_clean(delivery.error),
        attempts=tuple(
            replace(attempt, error=_clean(attempt.error), reply=_clean(attempt.reply)) for attempt in delivery.attempts
        ),
    )


def _clean(text: str | None) -> str | None:
    return None if text is None else redact_text(text)[0]
