"""What Alertmanager is told, once and again, and how long it believes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.providers.email_alerts import DELIVERY, INCIDENT, frozen, opened, resolved, route_failure, storm, test_alert
from tests.providers.vendor_receivers import Said, Vendor, clean, dispatch_of, open_client

from luota_svc.clock import StubClock
from luota_svc.model.deliveries import OutcomeKind
from luota_svc.model.refreshing import Standing
from luota_svc.providers.alertmanager import AlertmanagerProvider
from luota_svc.providers.alertmanager_alerts import alerts_of, standing_alerts

SOON = datetime(2026, 5, 25, 12, 15, tzinfo=UTC)
OVER = datetime(2026, 5, 25, 11, 59, 58, 250_000, tzinfo=UTC)


async def send(receiver: Vendor, alert, **target):
    async with open_client() as client:
        provider = AlertmanagerProvider(client, clock=StubClock(), clean=clean)
        return await provider.send(dispatch_of(alert, {"url": f"{receiver.url}/am/", **target}))


async def test_an_incident_is_one_alert_that_stands_a_quarter_of_an_hour(receiver):
    assert (await send(receiver, opened())).kind is OutcomeKind.DELIVERED
    (seen,) = receiver.seen
    assert seen.path == "/am/api/v2/alerts"
    assert "authorization" not in seen.headers
    (alert,) = seen.json
    assert alert["labels"] == {
        "alertname": "LuotaFailed",
        "incident_id": INCIDENT,
        "monitor": "nightly-backup",
        "workspace": "0197b2c4-0000-7000-8000-00000000b001",
        "severity": "critical",
        "kind": "failed",
        "environment": "production",
        "team": "data",
    }
    assert alert["startsAt"] == "2026-05-25T00:07:41.120Z"
    assert alert["endsAt"] == "2026-05-25T12:15:00.000Z"
    assert alert["generatorURL"] == f"https://luota.example.org/v1/incidents/{INCIDENT}/packet"
    notes = alert["annotations"]
    assert notes["summary"] == "[critical] nightly-backup: failed with exit code 1"
    assert notes["description"].startswith("Failed: the run backup-2026-05-25")
    assert notes["runbook_url"].startswith("https://wiki.example.org/")
    assert notes["packet"] == alert["generatorURL"]


@pytest.mark.parametrize(
    ("target", "header"),
    [
        ({"username": "luota", "password": "hunter2:x"}, "Basic bHVvdGE6aHVudGVyMjp4"),
        ({"bearerToken": "abc"}, "Bearer abc"),
    ],
)
async def test_credentials_go_out_as_the_route_has_them(receiver, target, header):
    await send(receiver, opened(), **target)
    assert receiver.seen[0].headers["authorization"] == header


def test_the_labels_stay_the_same_while_an_incident_lives_and_its_end_is_told():
    first, last = (alerts_of(alert, ends_at=SOON)[0] for alert in (opened(), resolved()))
    assert first["labels"] == last["labels"]
    assert last["endsAt"] == "2026-05-25T02:20:41.000Z"


def test_a_test_ends_by_itself():
    (alert,) = alerts_of(test_alert(), ends_at=SOON)
    assert alert["labels"]["alertname"] == "LuotaTest"
    assert alert["labels"]["incident_id"] == f"test-{DELIVERY}"
    assert not {"startsAt", "endsAt"} & alert.keys()


def test_a_route_that_does_not_deliver_is_an_alert_of_its_own():
    (alert,) = alerts_of(route_failure(), ends_at=SOON)
    assert alert["labels"]["alertname"] == "LuotaRouteFailure"
    assert alert["labels"]["failed_route"] == "Pager of the night shift"


def test_tags_become_labels_that_alertmanager_takes_and_replace_none_of_ours():
    tags = {"a-b": "1", "a.b": "2", "__name__": "n", "9": "9", "été": "x", "severity": "none", "empty": "", "-": "d"}
    alert = opened()
    alert["metadata"]["monitor"]["tags"] = tags | {"long": "x" * 5_000}
    labels = alerts_of(alert, ends_at=SOON)[0]["labels"]
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) and not name.startswith("__") for name in labels)
    assert (labels["a_b"], labels["name__"], labels["tag_9"], labels["severity"]) == ("1", "n", "9", "critical")
    assert labels["tag"] == "d"
    assert "empty" not in labels
    assert len(labels["long"]) == 1_000


async def test_every_incident_of_a_gathered_alert_is_an_alert(receiver):
    await send(receiver, storm(200))
    (seen,) = receiver.seen
    assert len({alert["labels"]["incident_id"] for alert in seen.json}) == 200
    assert all("endsAt" in alert for alert in seen.json)


async def test_a_refusal_for_good_says_alertmanagers_reason(receiver):
    receiver.answer = Said(400, b'"invalid label set: hunter2"')
    outcome = await send(receiver, opened())
    assert outcome.kind is OutcomeKind.REJECTED
    assert outcome.error == 'Alertmanager refuses the alert for good: "invalid label set: [REDACTED]"'


@pytest.mark.parametrize(("status", "word"), [(401, "password"), (403, "password"), (404, "/api/v2/alerts")])
async def test_a_refusal_that_somebody_may_mend_says_where(receiver, status, word):
    receiver.answer = Said(status)
    outcome = await send(receiver, opened())
    assert outcome.kind is OutcomeKind.REFUSED
    assert word in outcome.error


def test_what_stands_is_said_again_and_what_ended_with_its_end():
    alert = storm(3)
    second, third = (UUID(further["incidentId"]) for further in alert["metadata"]["furtherIncidents"])
    standing = [Standing(UUID(INCIDENT), None, frozen(alert)), Standing(second, OVER, frozen(alert))]
    said = standing_alerts(standing, ends_at=SOON)
    assert [(one["labels"]["incident_id"], one["endsAt"]) for one in said] == [
        (INCIDENT, "2026-05-25T12:15:00.000Z"),
        (str(second), "2026-05-25T11:59:58.250Z"),
    ]
    assert str(third) not in {one["labels"]["incident_id"] for one in said}


async def test_many_are_said_again_in_several_requests_until_one_fails(receiver):
    standing = [Standing(UUID(INCIDENT), None, frozen(opened()))] * 150
    async with open_client() as client:
        clock = StubClock()
        provider = AlertmanagerProvider(client, clock=clock, clean=clean)
        assert (await provider.refresh({"url": receiver.url}, standing)).kind is OutcomeKind.DELIVERED
        assert [len(seen.json) for seen in receiver.seen] == [64, 64, 22]
        receiver.answers.extend([Said(200), Said(503)])
        clock.advance(60)
        assert (await provider.refresh({"url": receiver.url}, standing)).kind is OutcomeKind.OVERLOADED
        assert len(receiver.seen) == 5
        fresh = datetime.fromisoformat(receiver.seen[-1].json[0]["endsAt"])
        assert fresh == clock.now() + timedelta(minutes=15)
        assert (await provider.refresh({"url": receiver.url}, [])).kind is OutcomeKind.DELIVERED
