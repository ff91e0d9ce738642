"""What every call leaves behind: a span, two samples, an access line, and for some a support record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.requests import RequestRecord
from luota_svc.telemetry.access import AccessLog
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.traces import Span, Tracing


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where this door tells what happened. `record` must neither block nor raise."""

    tracing: Tracing
    metrics: Metrics
    access: AccessLog
    record: Callable[[RequestRecord], None]

    def answered(self, call: Call, span: Span, status: str, code: str | None, seconds: float) -> None:
        """Leave the line, the samples and the span's end. `status` is gRPC's word, `code` the error's."""
        subject = call.subject
        self.metrics.request(call.door.value, call.method, status, seconds)
        self.access.access(
            door=call.door.value,
            method=call.method,
            status=status,
            code=code,
            duration_ms=seconds * 1000,
            request_id=call.request_id,
            trace_id=span.trace_id,
            caller_request_id=call.caller_request_id,
            source_address=call.source_address,
            workspace_id=subject.get("workspace_id"),
            monitor_id=subject.get("monitor_id"),
        )
        span.end_rpc(status=status)

    def keep(self, call: Call, span: Span, status: str, code: str | None, seconds: float) -> None:
        """Leave the support record: for refusals, duplicates, batches and management, never for a new signal."""
        self.record(
            RequestRecord(
                request_id=call.request_id,
                received_at=call.received_at,
                door=call.door.value,
                method=call.method,
                status=status,
                error_code=code,
                duration_ms=round(seconds * 1000),
                workspace_id=_id(call, "workspace_id"),
                monitor_id=_id(call, "monitor_id"),
                run_id=_id(call, "run_id"),
                incident_id=_id(call, "incident_id"),
                key_id=_id(call, "key_id"),
                actor=call.subject.get("actor"),
                caller_request_id=call.caller_request_id,
                trace_id=span.trace_id,
                source_address=call.source_address,
            )
        )


def _id(call: Call, noun: str) -> UUID | None:
    text = call.subject.get(noun)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None  # a slug, or a word of the caller that never became an id
