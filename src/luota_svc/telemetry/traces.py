"""Spans from the door to the batch. The sampling decision is ours and cheap; the SDK is touched for sampled spans only.

A span that is not sampled still has ids: a traceparent stands on every row and a trace id on every log line, at any
ratio and without any exporter.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, Self

from opentelemetry import trace as otel
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from luota_svc.telemetry import names
from luota_svc.telemetry.scrub import scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from opentelemetry.context import Context

Attribute = str | int | float | bool

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_LOW_64_BITS: Final = (1 << 64) - 1
LINKS_MAX: Final = 64
# A client may choose a trace id that every ratio samples. So many a second are believed, the rest are not sampled.
REMOTE_SAMPLED_PER_SECOND_MAX: Final = 100
_HTTP_FAULT: Final = 500
_RPC_FAULTS: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"},
)


class Span:
    """One piece of work. `traceparent` is what goes on rows; methods cost nothing when the span is not sampled.

    As a context manager it ends itself and marks an exception that leaves the block by its type, never its text.
    """

    __slots__ = ("_sdk", "traceparent")

    def __init__(self, traceparent: str, sdk: otel.Span | None = None) -> None:
        """Take the ids as text and, when sampled, the SDK's span."""
        self.traceparent = traceparent
        self._sdk = sdk

    @property
    def trace_id(self) -> str:
        """The 32 hex digits."""
        return self.traceparent[3:35]

    @property
    def sampled(self) -> bool:
        """True if somebody will read this span: the only time to compute an attribute that costs something."""
        return self._sdk is not None

    def set(self, name: str, value: Attribute) -> None:
        """Set one attribute; text is scrubbed of secrets."""
        if self._sdk is not None:
            self._sdk.set_attribute(name, scrub(value) if isinstance(value, str) else value)

    def fail(self, error_type: str) -> None:
        """Mark the work as failed by a fault of ours. `error_type` is a class or code, never a message."""
        if self._sdk is not None:
            self._sdk.set_attribute(names.ERROR_TYPE, error_type)
            self._sdk.set_status(otel.StatusCode.ERROR)

    def end(self) -> None:
        """End the span; a second end changes nothing."""
        sdk, self._sdk = self._sdk, None
        if sdk is not None:
            sdk.end()

    def end_http(self, *, method: str, route: str | None, status: int) -> None:
        """End a door's HTTP span. `route` is the template, None where no route matched; 5xx marks a fault."""
        sdk = self._sdk
        if sdk is None:
            return
        sdk.set_attribute(names.HTTP_RESPONSE_STATUS_CODE, status)
        if route is not None:
            sdk.update_name(f"{method} {route}")
            sdk.set_attribute(names.HTTP_ROUTE, route)
        if status >= _HTTP_FAULT:
            self.fail(str(status))
        self.end()

    def end_rpc(self, *, status: str) -> None:
        """End a door's gRPC span with the status's name, such as `OK`; server faults mark it failed."""
        if self._sdk is None:
            return
        self._sdk.set_attribute(names.RPC_RESPONSE_STATUS_CODE, status)
        if status in _RPC_FAULTS:
            self.fail(status)
        self.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.fail(kind.__name__)
        self.end()


class Tracing:
    """Starts spans. Built by `tracing_setup.build_tracing`; safe in any task of one process.

    Parents are given as traceparent text that *we* minted, so a use case needs nothing but its call.
    """

    def __init__(
        self,
        tracer: otel.Tracer | None,
        *,
        sampled_below: int,
        follow_unsampled: bool = True,
        ids: IdGenerator | None = None,
        stop: Callable[[float], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Sample a trace whose id's low 64 bits are under `sampled_below`; `tracer` None samples nothing."""
        self._tracer = tracer
        self._sampled_below = sampled_below if tracer is not None else 0
        self._follow_unsampled = follow_unsampled
        self._ids = ids or RandomIdGenerator()
        self._stop = stop
        self._monotonic = monotonic
        self._second = 0
        self._remote_sampled = 0

    def http_span(self, *, method: str, traceparent: str | None, path: str, request_id: str) -> Span:
        """Start a door's span for one HTTP request, `traceparent` as the caller sent it; close it with `end_http`."""
        span = self._server_span(method, traceparent)
        if span.sampled:
            span.set(names.HTTP_REQUEST_METHOD, method)
            span.set(names.URL_SCHEME, "http")
            span.set(names.URL_PATH, path)
            span.set(names.ATTR_REQUEST_ID, request_id)
        return span

    def rpc_span(self, *, method: str, traceparent: str | None, request_id: str) -> Span:
        """Start a door's span for one call, `method` as `luota.v1.IngestService/StartRun`; close with `end_rpc`."""
        method = method.removeprefix("/")
        span = self._server_span(method, traceparent)
        if span.sampled:
            span.set(names.RPC_SYSTEM_NAME, "grpc")
            span.set(names.RPC_METHOD, method)
            span.set(names.ATTR_REQUEST_ID, request_id)
        return span

    def child_span(
        self, name: str, parent: str | None, attributes: Mapping[str, Attribute] | None = None, *, linked: bool = False
    ) -> Span:
        """Start a span under a traceparent of ours (None or unsampled: a span that only hands the ids on).

        `linked`: the parent ended long before, so the span links to it too, as messaging's conventions ask.
        """
        if parent is None:
            return Span(self._unsampled(None))
        if self._tracer is None or not _is_sampled(parent):
            return Span(parent)
        context = _context_of(parent, remote=False)
        links = [otel.Link(_span_context_of(parent, remote=False))] if linked else None
        sdk = self._tracer.start_span(name, context=context, attributes=attributes, links=links)
        return Span(_traceparent_of(sdk), sdk)

    def batch_span(self, name: str, members: Iterable[str | None]) -> Span:
        """Start a root span that links to its members' sampled traces (at most 64, the rest counted).

        `members` are traceparents of ours. Nobody sampled: nothing is sampled.
        """
        if self._tracer is None:
            return Span(self._unsampled(None))
        sampled = [member for member in members if member is not None and _is_sampled(member)]
        if not sampled:
            return Span(self._unsampled(None))
        links = [otel.Link(_span_context_of(member, remote=False)) for member in sampled[:LINKS_MAX]]
        sdk = self._tracer.start_span(name, context=_ROOT, kind=otel.SpanKind.INTERNAL, links=links)
        span = Span(_traceparent_of(sdk), sdk)
        if len(sampled) > LINKS_MAX:
            span.set(names.ATTR_BATCH_LINKS_DROPPED, len(sampled) - LINKS_MAX)
        return span

    def shutdown(self, timeout_seconds: float = 3.0) -> None:
        """Export what is queued, at most so long, then let go. Blocks: call it in a thread. Twice-safe."""
        stop, self._stop = self._stop, None
        self._sampled_below, self._tracer = 0, None
        if stop is not None:
            stop(timeout_seconds)

    def _server_span(self, name: str, traceparent: str | None) -> Span:
        match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
        if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN:
            trace_id = self._ids.generate_trace_id()
            if self._tracer is None or trace_id & _LOW_64_BITS >= self._sampled_below:
                return Span(self._unsampled(f"{trace_id:032x}"))
            # The SDK draws the id anew, from the sampled ones: its sampler then agrees with the dice thrown here.
            sdk = self._tracer.start_span(name, context=_ROOT, kind=otel.SpanKind.SERVER)
            return Span(_traceparent_of(sdk), sdk)
        if self._tracer is None or not self._remote_is_sampled(match[1], int(match[3], 16)):
            return Span(self._unsampled(match[1]))
        assert traceparent is not None
        context = _context_of(traceparent, remote=True)
        sdk = self._tracer.start_span(name, context=context, kind=otel.SpanKind.SERVER)
        return Span(_traceparent_of(sdk), sdk)

    def _remote_is_sampled(self, trace_id: str, flags: int) -> bool:
        if self._follow_unsampled and not flags & 1:
            return False
        if int(trace_id[16:], 16) >= self._sampled_below:
            return False
        second = int(self._monotonic())
        if second != self._second:
            self._second, self._remote_sampled = second, 0
        self._remote_sampled += 1
        return self._remote_sampled <= REMOTE_SAMPLED_PER_SECOND_MAX

    def _unsampled(self, trace_id: str | None) -> str:
        return f"00-{trace_id or f'{self._ids.generate_trace_id():032x}'}-{self._ids.generate_span_id():016x}-00"


_ROOT: Final = otel.set_span_in_context(otel.INVALID_SPAN)


def _is_sampled(traceparent: str) -> bool:
    return int(traceparent[-2:], 16) & 1 == 1


def _span_context_of(traceparent: str, *, remote: bool) -> otel.SpanContext:
    return otel.SpanContext(
        trace_id=int(traceparent[3:35], 16),
        span_id=int(traceparent[36:52], 16),
        is_remote=remote,
        trace_flags=otel.TraceFlags(int(traceparent[53:55], 16)),
    )


def _context_of(traceparent: str, *, remote: bool) -> Context:
    return otel.set_span_in_context(otel.NonRecordingSpan(_span_context_of(traceparent, remote=remote)), _ROOT)


def _traceparent_of(sdk: otel.Span) -> str:
    context = sdk.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"
