"""Webhooks: the frozen alert as it is, signed in two ways that every attempt does afresh (docs/webhooks.md)."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from luota_svc.clock import Clock
from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind
from luota_svc.model.routes import Target
from luota_svc.providers.correlation import correlation_headers
from luota_svc.providers.http_client import ExchangeFailed, GuardedClient, outcome_of
from luota_svc.telemetry import names

_LOG: Final = logging.getLogger(__name__)
_STANDARD_PREFIX: Final = "whsec_"


class WebhookProvider:
    """Posts alerts to a URL of the operator's choice."""

    def __init__(self, *, client: GuardedClient, clock: Clock, clean: Callable[[str], str]) -> None:
        """Take the client that guards addresses, and what takes secrets out of replies."""
        self._client = client
        self._clock = clock
        self._clean = clean

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Make one attempt; at most 15 s. Any 2xx is proof.

        Its provider id is what the receiver calls the request, or our delivery id where it does not say.
        """
        try:
            headers = headers_of(dispatch, self._clock.now())
            url = str(dispatch.target["url"])
            reply = await self._client.post(url, dispatch.content, headers, secrets=_secrets_of(dispatch.target))
        except ExchangeFailed as failed:
            return failed.outcome
        except Exception as error:  # noqa: BLE001 - a provider's promise: whatever is wrong is an outcome, and is tried again
            # Without the message, which may hold what the target holds.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error(
                names.LOG_WEBHOOK_ATTEMPT_BROKE, extra={"delivery_id": str(dispatch.delivery_id), "frames": frames}
            )
            return Outcome(OutcomeKind.FAILED, "a fault in Luota kept this message back; its log says which")
        return outcome_of(reply, clean=self._clean, our_id=headers["x-luota-delivery-id"])


def headers_of(dispatch: Dispatch, now: datetime) -> dict[str, str]:
    """Return what goes out beside the body: ids that never change between attempts, and this attempt's signatures.

    With a secret: `x-luota-signature`, and `webhook-signature` as Standard Webhooks has it. While a previous secret is
    valid its signatures stand beside, so that receivers may change theirs at any moment of that time.
    """
    timestamp = str(int(now.timestamp()))
    delivery_id = str(dispatch.delivery_id)
    message_id = f"dlv_{dispatch.delivery_id.hex}"
    headers = {
        "Content-Type": "application/json",
        "x-luota-delivery-id": delivery_id,
        "Idempotency-Key": delivery_id,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        **correlation_headers(dispatch),
    }
    names = ("x-luota-signature", "x-luota-signature-previous")
    standard = []
    for name, secret in zip(names, _valid_secrets(dispatch.target, now), strict=False):
        headers["x-luota-timestamp"] = timestamp
        headers[name] = f"sha256={luota_signature(secret, timestamp, dispatch.content)}"
        standard.append(f"v1,{standard_signature(secret, message_id, timestamp, dispatch.content)}")
    if standard:
        headers["webhook-signature"] = " ".join(standard)
    return headers


def luota_signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 over `<timestamp>.<raw body>`, keyed by the secret as it was typed."""
    return hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()


def standard_signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the base64 HMAC-SHA256 over `<id>.<timestamp>.<raw body>`, keyed as Standard Webhooks 1.0 says.

    Of a secret `whsec_<base64>` the key is what that stands for; of any other it is the text itself.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(_standard_key(secret), signed, "sha256")).decode()


def _standard_key(secret: str) -> bytes:
    if secret.startswith(_STANDARD_PREFIX):
        # With or without its padding, as the published verifiers take it.
        text = secret.removeprefix(_STANDARD_PREFIX).rstrip("=")
        with contextlib.suppress(binascii.Error):
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True) or secret.encode()
    return secret.encode()


def _valid_secrets(target: Target, now: datetime) -> Iterator[str]:
    """Give the route's secret, then the one before while that is accepted."""
    if not target.get("secret"):
        return
    yield target["secret"]
    until = target.get("previousSecretUntil")
    if target.get("previousSecret") and until and now < _instant(until):
        yield target["previousSecret"]


def _secrets_of(target: Target) -> list[str]:
    return [target[name] for name in ("secret", "previousSecret") if target.get(name)]


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
