"""Webhooks against a real receiver: the bytes, the ids, and signatures that others' verifiers accept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from tests.providers.email_alerts import DELIVERY, frozen, opened
from tests.providers.receivers import answer, client, receiver

from luota_svc.clock import RealClock, StubClock
from luota_svc.model.deliveries import DeliveryReason, Dispatch, Outcome, OutcomeKind
from luota_svc.providers.webhook import WebhookProvider, headers_of, luota_signature, standard_signature

CONTENT = frozen(opened())
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def dispatch_of(target: dict[str, str], number: int = 1) -> Dispatch:
    return Dispatch(
        delivery_id=UUID(DELIVERY),
        number=number,
        reason=DeliveryReason.OPENED,
        content=CONTENT,
        request_id="req-01JZ0000000000000000000001",
        traceparent=TRACEPARENT,
        target=target,
    )


async def sent(
    target: dict[str, str], *, says: bytes | None = None, clock=None
) -> tuple[Outcome, dict[str, str], bytes]:
    """Make one attempt; return what it came to, the headers that arrived, in lower case, and the body."""
    async with receiver(says or answer(204)) as there, client() as made:
        provider = WebhookProvider(client=made, clock=clock or RealClock(), clean=lambda text: text)
        outcome = await provider.send(dispatch_of({"url": f"http://127.0.0.1:{there.port}/hook", **target}))
        head, _, body = there.requests[0].partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return outcome, {name.lower(): value for name, value in lines}, body


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


async def test_the_frozen_bytes_arrive_with_ids_and_without_signatures_where_there_is_no_secret():
    outcome, headers, body = await sent({})
    assert body == CONTENT
    assert headers["content-type"] == "application/json"
    assert headers["x-luota-delivery-id"] == headers["idempotency-key"] == DELIVERY
    assert headers["webhook-id"] == f"dlv_{UUID(DELIVERY).hex}"
    assert headers["x-request-id"] == "req-01JZ0000000000000000000001"
    assert headers["traceparent"] == TRACEPARENT
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert not {"x-luota-timestamp", "x-luota-signature", "x-luota-signature-previous", "webhook-signature"} & set(
        headers
    )
    assert (outcome.kind, outcome.provider_id) == (OutcomeKind.DELIVERED, DELIVERY)


async def test_the_receivers_own_request_id_is_the_provider_id():
    outcome, _, _ = await sent({}, says=answer(200, b"ok", x_request_id="abc-1"))
    assert (outcome.provider_id, outcome.reply) == ("abc-1", "ok")


async def test_what_failed_has_no_provider_id_of_ours():
    outcome, _, _ = await sent({}, says=answer(503, retry_after="21"))
    assert (outcome.kind, outcome.provider_id, outcome.retry_after_seconds) == (OutcomeKind.OVERLOADED, None, 21)


async def test_the_published_verifier_accepts_what_arrives():
    secret = new_secret()
    _, headers, body = await sent({"secret": secret})
    assert Webhook(secret).verify(body, headers) == json.loads(CONTENT)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


async def test_a_secret_of_the_operators_own_words_is_verified_as_documented():
    secret = "correct horse battery staple"
    _, headers, body = await sent({"secret": secret})
    Webhook(base64.b64encode(secret.encode()).decode()).verify(body, headers)
    signed = f"{headers['x-luota-timestamp']}.".encode() + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-luota-signature"] == f"sha256={expected}"
    assert headers["x-luota-timestamp"] == headers["webhook-timestamp"]


async def test_luotas_own_signature_is_keyed_by_the_secret_as_it_was_typed():
    secret = new_secret()
    _, headers, body = await sent({"secret": secret})
    signed = headers["x-luota-timestamp"].encode() + b"." + body
    assert headers["x-luota-signature"] == "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


async def test_while_two_secrets_are_valid_receivers_with_either_accept():
    old, new = new_secret(), new_secret()
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    _, headers, body = await sent({"secret": new, "previousSecret": old, "previousSecretUntil": until})
    for secret in (old, new):
        Webhook(secret).verify(body, headers)
    timestamp = headers["x-luota-timestamp"]
    assert headers["x-luota-signature"] == f"sha256={luota_signature(new, timestamp, body)}"
    assert headers["x-luota-signature-previous"] == f"sha256={luota_signature(old, timestamp, body)}"


def test_a_previous_secret_ends_at_its_instant():
    clock = StubClock()
    target = {"secret": new_secret(), "previousSecret": new_secret()}
    target["previousSecretUntil"] = (clock.now() + timedelta(seconds=1)).isoformat()
    assert " " in headers_of(dispatch_of(target), clock.now())["webhook-signature"]
    clock.advance(1)
    after = headers_of(dispatch_of(target), clock.now())
    assert " " not in after["webhook-signature"]
    assert "x-luota-signature-previous" not in after


def test_every_attempt_is_signed_afresh_and_named_alike():
    clock = StubClock()
    target = {"secret": new_secret()}
    first = headers_of(dispatch_of(target), clock.now())
    clock.advance(30)
    second = headers_of(dispatch_of(target, number=2), clock.now())
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"webhook-timestamp", "webhook-signature", "x-luota-timestamp", "x-luota-signature"}


def test_signatures_are_those_of_the_published_example():
    # From the specification's own tests.
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    body = b'{"event_type":"ping","data":{"success":true}}'
    message_id, timestamp = "msg_loFOjxBNrRLzqYUf", "1731705121"
    expected = "rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
    assert standard_signature(secret, message_id, timestamp, body) == expected
    # Unpadded, and no base64 at all: the text itself is the key.
    key = base64.b64encode(b"\x01" * 32).decode()
    assert standard_signature(f"whsec_{key}", "a", "1", b"") == standard_signature(
        f"whsec_{key.rstrip('=')}", "a", "1", b""
    )
    assert (
        standard_signature("whsec_!", "a", "1", b"")
        == base64.b64encode(hmac.digest(b"whsec_!", b"a.1.", "sha256")).decode()
    )


async def test_a_reply_that_repeats_a_secret_is_kept_without_it():
    secret = "operators-own-secret"
    outcome, _, _ = await sent(
        {"secret": secret}, says=answer(401, b"expected " + secret.encode(), content_type="text/plain")
    )
    assert secret not in repr(outcome)
    assert outcome.reply == "expected ***"
    assert (outcome.error or "").endswith("(it says: expected ***)")


async def test_a_target_that_is_broken_is_an_outcome_and_its_log_line_holds_no_secret(caplog: pytest.LogCaptureFixture):
    async with client() as made:
        provider = WebhookProvider(client=made, clock=RealClock(), clean=lambda text: text)
        with caplog.at_level(logging.ERROR):
            for target in (
                {},
                {
                    "url": "https://x.example/",
                    "secret": "s" * 16,
                    "previousSecret": "hunter2",
                    "previousSecretUntil": "hunter3",
                },
            ):
                outcome = await provider.send(dispatch_of(target))
                assert outcome.kind is OutcomeKind.FAILED
                assert "its log says which" in (outcome.error or "")
    assert len(caplog.records) == 2
    assert "hunter" not in repr([record.__dict__ for record in caplog.records])
