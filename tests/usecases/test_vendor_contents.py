"""What the composer freezes, vendors can draw: every reason, by a real incident on a real PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.postroom import TOOK_IT

from luota_svc.providers.alertmanager_alerts import alerts_of
from luota_svc.providers.pagerduty_event import events_of
from luota_svc.providers.slack_message import message_of, plain_message_of

SOON = datetime(2026, 5, 25, 12, 15, tzinfo=UTC)


@pytest.mark.parametrize("reason", ["opened", "reminder", "escalation", "resolved", "route_failure", "test"])
async def test_a_composed_alert_of_every_reason_is_drawn_by_every_vendor(room, reason):
    route, incident = room.route(), room.incident(severity="critical")
    about = {"about_route_id": room.route("https://elsewhere.example")} if reason == "route_failure" else {}
    if reason == "resolved":
        room.world.rows("UPDATE incidents SET state = 'resolved', resolved_at = now(), resolution = 'recovered'")
    incidents = [] if reason == "test" else [incident]
    duty = room.duty(route, *incidents, reason=reason, **about)
    (claimed,) = (await room.outbox().claim(32)).claimed
    alert = json.loads(claimed.content)
    key = f"test-{duty}" if reason == "test" else str(incident)

    for message in (message_of(alert), plain_message_of(alert)):
        assert alert["subject"] in message["text"].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
        assert str(duty) in json.dumps(message)
    (event,) = events_of(alert, "k" * 32)
    assert (event["event_action"], event["dedup_key"]) == ("resolve" if reason == "resolved" else "trigger", key)
    (said,) = alerts_of(alert, ends_at=SOON)
    assert said["labels"]["incident_id"] == key
    assert ("endsAt" in said) == (reason != "test")


async def test_a_gathered_alert_names_every_incident_to_every_vendor(room):
    route = room.route()
    room.news(route, 40)
    alerts = []
    for _ in range(20):
        alerts += [json.loads(each.content) for each in await room.work(room.outbox(), TOOK_IT)]
        room.pass_time(5)
    (gathered,) = [alert for alert in alerts if alert["metadata"]["furtherIncidents"]]
    named = {gathered["incidentId"], *(one["incidentId"] for one in gathered["metadata"]["furtherIncidents"])}
    assert {event["dedup_key"] for event in events_of(gathered, "k" * 32)} == named
    assert {alert["labels"]["incident_id"] for alert in alerts_of(gathered, ends_at=SOON)} == named
    assert len(message_of(gathered)["blocks"]) <= 50
