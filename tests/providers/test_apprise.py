"""Alerts through Apprise: what services are told, and what their answers come to; real children on loopback."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.providers.apprise_desk import TOKEN, K, provider, receiver, scripted, tell, told_by
from tests.providers.email_alerts import DELIVERY, opened, resolved, test_alert
from tests.providers.vendor_receivers import Said, Vendor, dispatch_of

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers import apprise as provider_module
from luota_svc.providers.apprise import AppriseProvider
from luota_svc.providers.apprise_outcome import outcome_of_verdict

__all__ = ["provider", "receiver"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_service_is_told_the_alert_with_its_link(provider: AppriseProvider, receiver: Vendor) -> None:
    receiver.answer = Said(200, b"ok", {"X-Request-Id": "req-of-the-service"})
    outcome = await tell(provider, told_by(receiver))
    assert outcome == Outcome(
        K.DELIVERED, http_status=200, provider_id="req-of-the-service", reply="ok", resolved_address="127.0.0.1"
    )
    [seen] = receiver.seen
    alert = opened()
    assert seen.path == f"/hooks/{TOKEN}"
    assert seen.json["title"] == alert["subject"]
    assert seen.json["message"] == f"{alert['text'].strip()}\n\n{alert['metadata']['links']['incident']}"
    assert seen.headers["user-agent"] == "Luota"
    assert seen.headers["accept-encoding"] == "identity"


async def test_nothing_in_an_alert_calls_a_room_where_discord_takes_it(
    provider: AppriseProvider, receiver: Vendor
) -> None:
    calls = ("@everyone", "@HERE", "<@&123>", "<@456>", "<!channel>")
    alert = opened()
    alert["subject"] = alert["text"] = f"{' '.join(calls)} a@example.org"
    assert (await provider.send(dispatch_of(alert, {"url": told_by(receiver)}))).kind is OutcomeKind.DELIVERED
    (seen,) = receiver.seen
    said = json.dumps(seen.json, ensure_ascii=False)
    assert not [call for call in calls if call in said]
    assert "a@example.org" in said


@pytest.mark.parametrize(
    ("alert", "kind"),
    [
        (opened(), "failure"),
        (opened(severity="warning"), "warning"),
        (opened(severity="info"), "info"),
        (resolved(), "success"),
        (test_alert(), "info"),
    ],
)
async def test_an_alert_has_the_colour_of_its_severity_until_it_is_over(
    provider: AppriseProvider, receiver: Vendor, alert: dict[str, Any], kind: str
) -> None:
    assert (await tell(provider, told_by(receiver), alert)).kind is K.DELIVERED
    assert receiver.seen[0].json["type"] == kind


@pytest.mark.parametrize("scheme", ["xml", "form", "gotify", "ntfy"])
async def test_other_services_are_told_too(provider: AppriseProvider, receiver: Vendor, scheme: str) -> None:
    outcome = await tell(provider, told_by(receiver, scheme, "/AbCdEf123456"))
    assert outcome.kind is K.DELIVERED
    assert outcome.provider_id == DELIVERY
    assert opened()["metadata"]["run"]["externalRunId"] in receiver.seen[0].body.decode()


async def test_a_long_alert_is_cut_where_the_service_cuts_and_keeps_its_link(
    provider: AppriseProvider, receiver: Vendor
) -> None:
    alert = opened()
    alert["text"] = "A line of output that says little.\n" * 4_000
    link = alert["metadata"]["links"]["incident"]
    assert (await tell(provider, told_by(receiver, "ntfy", "/topic"), alert)).kind is K.DELIVERED
    [seen] = receiver.seen
    told = seen.body.decode()
    assert told.endswith(f"…\n\n{link}")
    assert len(told) <= 7_800


STATUSES = {
    **dict.fromkeys(range(200, 300), K.DELIVERED),
    **dict.fromkeys(range(300, 500), K.REFUSED),
    **dict.fromkeys(range(500, 600), K.FAILED),
    410: K.REJECTED,
    429: K.THROTTLED,
    502: K.OVERLOADED,
    503: K.OVERLOADED,
    504: K.OVERLOADED,
}


@pytest.mark.parametrize(
    "status", [200, 201, 204, 299, 301, 304, 307, 400, 401, 403, 404, 410, 413, 429, 500, 503, 504]
)
async def test_a_real_answer_of_each_status_becomes_its_outcome(
    provider: AppriseProvider, receiver: Vendor, status: int
) -> None:
    receiver.answer = Said(status, headers={"Location": "/elsewhere", "Retry-After": "17"})
    outcome = await tell(provider, told_by(receiver))
    assert (outcome.kind, outcome.http_status) == (STATUSES[status], status)
    assert outcome.retry_after_seconds == (17 if status in {429, 502, 503, 504} else None)
    assert len(receiver.seen) == 1, "nothing is followed, nothing is tried again"


def verdict_of(status: int) -> dict[str, Any]:
    exchange = {"status": status, "accepted": 200 <= status < 300, "headers": {}, "reply": "", "trouble": None}
    return {
        "readable": True, "taken": 200 <= status < 300, "fault": None, "refusal": None, "words": [],
        "exchange": exchange | {"address": "192.0.2.1"},
    }  # fmt: skip


async def test_every_status_becomes_an_outcome() -> None:
    found = {status: outcome_of_verdict(verdict_of(status), tidy=str, delivery_id=DELIVERY) for status in STATUSES}
    assert {status: outcome.kind for status, outcome in found.items()} == STATUSES
    assert all((outcome.error is None) == (outcome.kind is K.DELIVERED) for outcome in found.values())


async def test_an_answer_that_the_service_does_not_give_is_no_proof(
    provider: AppriseProvider, receiver: Vendor
) -> None:
    receiver.answer = Said(200, b"<html>Welcome to the captive portal</html>")
    outcome = await tell(provider, told_by(receiver, "matrix", "/!room:127.0.0.1").replace("//", "//name:passw0rd@"))
    assert outcome.kind is K.REFUSED
    assert "answered 200, but not that it took the alert" in str(outcome.error)
    assert "passw0rd" not in repr(outcome)


async def test_nothing_listens_and_no_such_name_are_told_apart(provider: AppriseProvider) -> None:
    async with scripted(lambda _reader, _writer: asyncio.sleep(0)) as port:
        pass
    refused = await tell(provider, f"json://127.0.0.1:{port}/")
    unknown = await tell(provider, "json://no-such-host.invalid/")
    assert (refused.kind, unknown.kind) == (K.UNREACHABLE, K.UNREACHABLE)
    assert "no connection" in str(refused.error)
    assert "DNS" in str(unknown.error)


async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example.org ESMTP\r\n")
    await writer.drain()


async def cut_short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nonly so much")
    await writer.drain()


@pytest.mark.parametrize(("server", "kind"), [(drop, K.UNREACHABLE), (babble, K.FAILED), (cut_short, K.UNREACHABLE)])
async def test_a_broken_answer_is_an_outcome(provider: AppriseProvider, server: Any, kind: OutcomeKind) -> None:
    async with scripted(server) as port:
        assert (await tell(provider, f"json://127.0.0.1:{port}/")).kind is kind


async def test_a_huge_body_is_read_to_sixteen_kilobytes(provider: AppriseProvider) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while sent < 1 << 30:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async with scripted(flood) as port:
        outcome = await tell(provider, f"json://127.0.0.1:{port}/")
    assert outcome.kind is K.DELIVERED
    assert outcome.reply == "x" * 4_096
    assert sent < 1 << 24


@pytest.mark.parametrize("ending", ["silence", "drip", "headers"])
async def test_a_service_that_hangs_is_left_in_time(
    provider: AppriseProvider, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(provider_module, "_CHILD_SECONDS", 1.5)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if ending == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while ending != "silence":
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)
        await reader.read()

    began = asyncio.get_running_loop().time()
    async with scripted(hang) as port:
        outcome = await tell(provider, f"json://127.0.0.1:{port}/")
    assert outcome.kind is K.TIMED_OUT
    assert asyncio.get_running_loop().time() - began < 3
