"""Where providers knock: PagerDuty tells what was acknowledged or resolved there, and signs that it is PagerDuty."""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct
from starlette.routing import BaseRoute

from luota_svc.clock import Clock
from luota_svc.http_api.exchange import Exchange
from luota_svc.http_api.routing import route
from luota_svc.model.call import Call
from luota_svc.model.provider_webhooks import ProviderEvent

# PagerDuty keeps its webhooks under 55 KB.
BODY_BYTES_MAX: Final = 64 * 1024
_SIGNATURE: Final = b"x-pagerduty-signature"
_TAKEN: Final = b'{"status":"ok"}'


class _Event(Struct):
    event_type: str
    # Whatever they hold beyond what is read is the vendor's to change.
    agent: Any = None
    data: Any = None


class _Webhook(Struct):
    event: _Event


_DECODER: Final = msgspec.json.Decoder(_Webhook)


class TakesWebhooks(Protocol):
    """What the door needs of core/provider_webhooks."""

    async def take_pagerduty(
        self, call: Call, route_id: str, *, signatures: str, body: bytes, event: ProviderEvent | None
    ) -> None:
        """Do what an event says."""
        ...


def provider_webhook_routes(core: TakesWebhooks, clock: Clock) -> list[BaseRoute]:
    """Return `POST /v1/providers/pagerduty/{routeId}`, for build_app's `more_routes`."""

    async def take_pagerduty(exchange: Exchange, captured: dict[str, str]) -> None:
        body = await exchange.read_body(BODY_BYTES_MAX)
        call = exchange.make_call(clock.now(), clock.monotonic())
        signatures = ",".join(
            value.decode("latin-1") for name, value in exchange.scope["headers"] if name == _SIGNATURE
        )
        exchange.recorded = True
        await core.take_pagerduty(
            call, captured["route_id"], signatures=signatures, body=body, event=_read_pagerduty(body)
        )
        await exchange.answer(200, _TAKEN)

    template = "/v1/providers/pagerduty/{routeId}"
    return [route("/v1/providers/pagerduty/{route_id:id}", template, {"POST": take_pagerduty})]


def _read_pagerduty(body: bytes) -> ProviderEvent | None:
    """Return the event, None for what is none: whether it is PagerDuty's at all is said by its signature alone."""
    try:
        event = _DECODER.decode(body).event
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return ProviderEvent(event.event_type, _text(event.data, "incident_key"), _text(event.agent, "summary"))


def _text(thing: Any, name: str) -> str:
    value = thing.get(name) if isinstance(thing, dict) else None
    return value if isinstance(value, str) else ""
