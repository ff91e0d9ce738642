"""luota.v1.IngestService over the ingest use case: request in, receipt out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.message import Message

from luota.v1 import ingest_service_pb2 as pb
from luota.v1 import runs_pb2
from luota.v1.incidents_pb2 import IncidentKind, IncidentState
from luota_svc.core.errors import to_status
from luota_svc.core.instants import to_timestamp
from luota_svc.core.reports import close_report, finish_report, ping_report, start_report
from luota_svc.model import incidents
from luota_svc.model.errors import (
    FieldProblem,
    InvalidIngestKey,
    InvalidRequest,
    LuotaError,
    PayloadTooLarge,
    RunConflict,
)
from luota_svc.model.runs import RunState
from luota_svc.model.signals import Accepted, SignalType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from luota_svc.core.methods import Method
    from luota_svc.model.call import Call
    from luota_svc.model.signals import IncidentView, Report
    from luota_svc.usecases.ingest import Ingest

BATCH_SIGNALS_MAX: Final = 100
BATCH_BYTES_MAX: Final = 1024 * 1024
SIGNAL_BYTES_MAX: Final = 64 * 1024

# Any: the generated types want their own enum, and every value of it is an int.
_RUN_STATES: Final[dict[RunState, Any]] = {
    state: runs_pb2.RunState.Value(f"RUN_STATE_{state.name}") for state in RunState
}
_KINDS: Final[dict[str, Any]] = {
    kind.value: IncidentKind.Value(f"INCIDENT_KIND_{kind.name}") for kind in incidents.IncidentKind
}
_STATES: Final[dict[str, Any]] = {
    state.value: IncidentState.Value(f"INCIDENT_STATE_{state.name}") for state in incidents.IncidentState
}

_READERS: Final[dict[str, Callable[[Call, Message], Report]]] = {
    "start": lambda call, request: start_report(call, cast("pb.StartRunRequest", request)),
    "success": lambda call, request: close_report(call, SignalType.SUCCESS, cast("pb.SucceedRunRequest", request)),
    "fail": lambda call, request: close_report(call, SignalType.FAIL, cast("pb.FailRunRequest", request)),
    "progress": lambda call, request: close_report(
        call, SignalType.PROGRESS, cast("pb.ReportProgressRequest", request)
    ),
    "finish": lambda call, request: finish_report(call, cast("pb.FinishRunRequest", request)),
    "ping": lambda call, request: ping_report(call, cast("pb.PingRequest", request)),
}
_METHODS: Final = {
    "StartRun": "start",
    "SucceedRun": "success",
    "FailRun": "fail",
    "FinishRun": "finish",
    "ReportProgress": "progress",
    "Ping": "ping",
}


class IngestCore:
    """The methods of luota.v1.IngestService."""

    def __init__(self, ingest: Ingest, *, public_url: str) -> None:
        """`public_url` is where packets are read; incident links begin with it."""
        self._ingest = ingest
        self._incidents_url = f"{public_url.rstrip('/')}/incidents/"

    def methods(self) -> Mapping[str, Method]:
        """Return `luota.v1.IngestService/StartRun` -> method, for all seven."""
        methods: dict[str, Method] = {
            f"luota.v1.IngestService/{name}": self._single(_READERS[kind]) for name, kind in _METHODS.items()
        }
        methods["luota.v1.IngestService/BatchIngest"] = self._batch
        return methods

    def _single(self, read: Callable[[Call, Message], Report]) -> Method:
        async def method(call: Call, request: Message) -> Message:
            report = read(call, request)
            try:
                accepted = await self._ingest.report(call, report)
            except LuotaError as error:
                _note_refused(call, report, error)
                raise
            receipt = self._receipt(accepted, call.request_id)
            _note_subject(call, receipt)
            return receipt

        return method

    async def _batch(self, call: Call, request: Message) -> Message:
        signals = cast("pb.BatchIngestRequest", request).signals
        if not 1 <= len(signals) <= BATCH_SIGNALS_MAX:
            raise InvalidRequest(FieldProblem("signals", f"must be 1 to {BATCH_SIGNALS_MAX} signals"))
        if request.ByteSize() > BATCH_BYTES_MAX:
            raise PayloadTooLarge
        answers = await self._ingest.report_many(call, [_read_one(call, signal) for signal in signals])
        results = [self._result(answer, call.request_id) for answer in answers]
        return pb.BatchIngestResponse(results=results, request_id=call.request_id)

    def _result(self, answer: Accepted | Exception, request_id: str) -> pb.BatchResult:
        if isinstance(answer, Exception):
            return pb.BatchResult(error=to_status(answer, request_id))
        receipt = self._receipt(answer, request_id)
        return pb.BatchResult(run=receipt) if isinstance(receipt, pb.RunReceipt) else pb.BatchResult(ping=receipt)

    def _receipt(self, accepted: Accepted, request_id: str) -> pb.RunReceipt | pb.PingReceipt:
        notes = [
            runs_pb2.Note(
                field=note.field,
                note=note.note,
                original_bytes=note.original_bytes,
                kept_bytes=note.kept_bytes,
                count=note.count,
            )
            for note in accepted.notes
        ]
        incident = self._incident(accepted.incident) if accepted.incident else None
        run = accepted.run
        if run is None:
            summary = pb.SignalSummary(
                id=str(accepted.signal_id),
                monitor_id=str(accepted.monitor_id),
                received_at=to_timestamp(accepted.received_at),
            )
            return pb.PingReceipt(
                signal=summary, duplicate=accepted.duplicate, request_id=request_id, incident=incident, notes=notes
            )
        shown = pb.RunSummary(
            id=str(run.id),
            monitor_id=str(run.monitor_id),
            external_run_id=run.external_run_id,
            state=_RUN_STATES[run.state],
            started_at=to_timestamp(run.started_at),
            finished_at=to_timestamp(run.finished_at) if run.finished_at else None,
            duration_ms=run.duration_ms,
        )
        return pb.RunReceipt(
            run=shown, duplicate=accepted.duplicate, request_id=request_id, incident=incident, notes=notes
        )

    def _incident(self, incident: IncidentView) -> pb.IncidentRef:
        return pb.IncidentRef(
            id=str(incident.id),
            kind=_KINDS[incident.kind],
            state=_STATES[incident.state],
            url=f"{self._incidents_url}{incident.id}",
        )


def _note_subject(call: Call, receipt: pb.RunReceipt | pb.PingReceipt) -> None:
    """Let the access line and the support record name what the request was about."""
    if isinstance(receipt, pb.RunReceipt):
        call.subject["monitor_id"] = receipt.run.monitor_id
        call.subject["run_id"] = receipt.run.id
    else:
        call.subject["monitor_id"] = receipt.signal.monitor_id
    if receipt.HasField("incident"):
        call.subject["incident_id"] = receipt.incident.id


def _note_refused(call: Call, report: Report, error: LuotaError) -> None:
    """Name what was refused, so that support can tell which job floods or conflicts; a failed key proves nothing."""
    if isinstance(error, InvalidIngestKey):
        return
    run = error.run if isinstance(error, RunConflict) else None
    monitor_id, run_id = (run.monitor_id, run.id) if run else (report.monitor_id, report.run_id)
    if monitor_id is not None:
        call.subject["monitor_id"] = str(monitor_id)
    if run_id is not None:
        call.subject["run_id"] = str(run_id)


def _read_one(call: Call, signal: pb.BatchSignal) -> Report | LuotaError:
    """Read one signal of a batch; what is wrong with it stays in its own place."""
    kind = signal.WhichOneof("signal")
    try:
        if kind is None:
            raise InvalidRequest(FieldProblem("type", "is required"))
        if signal.ByteSize() > SIGNAL_BYTES_MAX:
            raise PayloadTooLarge
        return _READERS[kind](call, getattr(signal, kind))
    except LuotaError as error:
        return error
