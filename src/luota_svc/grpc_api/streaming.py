"""The path of a call that is answered with a stream: parse, core, one message after another, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from luota_svc.clock import Clock
from luota_svc.grpc_api.answers import trailers_of
from luota_svc.grpc_api.calls import CallReader
from luota_svc.grpc_api.endings import Endings, parse
from luota_svc.grpc_api.methods import BoundStream
from luota_svc.grpc_api.observing import Hooks
from luota_svc.model.call import Call
from luota_svc.model.errors import PayloadTooLarge, Unavailable, WatcherTooSlow
from luota_svc.telemetry.context import bind_ids

# A message that a client does not take for so long is the last: it may go on from its cursor.
_WRITE_SECONDS: Final = 10.0

StreamBehaviour = Callable[[bytes, Any], Awaitable[None]]


class Streaming:
    """Runs streams. `running` holds the task of each one. They have no end of their own: a drain ends them."""

    def __init__(self, reader: CallReader, hooks: Hooks, clock: Clock) -> None:
        """Take what every call of this door is read with, and where it is told."""
        self.running: set[asyncio.Task[Any]] = set()
        self._reader = reader
        self._hooks = hooks
        self._endings = Endings(hooks, clock)
        self._clock = clock
        self._draining = False

    def behaviour(self, stream: BoundStream) -> StreamBehaviour:
        """Return what gRPC calls for one method, with the request's bytes."""

        async def run(raw: bytes, context: Any) -> None:
            await self._run(stream, raw, context)

        return run

    def drain(self) -> None:
        """End every stream with UNAVAILABLE, now: who watches goes on at another replica."""
        self._draining = True
        for task in self.running:
            task.cancel()

    async def _run(self, stream: BoundStream, raw: bytes, context: Any) -> None:
        started = self._clock.monotonic()
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        call = self._reader.read(stream.name, context)
        span = self._hooks.tracing.rpc_span(
            method=stream.name, traceparent=call.traceparent, request_id=call.request_id
        )
        call.traceparent = span.traceparent
        bind_ids(call.request_id, span.trace_id)  # the task is this call's own: nothing to unbind
        try:
            async with aclosing(self._open(stream, call, raw)) as messages:
                async for message in messages:
                    await _write(context, message.SerializeToString())
        except asyncio.CancelledError:
            if not self._draining:
                self._endings.gave_up(call, span, context, started)
                raise
            task.uncancel()
            await self._endings.refuse(call, span, context, Unavailable("the server stops"), started)
        except Exception as error:  # noqa: BLE001 - the last place: whatever it is, the caller gets a status
            await self._endings.refuse(call, span, context, error, started)
        seconds = self._clock.monotonic() - started
        self._hooks.answered(call, span, grpc.StatusCode.OK.name, None, seconds)
        self._hooks.keep(call, span, grpc.StatusCode.OK.name, None, seconds)
        context.set_trailing_metadata(trailers_of(call))

    def _open(self, stream: BoundStream, call: Call, raw: bytes) -> AsyncGenerator[Message, None]:
        if self._draining:
            raise Unavailable("the server stops")
        if len(raw) > stream.size_max:
            raise PayloadTooLarge
        return stream.open(call, parse(stream, raw))


async def _write(context: Any, raw: bytes) -> None:
    try:
        async with asyncio.timeout(_WRITE_SECONDS):
            await context.write(raw)
    except TimeoutError as error:
        raise WatcherTooSlow from error
