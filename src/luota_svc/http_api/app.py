"""The ASGI application: mints the request id, sends each request to its endpoint, turns every error into an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from starlette.routing import Router

from luota_svc.clock import Clock
from luota_svc.core.methods import Method, Stream
from luota_svc.http_api.drills import Receive as ReceiveDrill
from luota_svc.http_api.drills import drill_routes
from luota_svc.http_api.errors import refusal_of
from luota_svc.http_api.exchange import ClientGone, Exchange, Receive, Scope, Send, rate_limit_headers
from luota_svc.http_api.ingest import IngestEndpoints
from luota_svc.http_api.journal import Journal
from luota_svc.http_api.pages import Page, page_routes
from luota_svc.http_api.probes import Probes
from luota_svc.http_api.provider_webhooks import TakesWebhooks, provider_webhook_routes
from luota_svc.http_api.routing import EXCHANGE
from luota_svc.http_api.transcoder import management_routes
from luota_svc.model.errors import LuotaError, Missing, NotFound, Unavailable
from luota_svc.rules.address import Network, source_address
from luota_svc.telemetry import names

log: Final = logging.getLogger(__name__)


def build_app(
    methods: Mapping[str, Method],
    streams: Mapping[str, Stream],
    *,
    clock: Clock,
    journal: Journal,
    probes: Probes,
    trusted_proxies: Sequence[Network] = (),
    surfaces: Iterable[str] = ("ingest", "manage"),
    pages: Mapping[str, Page] = MappingProxyType({}),
    public_url: str = "",
    provider_webhooks: TakesWebhooks | None = None,
    receive_drill: ReceiveDrill | None = None,
) -> HttpDoor:
    """Build the door over the core's methods. Raises LookupError naming a method that has no implementation.

    `surfaces` says what is exposed: `ingest`, `manage`. `pages` are shown too, each at its path, under loopback
    names and the public URL's. `provider_webhooks` takes what providers tell by webhooks of their own. `receive_drill`
    answers what drills' routes are told.
    """
    exposed = frozenset(surfaces)
    draining = asyncio.Event()
    routes = [*probes.routes()]
    if "manage" in exposed:
        routes += management_routes(methods, streams, clock, draining)
    routes += drill_routes(receive_drill, clock) if receive_drill is not None else []
    routes += provider_webhook_routes(provider_webhooks, clock) if provider_webhooks is not None else []
    routes += page_routes(pages, public_url=public_url)
    ingest = IngestEndpoints(methods, clock) if "ingest" in exposed else None
    return HttpDoor(
        ingest=ingest,
        router=Router(routes, redirect_slashes=False, default=_no_such_path),
        clock=clock,
        journal=journal,
        trusted_proxies=trusted_proxies,
        draining=draining,
    )


class HttpDoor:
    """One ASGI callable. Ingest is found first and by hand, for it is what comes thousands of times a second."""

    def __init__(
        self,
        *,
        ingest: IngestEndpoints | None,
        router: Router,
        clock: Clock,
        journal: Journal,
        trusted_proxies: Sequence[Network],
        draining: asyncio.Event,
    ) -> None:
        """Take the parts; built by `build_app`."""
        self._ingest = ingest
        self._router = router
        self._clock = clock
        self._trusted_proxies = trusted_proxies
        self._draining = draining
        self.journal = journal

    def end_streams(self) -> None:
        """End every stream, now and from now on: none has an end of its own."""
        self._draining.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever happens on the way."""
        assert scope["type"] == "http", "the server speaks HTTP only: no lifespan, no websocket"
        clock = self._clock
        exchange = Exchange(scope, receive, send, request_id=clock.new_request_id(), started=clock.monotonic())
        client = scope["client"]
        peer = None if client is None else client[0]
        exchange.source_address = source_address(peer, exchange.forwarded_for, self._trusted_proxies)
        self.journal.begin(exchange)
        try:
            if self._ingest is None or not await self._ingest.serve(exchange):
                scope[EXCHANGE] = exchange
                await self._router(scope, receive, send)
        except LuotaError as error:
            await _refuse(exchange, error)
        except ClientGone:
            pass
        except asyncio.CancelledError:
            # The server stops and the time for graceful endings is over: nobody above us waits for this task.
            await _refuse(exchange, Unavailable("the server stops"))
        except Exception as error:
            log.exception(names.LOG_INTERNAL_ERROR, extra={"route": exchange.route})
            await _refuse(exchange, error)
        finally:
            self.journal.finish(exchange)


async def _no_such_path(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise NotFound(Missing.ROUTE)


async def _refuse(exchange: Exchange, error: BaseException) -> None:
    refusal = refusal_of(error)
    exchange.error_code = refusal.code
    if exchange.status:
        return  # an answer had begun: it cannot be taken back
    call = exchange.call
    limits = () if call is None else rate_limit_headers(call.limit)
    await exchange.answer(refusal.status, refusal.body, *refusal.headers, *limits)
