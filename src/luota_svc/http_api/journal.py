"""What one HTTP request leaves behind: a metric, a span, an access line and, where support needs one, a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

from luota_svc.clock import Clock
from luota_svc.http_api.exchange import UNMATCHED, Exchange
from luota_svc.model.call import Call
from luota_svc.model.requests import RequestRecord
from luota_svc.telemetry.context import bind_ids
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.traces import Tracing

_DOOR: Final = "http"
# The client closed before it could be answered; said in lines and metrics only, as proxies do.
_CLIENT_GONE: Final = "499"
# Asked every few seconds by machines, or by a page that looks for news: counted, but neither a line nor a record.
_QUIET: Final = frozenset(
    f"{verb} /{probe}" for verb in ("GET", "HEAD") for probe in ("healthz", "readyz", "metrics", "inbox")
)


class WriteAccess(Protocol):
    """Writes one access line, as `telemetry.access.AccessLog.access` does."""

    def __call__(
        self,
        *,
        door: str,
        method: str,
        status: str,
        duration_ms: float,
        request_id: str,
        trace_id: str = "",
        code: str | None = None,
        caller_request_id: str | None = None,
        source_address: str | None = None,
        workspace_id: str | None = None,
        monitor_id: str | None = None,
    ) -> None:
        """Write it; quick, and never raises."""
        ...


class Journal:
    """Begins and closes the account of each request."""

    def __init__(
        self,
        *,
        clock: Clock,
        tracing: Tracing,
        metrics: Metrics,
        access: WriteAccess,
        record: Callable[[RequestRecord], None],
    ) -> None:
        """`record` takes what support may look up: refusals, duplicates, batches and management calls."""
        self._clock = clock
        self._tracing = tracing
        self._metrics = metrics
        self._access = access
        self._record = record

    def begin(self, exchange: Exchange) -> None:
        """Start the request's span and bind its ids to this task, so that every log line carries them."""
        span = exchange.span = self._tracing.http_span(
            method=exchange.method,
            traceparent=exchange.traceparent,
            path=exchange.path,
            request_id=exchange.request_id,
        )
        bind_ids(exchange.request_id, span.trace_id)

    def finish(self, exchange: Exchange) -> None:
        """Close the account once the answer is out, or the client gone."""
        seconds = self._clock.monotonic() - exchange.started
        status = str(exchange.status) if exchange.status else _CLIENT_GONE
        route = exchange.route
        self._metrics.request(_DOOR, route, status, seconds)
        template = None if route == UNMATCHED else route.partition(" ")[2]
        exchange.span.end_http(method=exchange.method, route=template, status=exchange.status)
        if route in _QUIET:
            return
        subject = exchange.call.subject if exchange.call is not None else {}
        self._access(
            door=_DOOR,
            method=route,
            status=status,
            duration_ms=seconds * 1000,
            request_id=exchange.request_id,
            trace_id=exchange.span.trace_id,
            code=exchange.error_code,
            caller_request_id=exchange.caller_request_id,
            source_address=exchange.source_address,
            workspace_id=subject.get("workspace_id"),
            monitor_id=subject.get("monitor_id"),
        )
        # A path that is none of ours is noise of the internet, no request of a customer's.
        if route != UNMATCHED and exchange.status and (exchange.recorded or exchange.error_code is not None):
            self._record(self._record_of(exchange, exchange.call, seconds))

    def refused_by_parser(self, request_id: str, source_address: str | None) -> None:
        """Account for what was no HTTP: it has no route, no span and no task."""
        self._metrics.request(_DOOR, UNMATCHED, "400", 0.0)
        self._access(
            door=_DOOR,
            method=UNMATCHED,
            status="400",
            duration_ms=0.0,
            request_id=request_id,
            code="invalid_request",
            source_address=source_address,
        )

    def _record_of(self, exchange: Exchange, call: Call | None, seconds: float) -> RequestRecord:
        subject = call.subject if call is not None else {}
        return RequestRecord(
            request_id=exchange.request_id,
            received_at=call.received_at if call is not None else self._clock.now(),
            door=_DOOR,
            method=exchange.route,
            status=str(exchange.status),
            error_code=exchange.error_code,
            duration_ms=round(seconds * 1000),
            workspace_id=_id(subject.get("workspace_id")),
            monitor_id=_id(subject.get("monitor_id")),
            run_id=_id(subject.get("run_id")),
            incident_id=_id(subject.get("incident_id")),
            key_id=_id(subject.get("key_id")),
            actor=subject.get("actor"),
            caller_request_id=exchange.caller_request_id,
            trace_id=exchange.span.trace_id,
            source_address=exchange.source_address,
        )


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
