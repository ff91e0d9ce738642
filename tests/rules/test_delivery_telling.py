"""What a delivery asks of an operator, and how it is shown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.model.delivery_reading import Attempt, Delivery
from luota_svc.rules.delivery_telling import cleaned, next_action

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
WAITS = [DeliveryState.PENDING, DeliveryState.FAILED_RETRYING]
ATTEMPT = Attempt(1, NOW, 12, "failed", 250, "4WxYz1", "taken for some", None, late=False, trace_id=None)


def delivery(state: DeliveryState, **words) -> Delivery:
    """Return a delivery of one attempt."""
    return replace(
        Delivery(
            id=UUID(int=1), workspace_id=UUID(int=2), route_id=UUID(int=3), route_name="Ops",
            reason=DeliveryReason.OPENED, state=state, incident_ids=(UUID(int=4),), attempt_count=1,
            next_attempt_at=None, provider_id="4WxYz1", request_id=None, error=None, created_at=NOW, expires_at=NOW,
            settled_at=None, replay_of=None, gathered_into=None, attempts=(ATTEMPT,),
        ),
        **words,
    )  # fmt: skip


@pytest.mark.parametrize("state", WAITS)
def test_what_no_worker_takes_up_sends_to_the_workers_and_not_to_wait_for_an_instant_that_is_past(state):
    due = delivery(state, next_attempt_at=NOW)
    for later in (40, 86_400):
        assert "no worker has taken it up yet" in next_action(due, NOW + timedelta(seconds=later))
    # A crowd is gathered for half a minute; and who reads a packet reads the same at any time.
    for now in (NOW - timedelta(hours=1), NOW + timedelta(seconds=39), None):
        assert "watch the next attempt time" in next_action(due, now)


@pytest.mark.parametrize("state", DeliveryState)
def test_only_what_was_delivered_shows_what_its_provider_calls_it(state):
    shown = cleaned(delivery(state))
    assert shown.provider_id == ("4WxYz1" if state is DeliveryState.DELIVERED else None)
    assert shown.attempts[0].provider_id == "4WxYz1"


@pytest.mark.parametrize("state", DeliveryState)
def test_a_test_alert_asks_for_nothing_about_an_incident(state):
    about = next_action(delivery(state, reason=DeliveryReason.TEST, incident_ids=()), NOW)
    assert "incident" not in about
    assert "packet" not in about


def test_what_did_not_reach_everybody_asks_for_the_rest():
    assert next_action(delivery(DeliveryState.DELIVERED)) == "Keep the provider id and incident id in the packet."
    assert "it did not reach everybody" in next_action(delivery(DeliveryState.DELIVERED, error="taken, but refused"))
