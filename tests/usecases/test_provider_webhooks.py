"""PagerDuty's own webhook, signed, through the real HTTP door into a real PostgreSQL."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from tests.http_api.wire import Connection, Response, request_bytes
from tests.stage import Stage

from luota_svc.clock import RealClock
from luota_svc.core.provider_webhooks import ProviderWebhooks
from luota_svc.http_api.app import build_app
from luota_svc.http_api.journal import Journal
from luota_svc.http_api.probes import Probes
from luota_svc.http_api.protocol import Bounds
from luota_svc.http_api.provider_webhooks import BODY_BYTES_MAX
from luota_svc.http_api.server import HttpServer
from luota_svc.model.call import Call
from luota_svc.model.requests import RequestRecord
from luota_svc.store.vault import Vault
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.tracing_setup import build_tracing

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "pd-webhook-secret-0123456789"
NOWHERE = UUID(int=7)


@dataclass
class Door:
    """The door on loopback, and the records that support may look up."""

    at: Stage
    route: UUID
    port: int = 0
    records: list[RequestRecord] = field(default_factory=list)

    async def knock(self, body: bytes, signature: str | None, route: UUID | None = None, **headers: str) -> Response:
        path = f"/v1/providers/pagerduty/{route or self.route}"
        if signature is not None:
            headers["x_pagerduty_signature"] = signature
        connection = await Connection.open(self.port)
        try:
            await connection.send(request_bytes("POST", path, body, content_type="application/json", **headers))
            return await connection.response()
        finally:
            await connection.close()

    async def tell(
        self, event_type: str, incident: Any, agent: Any = "Olga Onni", route: UUID | None = None
    ) -> Response:
        body = event(event_type, incident, agent)
        return await self.knock(body, signed(body), route)

    def state(self, incident: UUID) -> tuple[str, str | None]:
        row = self.at.incident(incident)
        return row["state"], row["acknowledged_by"]


def event(event_type: str, incident: Any, agent: Any = "Olga Onni") -> bytes:
    return json.dumps(
        {
            "event": {
                "id": "01CEQ5XY",
                "event_type": event_type,
                "resource_type": "incident",
                "occurred_at": "2026-05-25T12:00:00.000Z",
                "agent": {"id": "PLH1HKV", "summary": agent, "type": "user_reference"} if agent else agent,
                "client": None,
                "data": {"id": "PGR0VU2", "type": "incident", "incident_key": incident and str(incident), "title": "É"},
            }
        },
        ensure_ascii=False,
    ).encode()


def signed(body: bytes, secret: str = SECRET) -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def unlimited(_call: Call) -> None:
    """What an address pays is for the doors' own tests."""


@asynccontextmanager
async def open_door(at: Stage, route: UUID) -> AsyncIterator[Door]:
    door = Door(at, route)
    clock = RealClock()
    journal = Journal(
        clock=clock,
        tracing=build_tracing(),
        metrics=Metrics(),
        access=lambda **_: None,
        record=door.records.append,
    )
    app = build_app(
        {},
        {},
        clock=clock,
        journal=journal,
        probes=Probes(lambda: True, lambda: True),
        surfaces=(),
        provider_webhooks=ProviderWebhooks(at.installation, admit=unlimited),
    )
    server = HttpServer(app, host="127.0.0.1", port=0, clock=clock, bounds=Bounds())
    await server.start()
    door.port = server.port
    try:
        yield door
    finally:
        await server.stop(1.0)


def pagerduty(at: Stage, *, workspace: UUID | None = None, kind: str = "pagerduty", **target: str) -> UUID:
    sealed = at.installation.vault.seal({"routingKey": "k" * 32, **target})
    # It covers no monitor: what is told of a resolution is for other tests.
    return at.world.route(workspace, kind=kind, target=sealed, monitor_ids=[NOWHERE])


@pytest_asyncio.fixture(loop_scope="module")
async def door(at: Stage) -> AsyncIterator[Door]:
    async with open_door(at, pagerduty(at, webhookSecret=SECRET)) as made:
        yield made


async def opened(at: Stage) -> tuple[UUID, UUID]:
    """Let a run fail, and return its monitor and incident."""
    monitor = await at.monitor()
    await at.fails(monitor)
    (incident,) = at.incidents(monitor)
    return monitor, incident["id"]


async def test_an_acknowledgement_in_pagerduty_is_one_in_luota_by_that_person(at, door):
    _, incident = await opened(at)
    answer = await door.tell("incident.acknowledged", incident)
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert door.state(incident) == ("acknowledged", "pagerduty:Olga Onni")
    (entry,) = at.world.rows(
        "SELECT * FROM incident_events WHERE incident_id = %s AND event = 'acknowledged'", incident
    )
    assert (entry["actor"], entry["detail"]) == ("pagerduty:Olga Onni", "in PagerDuty")
    assert entry["request_id"] == answer.request_id
    (audit,) = at.world.rows("SELECT * FROM audit_entries WHERE target_id = %s", str(incident))
    assert (audit["action"], audit["actor_kind"], audit["actor_id"]) == (
        "incident.acknowledge",
        "provider",
        str(door.route),
    )
    (record,) = door.records
    assert (record.incident_id, record.actor) == (incident, "pagerduty:Olga Onni")


async def test_a_resolution_in_pagerduty_ends_the_incident_and_consumes_its_breach(at, door):
    monitor, incident = await opened(at)
    assert (await door.tell("incident.resolved", incident)).status == 200
    assert door.state(incident)[0] == "resolved"
    assert at.incident(incident)["resolution"] == "by_hand"
    assert at.counters(monitor)[0] == 0


async def test_what_is_told_twice_or_too_late_changes_nothing(at, door):
    _, incident = await opened(at)
    for _ in range(2):
        assert (await door.tell("incident.acknowledged", incident)).status == 200
    assert at.timeline(incident).count("acknowledged") == 1
    for _ in range(2):
        assert (await door.tell("incident.resolved", incident, "Bob")).status == 200
    assert (await door.tell("incident.acknowledged", incident)).status == 200
    assert at.timeline(incident).count("resolved") == 1
    assert door.state(incident)[0] == "resolved"


async def test_whoever_has_an_incident_keeps_it(at, door):
    _, incident = await opened(at)
    await at.acknowledge(incident)
    before = door.state(incident)
    assert (await door.tell("incident.acknowledged", incident, "Luota")).status == 200
    assert door.state(incident) == before


@pytest.mark.parametrize(
    "event_type",
    ["incident.unacknowledged", "incident.triggered", "incident.annotated", "service.updated", "pagey.ping", ""],
)
async def test_other_events_are_taken_and_change_nothing(at, door, event_type):
    _, incident = await opened(at)
    assert (await door.tell(event_type, incident)).status == 200
    assert door.state(incident) == ("open", None)


@pytest.mark.parametrize("key", [None, "", "not-an-id", "d3640fbd41094207a1c11e58e46b1662", str(UUID(int=1)), "\x00"])
async def test_what_luota_does_not_know_is_taken_and_changes_nothing(at, door, key):
    assert (await door.tell("incident.resolved", key)).status == 200


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (None, "pagerduty"),
        ("", "pagerduty"),
        (7, "pagerduty"),
        ("  Zoë\n\x00B\x7f ", "pagerduty:Zoë B"),
        ("x" * 500, "pagerduty:" + "x" * 100),
    ],
)
async def test_whoever_did_it_is_named_in_one_short_line(at, door, agent, name):
    _, incident = await opened(at)
    assert (await door.tell("incident.acknowledged", incident, agent)).status == 200
    assert door.state(incident) == ("acknowledged", name)


async def test_an_incident_of_another_workspace_is_out_of_reach(at, door):
    _, incident = await opened(at)
    elsewhere = pagerduty(at, workspace=at.world.workspace(), webhookSecret=SECRET)
    assert (await door.tell("incident.resolved", incident, route=elsewhere)).status == 200
    assert door.state(incident) == ("open", None)


def wrong_signatures(body: bytes) -> dict[str, str | None]:
    return {
        "none": None,
        "empty": "",
        "another secret": signed(body, "another-secret-0123456789"),
        "the empty secret": signed(body, ""),
        "the dummy of no route": signed(body, "no such route"),
        "another body": signed(body + b" "),
        "another version": signed(body).replace("v1=", "v2="),
        "no version": signed(body).removeprefix("v1="),
        "cut": signed(body)[:-1],
        "letters that are none": "v1=é" + "\xff" * 60,
        "too many": ",".join(["v1=00"] * 8 + [signed(body)]),
    }


@pytest.mark.parametrize("wrong", wrong_signatures(b""))
async def test_what_is_not_signed_with_the_routes_secret_is_refused_in_one_way(at, door, wrong):
    _, incident = await opened(at)
    body = event("incident.resolved", incident)
    answer = await door.knock(body, wrong_signatures(body)[wrong])
    assert (answer.status, answer.json) == (401, {"code": "invalid_signature", "error": "Invalid signature"})
    assert door.state(incident) == ("open", None)
    (record,) = door.records
    assert (record.error_code, record.workspace_id) == ("invalid_signature", None)


async def test_one_right_signature_among_several_is_enough(at, door):
    _, incident = await opened(at)
    body = event("incident.acknowledged", incident)
    several = f"v1={'0' * 64}, {signed(body)},v2=abc"
    assert (await door.knock(body, several)).status == 200
    assert door.state(incident)[0] == "acknowledged"


async def test_a_route_that_is_not_there_is_refused_as_a_wrong_signature_is(at, door):
    body = event("incident.resolved", NOWHERE)
    refused = (await door.knock(body, signed(body, "wrong-secret-0123456789"))).json
    gone = pagerduty(at, webhookSecret=SECRET)
    at.world.rows("UPDATE alert_routes SET deleted_at = now() WHERE id = %s", gone)
    silent, other = pagerduty(at), pagerduty(at, kind="webhook", webhookSecret=SECRET)
    for route in (NOWHERE, gone, silent, other):
        for signature in (signed(body), signed(body, ""), signed(body, "no such route")):
            answer = await door.knock(body, signature, route)
            assert (answer.status, answer.json) == (401, refused)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[1]",
        b'{"event":{"event_type":7}}',
        b'{"event":null}',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"event":{"event_type":"x","data":' + b"[" * 50_000,
    ],
)
async def test_a_signed_body_that_is_no_event_is_refused_with_the_field(door, body):
    answer = await door.knock(body, signed(body))
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert (await door.knock(body, "v1=00")).status == 401


async def test_a_body_beyond_the_bound_is_refused_before_it_is_read(at, door):
    _, incident = await opened(at)
    small = event("incident.acknowledged", incident)
    fits = small + b" " * (BODY_BYTES_MAX - len(small))
    assert (await door.knock(fits, signed(fits))).status == 200
    too_large = fits + b" "
    assert (await door.knock(too_large, signed(too_large))).status == 413


async def test_a_secret_that_no_key_opens_asks_pagerduty_to_come_again(at, door):
    sealed = Vault(["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]).seal({"webhookSecret": SECRET})
    route = at.world.route(kind="pagerduty", target=sealed, monitor_ids=[NOWHERE])
    assert (await door.tell("incident.resolved", NOWHERE, route=route)).status == 503


async def test_the_path_takes_posts_alone_and_a_malformed_id_is_no_path(door):
    connection = await Connection.open(door.port)
    await connection.send(request_bytes("GET", f"/v1/providers/pagerduty/{door.route}"))
    answer = await connection.response()
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    await connection.send(request_bytes("POST", "/v1/providers/pagerduty/x"))
    assert (await connection.response()).status == 404
    await connection.close()


def told_of(at: Stage, incident: UUID, *routes: UUID) -> None:
    """Let routes have been told that an incident opened."""
    for route in routes:
        delivery = at.clock.new_id()
        at.world.rows(
            "INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at,"
            " expires_at, settled_at) SELECT %s, workspace_id, id, destination, 'opened', 'delivered', 3, now(), now(),"
            " now() FROM alert_routes WHERE id = %s",
            delivery,
            route,
        )
        at.world.rows("INSERT INTO delivery_incidents VALUES (%s, %s, %s, 1, false)", delivery, incident, route)


def coming(at: Stage, incident: UUID) -> dict[UUID, tuple[str, str | None]]:
    rows = at.world.rows(
        "SELECT d.route_id, d.reason, d.request_id"
        " FROM deliveries d JOIN delivery_incidents di ON di.delivery_id = d.id"
        " WHERE di.incident_id = %s AND di.live",
        incident,
    )
    return {row["route_id"]: (row["reason"], row["request_id"]) for row in rows}


async def test_a_pager_that_was_told_hears_that_somebody_has_it_in_luota(at, door):
    _, incident = await opened(at)
    hook = pagerduty(at, kind="webhook")
    told_of(at, incident, door.route, hook)
    await at.acknowledge(incident)
    assert [reason for reason, _ in coming(at, incident).values()] == ["reminder"]
    assert set(coming(at, incident)) == {door.route}
    await at.acknowledge(incident, 600)
    assert set(coming(at, incident)) == {door.route}


async def test_the_pager_that_brought_an_acknowledgement_is_not_told_of_it_but_the_others_are(at, door):
    _, incident = await opened(at)
    other = pagerduty(at)
    told_of(at, incident, door.route, other)
    answer = await door.tell("incident.acknowledged", incident)
    assert coming(at, incident) == {other: ("reminder", answer.request_id)}
