"""The one path of every call through this door: size, parse, core, answer; and what each call leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from luota_svc.clock import Clock
from luota_svc.grpc_api.answers import trailers_of
from luota_svc.grpc_api.calls import IDEMPOTENCY_KEY_MAX, CallReader
from luota_svc.grpc_api.endings import Endings, parse
from luota_svc.grpc_api.methods import BoundMethod
from luota_svc.grpc_api.observing import Hooks
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, PayloadTooLarge, Unavailable
from luota_svc.telemetry.context import bind_ids
from luota_svc.telemetry.traces import Span

# Core answers by `expires_at`; this much later the door answers for a core that did not.
_BACKSTOP_SECONDS: Final = 0.25

Behaviour = Callable[[bytes, Any], Awaitable[bytes]]


class Unary:
    """Runs calls. `running` holds the task of each one until its answer is on the wire."""

    def __init__(self, reader: CallReader, hooks: Hooks, clock: Clock, *, in_flight_max: int) -> None:
        """Above `in_flight_max` calls at once the next is told to come again."""
        self.running: set[asyncio.Task[Any]] = set()
        self._reader = reader
        self._hooks = hooks
        self._endings = Endings(hooks, clock)
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
        started = self._clock.monotonic()
        call = self._reader.read(method.name, context)
        backstop = self._watch_task(call.expires_at - started + _BACKSTOP_SECONDS)
        span = self._hooks.tracing.rpc_span(
            method=method.name, traceparent=call.traceparent, request_id=call.request_id
        )
        call.traceparent = span.traceparent
        bind_ids(call.request_id, span.trace_id)  # the task is this call's own: nothing to unbind
        try:
            answer = await self._carry_out(call, method, raw)
            encoded = answer.SerializeToString()
        except asyncio.CancelledError:
            if not backstop.fired():
                self._endings.gave_up(call, span, context, started)
                raise
            await self._endings.refuse(call, span, context, Unavailable("no answer in time"), started)
        except Exception as error:  # noqa: BLE001 - the last place: whatever it is, the caller gets a status
            await self._endings.refuse(call, span, context, error, started)
        finally:
            backstop.cancel()
        self._accepted(call, span, method, answer, started)
        context.set_trailing_metadata(trailers_of(call))
        return encoded

    async def _carry_out(self, call: Call, method: BoundMethod, raw: bytes) -> Message:
        if len(raw) > method.size_max:
            raise PayloadTooLarge
        if len(self.running) > self._in_flight_max:
            raise Unavailable("too many calls in flight")
        request = parse(method, raw)
        if method.key_field is not None and call.idempotency_key is not None:
            _fill_key(request, method.key_field, call.idempotency_key)
        return await method.call(call, request)

    def _accepted(self, call: Call, span: Span, method: BoundMethod, answer: Message, started: float) -> None:
        seconds = self._clock.monotonic() - started
        self._hooks.answered(call, span, "OK", None, seconds)
        # A new signal is its own record; everything else leaves one.
        if not method.ingest or method.batch or getattr(answer, "duplicate", False):
            self._hooks.keep(call, span, "OK", None, seconds)

    def _watch_task(self, seconds: float) -> _Backstop:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return _Backstop(task, seconds)


class _Backstop:
    """Cancels a call's task after so long, and knows that it did. A sixth of the price of asyncio.timeout."""

    __slots__ = ("_fired", "_task", "_timer")

    def __init__(self, task: asyncio.Task[Any], seconds: float) -> None:
        self._fired = False
        self._task = task
        self._timer = task.get_loop().call_later(seconds, self._fire)

    def cancel(self) -> None:
        """Let the task be."""
        self._timer.cancel()

    def fired(self) -> bool:
        """Say whether it was this that cancelled the task; if so the task goes on living."""
        if self._fired:
            self._task.uncancel()
        return self._fired

    def _fire(self) -> None:
        self._fired = True
        self._task.cancel()


def _fill_key(request: Message, field: str, key: str) -> None:
    if not 0 < len(key) <= IDEMPOTENCY_KEY_MAX:
        raise InvalidRequest(FieldProblem("idempotency-key", f"must be 1 to {IDEMPOTENCY_KEY_MAX} characters"))
    if not getattr(request, field):
        setattr(request, field, key)
