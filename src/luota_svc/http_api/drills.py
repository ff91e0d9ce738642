"""A drill's receiver: refuses what it is told until the drill is repaired."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from starlette.routing import BaseRoute

from luota_svc.clock import Clock
from luota_svc.http_api.exchange import ANSWER_SECONDS, Exchange
from luota_svc.http_api.routing import route
from luota_svc.model.call import Call
from luota_svc.model.errors import Missing, NotFound, Unavailable

# True: take it; False: refuse it; None: there is no such drill now.
Receive = Callable[[Call, UUID], Awaitable[bool | None]]

_BYTES_MAX: Final = 64 * 1024
_REFUSED: Final = b'{"code":"drill","error":"This receiver refuses on purpose until its drill is repaired"}'
_TAKEN: Final = b'{"received":true}'


def drill_routes(receive: Receive, clock: Clock) -> list[BaseRoute]:
    """Return the route of every drill's receiver."""

    async def answer(exchange: Exchange, captured: dict[str, str]) -> None:
        await exchange.read_body(_BYTES_MAX)
        call = exchange.make_call(clock.now(), clock.monotonic())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                takes = await receive(call, UUID(captured["drill_id"]))
        except TimeoutError as error:
            raise Unavailable("a drill's receiver took too long") from error
        if takes is None:
            raise NotFound(Missing.DRILL)
        await exchange.answer(200 if takes else 503, _TAKEN if takes else _REFUSED)

    return [route("/v1/drills/{drill_id:id}/receiver", "/v1/drills/{drillId}/receiver", {"POST": answer})]
