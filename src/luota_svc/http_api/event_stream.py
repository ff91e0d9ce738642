"""Answers a binding whose method streams: as server-sent events, until the client goes, the server stops or it ends."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any, Final

from google.protobuf.message import Message

from luota_svc.clock import Clock
from luota_svc.core.methods import Stream
from luota_svc.http_api.bindings import Binding
from luota_svc.http_api.errors import encode_json, refusal_of
from luota_svc.http_api.exchange import ANSWER_SECONDS, ClientGone, Exchange
from luota_svc.http_api.json_output import to_json
from luota_svc.http_api.json_requests import MANAGEMENT_BYTES_MAX, read_request
from luota_svc.model.call import Call
from luota_svc.model.errors import LuotaError, Unavailable, WatcherTooSlow
from luota_svc.telemetry import names

log: Final = logging.getLogger(__name__)

# A part that a client does not take for so long is the last: it may go on from its last id.
_SEND_SECONDS: Final = 10.0
_LAST_EVENT_ID: Final = b"last-event-id"
_HEAD: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # proxies that gather answers would keep everything back
)


class EventStream:
    """Answers one binding. Each message is an event whose id is the message's cursor."""

    def __init__(self, binding: Binding, stream: Stream, clock: Clock, draining: asyncio.Event) -> None:
        """Bind the stream; it ends once `draining` is set."""
        self._binding = binding
        self._stream = stream
        self._clock = clock
        self._draining = draining

    async def answer(self, exchange: Exchange, captured: dict[str, str]) -> None:
        """Answer one request. Until the first message is there, a refusal is an answer as any other."""
        exchange.recorded = True
        body = await exchange.read_body(MANAGEMENT_BYTES_MAX)
        request = read_request(self._binding, exchange, body, captured)
        _go_on(exchange, request)
        call = exchange.make_call(self._clock.now(), self._clock.monotonic())
        telling = asyncio.create_task(self._tell(exchange, call, request))
        gone = asyncio.create_task(exchange.wait_gone())
        draining = asyncio.create_task(self._draining.wait())
        tasks = {telling, gone, draining}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            done = {task for task in tasks if task.done()}
            for task in tasks - done:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if telling in done and (error := telling.exception()) is not None:
            await _end(exchange, error)
        elif telling not in done and gone in done:
            raise ClientGone
        elif telling not in done:
            await _end(exchange, Unavailable("the server stops"))

    async def _tell(self, exchange: Exchange, call: Call, request: Message) -> None:
        """Send the stream's messages; of a HEAD only that there is a stream."""
        async with aclosing(self._stream(call, request)) as messages:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    message = await anext(messages)
            except TimeoutError as error:
                raise Unavailable(f"{self._binding.rpc} took too long") from error
            await exchange.begin_stream(200, *_HEAD)
            if exchange.method != "HEAD":
                await _send(exchange, _event(message))
                async for message in messages:
                    await _send(exchange, _event(message))
        await exchange.end_stream()


def _go_on(exchange: Exchange, request: Any) -> None:
    """Let the last id that the client saw go before the cursor of its address: a browser repeats the first address."""
    for name, value in exchange.scope["headers"]:
        if name == _LAST_EVENT_ID and value:
            request.cursor = value.decode("latin-1")


def _event(message: Any) -> bytes:
    """Return one event; where nothing happened a comment and an id, which clients keep and do not show."""
    if not message.HasField("event"):
        return b": keep-alive\nid: %b\n\n" % message.cursor.encode()
    return b"id: %b\nevent: incident\ndata: %b\n\n" % (message.cursor.encode(), encode_json(to_json(message)))


async def _send(exchange: Exchange, part: bytes) -> None:
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            await exchange.send_part(part)
    except TimeoutError as error:
        raise WatcherTooSlow from error


async def _end(exchange: Exchange, error: BaseException) -> None:
    """Refuse what has not begun; end what has with an event that says why."""
    if not exchange.status:
        raise error
    refusal = refusal_of(error)
    exchange.error_code = refusal.code
    if not isinstance(error, LuotaError):
        log.error(names.LOG_INTERNAL_ERROR, exc_info=error, extra={"route": exchange.route})
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            await exchange.end_stream(b"event: end\ndata: %b\n\n" % refusal.body)
    except TimeoutError:
        raise ClientGone from error
