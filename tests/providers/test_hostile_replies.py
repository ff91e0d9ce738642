"""What receivers say in bytes that nobody can keep: it must never make of a result one that can't be written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.providers.email_alerts import opened
from tests.providers.receivers import answer, client, receiver
from tests.providers.vendor_receivers import dispatch_of

from luota_svc.clock import RealClock
from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers.alertmanager import AlertmanagerProvider
from luota_svc.providers.http_client import GuardedClient
from luota_svc.providers.pagerduty import PagerDutyProvider
from luota_svc.providers.slack import SlackProvider
from luota_svc.providers.webhook import WebhookProvider

DEEP = b"[" * 16_000


@pytest.fixture
async def made() -> AsyncIterator[GuardedClient]:
    async with client() as made:
        yield made


async def told_by(provider: str, made: GuardedClient, url: str) -> Outcome:
    if provider == "webhook":
        webhook = WebhookProvider(client=made, clock=RealClock(), clean=str)
        return await webhook.send(dispatch_of(opened(), {"url": url}))
    if provider == "slack":
        return await SlackProvider(made, clean=str).send(dispatch_of(opened(), {"url": url}))
    if provider == "alertmanager":
        alertmanager = AlertmanagerProvider(made, clock=RealClock(), clean=str)
        return await alertmanager.send(dispatch_of(opened(), {"url": url}))
    pagerduty = PagerDutyProvider(made, clean=str, regions={"us": url})
    return await pagerduty.send(dispatch_of(opened(), {"routingKey": "k" * 32}))


def assert_can_be_kept(outcome: Outcome) -> None:
    for text in (outcome.error, outcome.provider_id, outcome.reply):
        assert text is None or "\0" not in text.encode().decode()
    for line in (outcome.error, outcome.provider_id):
        assert line is None or "\n" not in line
    assert len(outcome.error or "") <= 1_000
    assert len(outcome.provider_id or "") <= 200


@pytest.mark.parametrize("header", [b"X-Request-Id", b"X-Slack-Req-Id"])
@pytest.mark.parametrize("provider", ["webhook", "slack"])
async def test_a_request_id_that_is_no_utf_8_can_be_kept(made, provider, header):
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + header + b": caf\xe9-1\r\n\r\nok"
    async with receiver(said) as there:
        outcome = await told_by(provider, made, f"http://127.0.0.1:{there.port}/hook")
    assert (outcome.kind, outcome.provider_id) == (OutcomeKind.DELIVERED, "caf -1")


@pytest.mark.parametrize("provider", ["webhook", "slack", "alertmanager", "pagerduty"])
@pytest.mark.parametrize("status", [200, 202, 400, 410, 500])
@pytest.mark.parametrize(
    "body",
    [b"no\0body\r\n\x1b[31mred \xff\xfe", DEEP, b'{"message": "\\u0000\\ud800", "dedup_key": "\\u0000\\ud800"}'],
    ids=["bytes", "deep", "surrogates"],
)
async def test_whatever_is_answered_is_an_outcome_that_can_be_kept(made, provider, status, body):
    async with receiver(answer(status, body, content_type="application/json", x_request_id="\u202eid")) as there:
        outcome = await told_by(provider, made, f"http://127.0.0.1:{there.port}/hook")
    assert_can_be_kept(outcome)
    assert "fault" not in (outcome.error or "").partition("it has a fault")[0]


async def test_an_id_of_pagerduty_has_a_bound(made):
    said = b'{"dedup_key": "' + b"k" * 5_000 + b'"}'
    async with receiver(answer(202, said)) as there:
        outcome = await told_by("pagerduty", made, f"http://127.0.0.1:{there.port}")
    assert outcome.kind is OutcomeKind.DELIVERED
    assert_can_be_kept(outcome)
