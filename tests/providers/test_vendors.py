"""What each vendor's every answer, silence and breakdown becomes; real sockets on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.providers.email_alerts import DELIVERY, INCIDENT, opened, test_alert
from tests.providers.vendor_receivers import TRACEPARENT, Said, Vendor, clean, dispatch_of, open_client

from luota_svc.clock import StubClock
from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers import http_client
from luota_svc.providers.alertmanager import AlertmanagerProvider
from luota_svc.providers.http_client import GuardedClient
from luota_svc.providers.pagerduty import PagerDutyProvider
from luota_svc.providers.slack import SlackProvider

K = OutcomeKind
ROUTING_KEY = "R0UT1NGKEY0123456789abcdef012345"
TOKEN = "B0Trotz4xkq8nTN1V0M9PqzW"


@dataclass
class Way:
    """One provider, where it is sent to, and what a vendor says that has taken it."""

    name: str
    make: Callable[[GuardedClient, str], Any]
    target: Callable[[str], dict[str, Any]]
    accepts: Said
    # By status, where it is not the client's own table.
    statuses: dict[int, OutcomeKind]
    secret: str


WAYS = [
    Way(
        "slack",
        lambda client, _url: SlackProvider(client, clean=clean),
        lambda url: {"url": f"{url}/services/T00/{TOKEN}"},
        Said(200, b"ok"),
        dict.fromkeys(range(200, 300), K.REFUSED),
        TOKEN,
    ),
    Way(
        "pagerduty",
        lambda client, url: PagerDutyProvider(client, clean=clean, regions={"us": url, "eu": f"{url}/eu"}),
        lambda _url: {"routingKey": ROUTING_KEY},
        Said(202, json.dumps({"status": "success", "dedup_key": INCIDENT}).encode()),
        {**dict.fromkeys(range(200, 300), K.REFUSED), 400: K.REJECTED},
        ROUTING_KEY,
    ),
    Way(
        "alertmanager",
        lambda client, _url: AlertmanagerProvider(client, clock=StubClock(), clean=clean),
        lambda url: {"url": f"{url}/prefix/", "username": "luota", "password": "p4ssw0rd-of-nobody"},
        Said(200),
        {**dict.fromkeys(range(201, 300), K.REFUSED), 400: K.REJECTED},
        "p4ssw0rd-of-nobody",
    ),
]


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with open_client() as made:
        yield made


def by_default(status: int) -> OutcomeKind:
    if status < 300:
        return K.DELIVERED
    special = {410: K.REJECTED, 429: K.THROTTLED, 502: K.OVERLOADED, 503: K.OVERLOADED, 504: K.OVERLOADED}
    return special.get(status, K.REFUSED if status < 500 else K.FAILED)


async def send(way: Way, client: GuardedClient, receiver: Vendor, alert: dict[str, Any] | None = None) -> Outcome:
    made = way.make(client, receiver.url)
    outcome = await made.send(dispatch_of(alert or opened(), way.target(receiver.url)))
    assert way.secret not in repr(outcome)
    return outcome


each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


@each_way
async def test_what_a_vendor_takes_is_delivered_and_bears_the_ids_that_find_it_again(way, client, receiver):
    receiver.answer = way.accepts
    outcome = await send(way, client, receiver)
    assert (outcome.kind, outcome.error) == (K.DELIVERED, None)
    assert (outcome.http_status, outcome.resolved_address) == (way.accepts.status, "127.0.0.1")
    (seen,) = receiver.seen
    assert seen.headers["x-request-id"] == opened()["metadata"]["requestId"]
    assert seen.headers["traceparent"] == TRACEPARENT
    assert seen.headers["content-type"].startswith("application/json")
    assert INCIDENT in seen.body.decode()
    assert DELIVERY in seen.body.decode()


@each_way
async def test_every_status_without_the_vendors_own_words_has_its_outcome(way, client, receiver):
    found, expected = {}, {}
    for status in range(200, 600):
        receiver.answer = Said(status)
        found[status] = (await send(way, client, receiver)).kind
        expected[status] = way.statuses.get(status, by_default(status))
    assert found == expected


@each_way
async def test_a_vendor_that_asks_to_wait_is_heard(way, client, receiver):
    receiver.answer = Said(429, headers={"retry-after": "37"})
    outcome = await send(way, client, receiver)
    assert (outcome.kind, outcome.retry_after_seconds) == (K.THROTTLED, 37)


@each_way
async def test_a_vendor_that_hangs_up_is_unreachable(way, client, receiver):
    receiver.answer = None
    assert (await send(way, client, receiver)).kind is K.UNREACHABLE


@each_way
async def test_a_vendor_that_does_not_answer_times_out(way, client, receiver, monkeypatch):
    monkeypatch.setattr(http_client, "WHOLE_SECONDS", 0.05)
    receiver.answer = Said(0)
    assert (await send(way, client, receiver)).kind is K.TIMED_OUT


@each_way
async def test_a_vendor_that_nobody_finds_or_that_speaks_no_tls_is_unreachable(way, client, receiver):
    for url in ("http://vendor.invalid", receiver.url.replace("http:", "https:"), "http://127.0.0.1:1"):
        made = way.make(client, url)
        outcome = await made.send(dispatch_of(opened(), way.target(url)))
        assert outcome.kind is K.UNREACHABLE
        assert way.secret not in repr(outcome)


@each_way
async def test_a_target_that_the_guard_forbids_is_blocked_and_hears_nothing(way, receiver):
    guarded = GuardedClient(permit=lambda _: "it is a private address", clean=clean, allow_http=True)
    await guarded.open()
    outcome = await send(way, guarded, receiver)
    await guarded.aclose()
    assert (outcome.kind, receiver.seen) == (K.BLOCKED, [])


@each_way
async def test_a_secret_that_a_vendor_repeats_is_not_kept(way, client, receiver):
    receiver.answer = Said(400, f"what is {way.secret}? and hunter2?".encode(), {"content-type": "text/plain"})
    outcome = await send(way, client, receiver)
    assert "what is ***? and [REDACTED]?" in (outcome.reply or "")


@each_way
async def test_a_test_alert_of_no_incident_goes_out(way, client, receiver):
    receiver.answer = way.accepts
    assert (await send(way, client, receiver, test_alert())).kind is K.DELIVERED
