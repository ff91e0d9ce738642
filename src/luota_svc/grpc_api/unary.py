"""The one path of every call through this door: size, parse, core, answer; and what each call leaves behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError, Message

from luota_svc.clock import Clock
from luota_svc.grpc_api.answers import reason_of, refuse, status_of, trailers_of
from luota_svc.grpc_api.calls import CallReader
from luota_svc.grpc_api.methods import BoundMethod
from luota_svc.grpc_api.observing import Hooks
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, LuotaError, PayloadTooLarge, Unavailable
from luota_svc.telemetry import names
from luota_svc.telemetry.context import bind_ids
from luota_svc.telemetry.traces import Span

log = logging.getLogger(__name__)

# Core answers by `expires_at`; this much later the door answers for a core that did not.
_BACKSTOP_SECONDS: Final = 0.25
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Behaviour = Callable[[bytes, Any], Awaitable[bytes]]


class Unary:
    """Runs calls. `running` holds the task of each one until its answer is on the wire."""

    def __init__(self, reader: CallReader, hooks: Hooks, clock: Clock, *, in_flight_max: int) -> None:
        """Above `in_flight_max` calls at once the next is told to come again."""
        self.running: set[asyncio.Task[Any]] = set()
        self._reader = reader
        self._hooks = hooks
        self._clock = clock
        self._in_flight_max = in_flight_max

    def behaviour(self, method: BoundMethod) -> Behaviour:
        """Return what gRPC calls for one method, with the message's bytes."""

        async def run(raw: bytes, context: Any) -> bytes:
            return await self._run(method, raw, context)

        return run

    async def refuse_unknown(self, context: Any) -> None:
        """Answer UNIMPLEMENTED, with a request id, to a method that nobody serves."""
        # The name is the caller's word: it is nobody's label.
        call = self._reader.read("unknown", context)
        span = self._hooks.tracing.rpc_span(method=call.method, traceparent=None, request_id=call.request_id)
        self._hooks.answered(call, span, grpc.StatusCode.UNIMPLEMENTED.name, None, 0.0)
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found", trailers_of(call))

    async def _run(self, method: BoundMethod, raw: bytes, context: Any) -> bytes:
        self._watch_task()
        started = self._clock.monotonic()
        call = self._reader.read(method.name, context)
        span = self._hooks.tracing.rpc_span(
            method=method.name, traceparent=call.traceparent, request_id=call.request_id
        )
        call.traceparent = span.traceparent
        bind_ids(call.request_id, span.trace_id)  # the task is this call's own: nothing to unbind
        try:
            answer = await self._within(call, method, raw, started)
            encoded = answer.SerializeToString()
        except asyncio.CancelledError:
            # The client hung up or its deadline passed; what was on its way to the database may still be kept.
            code = grpc.StatusCode.DEADLINE_EXCEEDED if context.time_remaining() == 0 else grpc.StatusCode.CANCELLED
            self._hooks.answered(call, span, code.name, None, self._clock.monotonic() - started)
            raise
        except Exception as error:
            await self._refuse(call, span, context, error, started)
            raise AssertionError("unreachable") from error
        self._accepted(call, span, method, answer, started)
        context.set_trailing_metadata(trailers_of(call))
        return encoded

    async def _within(self, call: Call, method: BoundMethod, raw: bytes, started: float) -> Message:
        if len(raw) > method.size_max:
            raise PayloadTooLarge
        if len(self.running) > self._in_flight_max:
            raise Unavailable("too many calls in flight")
        request = _parse(method, raw)
        if method.key_field is not None and call.idempotency_key and not getattr(request, method.key_field):
            setattr(request, method.key_field, call.idempotency_key)
        try:
            async with asyncio.timeout(call.expires_at - started + _BACKSTOP_SECONDS) as limit:
                return await method.call(call, request)
        except TimeoutError as error:
            if limit.expired():
                raise Unavailable("no answer in time") from error
            raise

    async def _refuse(self, call: Call, span: Span, context: Any, error: Exception, started: float) -> None:
        if not isinstance(error, LuotaError):
            log.error(names.LOG_INTERNAL_ERROR, exc_info=error, extra={"method": call.method})
        status = status_of(error, call.request_id)
        word, seconds = _CODES[status.code].name, self._clock.monotonic() - started
        reason = reason_of(status)
        self._hooks.answered(call, span, word, reason, seconds)
        self._hooks.keep(call, span, word, reason, seconds)
        await refuse(context, status, trailers_of(call))

    def _accepted(self, call: Call, span: Span, method: BoundMethod, answer: Message, started: float) -> None:
        seconds = self._clock.monotonic() - started
        self._hooks.answered(call, span, "OK", None, seconds)
        # A new signal is its own record; everything else leaves one.
        if not method.ingest or method.batch or getattr(answer, "duplicate", False):
            self._hooks.keep(call, span, "OK", None, seconds)

    def _watch_task(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        task.add_done_callback(self.running.discard)


def _parse(method: BoundMethod, raw: bytes) -> Message:
    try:
        return method.parse(raw)
    except DecodeError as error:
        raise InvalidRequest(FieldProblem("", "The message cannot be decoded")) from error
