"""Signals: message -> model words -> use case -> message."""

from __future__ import annotations

from luota.v1 import monitor_service_pb2 as rpc
from luota.v1 import signals_pb2 as pb
from luota_svc.core.convert import number_of, optional_id, path_id, text_of, timestamp
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.core.runs import note_message
from luota_svc.model.call import Call
from luota_svc.model.signals import Evidence, Signal
from luota_svc.usecases import signals
from luota_svc.usecases.installation import Installation


async def list_signals(at: Installation, call: Call, request: rpc.ListSignalsRequest) -> rpc.ListSignalsResponse:
    """List a monitor's, newest first."""
    run_id = optional_id(request.run_id, "runId")
    page = await signals.list_signals(at, call, path_id(request.monitor_id), newest_ask(request), run_id=run_id)
    return rpc.ListSignalsResponse(
        signals=[signal_message(signal) for signal in page.items], next_page_token=next_token(request, page.next)
    )


def signal_message(signal: Signal) -> pb.Signal:
    """Return a signal as operators read it."""
    return pb.Signal(
        id=str(signal.id),
        monitor_id=str(signal.monitor_id),
        run_id=text_of(signal.run_id),
        type=number_of(pb.SignalType, "SIGNAL_TYPE", signal.type),
        received_at=timestamp(signal.received_at),
        evidence=_evidence(signal.evidence),
        notes=[note_message(note) for note in signal.notes],
        request_id=signal.request_id,
        caller_request_id=signal.caller_request_id,
        trace_id=signal.trace_id,
    )


def _evidence(evidence: Evidence) -> pb.Evidence:
    return pb.Evidence(
        occurred_at=timestamp(evidence.occurred_at),
        summary=evidence.summary,
        exit_code=evidence.exit_code,
        output=evidence.output,
        payload=None if evidence.payload is None else evidence.payload.encode(),
        deploy_sha=evidence.deploy_sha,
        host=evidence.host,
        environment=evidence.environment,
        tags=evidence.tags or {},
    )
