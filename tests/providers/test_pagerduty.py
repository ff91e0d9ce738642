"""Which events PagerDuty gets of an alert, and what its own words become."""

from __future__ import annotations

import json

import pytest
from tests.providers.email_alerts import DELIVERY, INCIDENT, opened, resolved, route_failure, storm, test_alert
from tests.providers.vendor_receivers import Said, Vendor, clean, dispatch_of, open_client

from luota_svc.model.deliveries import OutcomeKind
from luota_svc.providers.pagerduty import PagerDutyProvider
from luota_svc.providers.pagerduty_event import events_of

KEY = "R0UT1NGKEY0123456789abcdef012345"


def accepted(seen) -> Said:
    return Said(202, json.dumps({"status": "success", "dedup_key": seen.json["dedup_key"]}).encode())


async def send(receiver: Vendor, alert, target=None):
    async with open_client() as client:
        provider = PagerDutyProvider(client, clean=clean, regions={"us": receiver.url, "eu": f"{receiver.url}/eu"})
        return await provider.send(dispatch_of(alert, target or {"routingKey": KEY}))


def actions(alert) -> list[tuple[str, str]]:
    return [(event["event_action"], event["dedup_key"]) for event in events_of(alert, KEY)]


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (opened(), ["trigger"]),
        (opened(reason="reminder", firstWord=False), ["trigger"]),
        (opened(reason="escalation"), ["trigger"]),
        (opened(reason="reminder", state="acknowledged", firstWord=False), ["acknowledge"]),
        (opened(state="acknowledged"), ["trigger", "acknowledge"]),
        (opened(state="resolved"), ["resolve"]),
        (resolved(), ["resolve"]),
        (route_failure(), ["trigger"]),
    ],
    ids=["opened", "reminder", "escalation", "acknowledged", "acknowledged unheard", "over", "resolved", "route"],
)
def test_events_follow_the_incident_under_its_id(alert, expected):
    assert actions(alert) == [(action, INCIDENT) for action in expected]


def test_a_test_pages_under_a_key_of_its_own():
    (event,) = events_of(test_alert(), KEY)
    assert (event["event_action"], event["dedup_key"]) == ("trigger", f"test-{DELIVERY}")
    assert event["payload"]["severity"] == "info"
    assert event["payload"]["source"] == "luota"


def test_a_page_says_what_broke_and_leads_to_the_packet():
    (event,) = events_of(opened(), KEY)
    payload = event["payload"]
    assert event["routing_key"] == KEY
    assert payload["summary"] == "[critical] nightly-backup: failed with exit code 1"
    assert (payload["source"], payload["severity"]) == ("backup-7c9d8-x2x4k", "critical")
    assert (payload["component"], payload["group"], payload["class"]) == ("nightly-backup", "production", "failed")
    assert payload["timestamp"] == "2026-05-25T00:07:41.120Z"
    details = payload["custom_details"]
    assert details["broken promise"].startswith("Failed: the run ended with exit code 1")
    assert details["run"]["exitCode"] == 1
    assert details["request id"] == "req-01JZ0000000000000000000001"
    assert [link["text"] for link in event["links"]] == ["Incident in Luota", "Evidence packet", "Runbook"]
    assert event["client_url"] == f"https://luota.example.org/incidents/{INCIDENT}"


def test_an_event_stays_within_pagerdutys_bounds():
    alert = opened()
    alert["subject"] = "€" * 3_000
    alert["text"] = "€" * 400_000
    alert["metadata"]["run"]["outputTail"] = "😀" * 200_000
    (event,) = events_of(alert, KEY)
    assert len(event["payload"]["summary"]) == 1_024
    assert len(json.dumps(event, ensure_ascii=False).encode()) < 512_000
    assert event["payload"]["custom_details"]["request id"] == "req-01JZ0000000000000000000001"


async def test_each_incident_of_a_gathered_alert_is_an_event_of_its_own(receiver):
    receiver.answer = accepted
    outcome = await send(receiver, storm(30))
    assert (outcome.kind, outcome.provider_id) == (OutcomeKind.DELIVERED, INCIDENT)
    told = {seen.json["dedup_key"]: seen.json["event_action"] for seen in receiver.seen}
    assert len(receiver.seen) == len(told) == 30
    assert sorted(told.values()).count("resolve") == 2
    assert receiver.seen[0].json["dedup_key"] == INCIDENT


async def test_one_event_that_is_not_taken_leaves_the_whole_alert_to_be_sent_again(receiver):
    receiver.answers.extend([Said(202, json.dumps({"dedup_key": INCIDENT}).encode()), Said(503)])
    receiver.answer = accepted
    assert (await send(receiver, storm(3))).kind is OutcomeKind.OVERLOADED


async def test_what_was_acknowledged_before_pagerduty_heard_of_it_is_told_in_order(receiver):
    receiver.answer = accepted
    assert (await send(receiver, opened(state="acknowledged"))).kind is OutcomeKind.DELIVERED
    assert [seen.json["event_action"] for seen in receiver.seen] == ["trigger", "acknowledge"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (202, b'{"status":"success","dedup_key":"k"}', OutcomeKind.DELIVERED),
        (202, b'{"status":"success"}', OutcomeKind.REFUSED),
        (202, b"[]", OutcomeKind.REFUSED),
        (202, b"\xff", OutcomeKind.REFUSED),
        (200, b'{"dedup_key":"k"}', OutcomeKind.REFUSED),
        (400, b'{"status":"invalid event","errors":["\'routing_key\' is the wrong length"]}', OutcomeKind.REJECTED),
        (400, b'{"message":7,"errors":"x"}', OutcomeKind.REJECTED),
        (429, b'{"status":"throttle exceeded"}', OutcomeKind.THROTTLED),
        (500, b"", OutcomeKind.FAILED),
    ],
)
async def test_only_a_dedup_key_is_proof(receiver, status, body, kind):
    receiver.answer = Said(status, body)
    outcome = await send(receiver, opened())
    assert outcome.kind is kind
    assert outcome.provider_id == ("k" if b'"k"' in body else None)


async def test_a_refusal_for_good_says_pagerdutys_reason_and_what_to_check(receiver):
    receiver.answer = Said(400, json.dumps({"errors": ["'routing_key' is invalid", f"{KEY}"]}).encode())
    outcome = await send(receiver, opened())
    assert outcome.error == (
        "PagerDuty refuses the event for good ('routing_key' is invalid; ***): check the route's routing key"
    )


async def test_an_account_of_the_european_region_is_told_there(receiver):
    receiver.answer = accepted
    await send(receiver, opened(), {"routingKey": KEY, "region": "eu"})
    await send(receiver, opened(), {"routingKey": KEY})
    assert [seen.path for seen in receiver.seen] == ["/eu/v2/enqueue", "/v2/enqueue"]
