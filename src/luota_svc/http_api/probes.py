"""/healthz, /readyz and /metrics: what machines ask every few seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute

from luota_svc.http_api.exchange import Exchange
from luota_svc.http_api.routing import Answer, route

_OK = b'{"status":"ok"}'
_NOT_OK = b'{"status":"unavailable"}'


@dataclass(frozen=True, slots=True)
class Probes:
    """What the probes ask. `render_metrics` returns body and content type; None means that there is no /metrics."""

    is_live: Callable[[], bool]
    is_ready: Callable[[], bool]
    render_metrics: Callable[[], tuple[bytes, str]] | None = None

    def routes(self) -> list[BaseRoute]:
        """Return the probes' routes."""
        routes: list[BaseRoute] = [
            route("/healthz", "/healthz", {"GET": _asking(self.is_live)}),
            route("/readyz", "/readyz", {"GET": _asking(self.is_ready)}),
        ]
        if self.render_metrics is not None:
            routes.append(route("/metrics", "/metrics", {"GET": _rendering(self.render_metrics)}))
        return routes


def _asking(ask: Callable[[], bool]) -> Answer:
    async def answer(exchange: Exchange, _captured: dict[str, str]) -> None:
        if ask():
            await exchange.answer(200, _OK)
        else:
            await exchange.answer(503, _NOT_OK)

    return answer


def _rendering(render: Callable[[], tuple[bytes, str]]) -> Answer:
    async def answer(exchange: Exchange, _captured: dict[str, str]) -> None:
        body, content_type = render()
        await exchange.answer(200, body, content_type=(b"content-type", content_type.encode()))

    return answer
