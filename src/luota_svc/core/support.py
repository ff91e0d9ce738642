"""Requests and the audit: message -> model words -> use case -> message."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct

from luota.v1 import support_service_pb2 as rpc
from luota_svc.core.convert import path_id, text_of, timestamp
from luota_svc.core.deliveries import delivery_message
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.audit import AuditEntry
from luota_svc.model.call import Call, Door
from luota_svc.model.requests import FoundRequest
from luota_svc.usecases import audit, requests
from luota_svc.usecases.installation import Installation

# What a signal's own record shows: the call that such a signal makes, and the answer that it got.
_SIGNAL_METHODS: Final = {
    Door.HTTP: {
        "ping": "POST /v1/monitors/{monitorId}/ping",
        "start": "POST /v1/runs/start",
        "progress": "POST /v1/runs/{runId}/progress",
        "success": "POST /v1/runs/{runId}/success",
        "fail": "POST /v1/runs/{runId}/fail",
        "finish": "POST /v1/runs/finish",
    },
    Door.GRPC: {
        "ping": "luota.v1.IngestService/Ping",
        "start": "luota.v1.IngestService/StartRun",
        "progress": "luota.v1.IngestService/ReportProgress",
        "success": "luota.v1.IngestService/SucceedRun",
        "fail": "luota.v1.IngestService/FailRun",
        "finish": "luota.v1.IngestService/FinishRun",
    },
}
_SIGNAL_STATUS: Final = {Door.HTTP: "202", Door.GRPC: "OK"}


async def find_requests(at: Installation, call: Call, request: rpc.FindRequestsRequest) -> rpc.FindRequestsResponse:
    """Find every request that bears an id."""
    found = await requests.find_requests(at, call, request.request_id)
    now = at.clock.now()
    return rpc.FindRequestsResponse(requests=[request_message(one, now) for one in found])


async def list_audit_entries(
    at: Installation, call: Call, request: rpc.ListAuditEntriesRequest
) -> rpc.ListAuditEntriesResponse:
    """List a workspace's changes, newest first."""
    page = await audit.list_audit_entries(at, call, path_id(request.workspace_id), newest_ask(request))
    return rpc.ListAuditEntriesResponse(
        audit_entries=[audit_message(entry) for entry in page.items], next_page_token=next_token(request, page.next)
    )


def request_message(found: FoundRequest, now: datetime) -> rpc.Request:
    """Return a request as support reads it at an instant."""
    method, status = found.method, found.status
    if found.signal_type is not None:
        method, status = _SIGNAL_METHODS[Door(found.door)][found.signal_type], _SIGNAL_STATUS[Door(found.door)]
    return rpc.Request(
        request_id=found.request_id,
        caller_request_id=found.caller_request_id,
        received_at=timestamp(found.received_at),
        door=found.door,
        method=method,
        status=status,
        error_code=found.error_code,
        duration_ms=found.duration_ms,
        workspace_id=text_of(found.workspace_id),
        monitor_id=text_of(found.monitor_id),
        run_id=text_of(found.run_id),
        signal_id=text_of(found.signal_id),
        incident_id=text_of(found.incident_id),
        key_id=text_of(found.key_id),
        actor=found.actor,
        trace_id=found.trace_id,
        source_address=found.source_address,
        deliveries=[delivery_message(delivery, now) for delivery in found.deliveries],
    )


def audit_message(entry: AuditEntry) -> rpc.AuditEntry:
    """Return a change as operators read it."""
    return rpc.AuditEntry(
        id=str(entry.id),
        at=timestamp(entry.at),
        actor=entry.actor.name,
        actor_id=entry.actor.id,
        action=entry.action,
        target_type=entry.target_type,
        target_id=entry.target_id,
        before=_struct(entry.before),
        after=_struct(entry.after),
        request_id=entry.request_id,
    )


def _struct(fields: dict[str, Any] | None) -> Struct | None:
    if fields is None:
        return None
    struct = Struct()
    struct.update(fields)
    return struct
