"""Ingest requests -> reports: every bound that both doors share. What can't be a report is an InvalidRequest."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from luota_svc.core.instants import from_timestamp
from luota_svc.model.call import Door
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.runs import Note
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.rules.evidence import clean_evidence
from luota_svc.rules.json_text import check_payload
from luota_svc.rules.monitor_settings import tag_problems
from luota_svc.rules.run_state import OCCURRED_AT_MIN, clamp_occurred_at

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from luota.v1 import ingest_service_pb2 as pb
    from luota.v1 import signals_pb2
    from luota_svc.model.call import Call

_UUID: Final = re.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_SLUG: Final = re.compile("[a-z0-9][a-z0-9-]{0,62}")
_OCCURRED_AT_MAX: Final = datetime(9999, 12, 31, tzinfo=UTC)
_EXTERNAL_RUN_ID_MAX: Final = 200
_SIGNAL_KEY_MAX: Final = 200
_TIMEOUT_SECONDS_MAX: Final = 366 * 86_400
# Labels that come from machines; longer ones are cut, with a note: no failure is lost for the length of a host name.
_LABEL_MAX: Final = 256
_CLAMPED: Final = Note("occurredAt", "more than 5 minutes ahead; the receipt stands instead")
_NO_EVIDENCE: Final = Evidence()


def start_report(call: Call, request: pb.StartRunRequest) -> Report:
    """Read the start of a run."""
    timeout = request.timeout_seconds if request.HasField("timeout_seconds") else None
    if timeout is not None and not 0 < timeout <= _TIMEOUT_SECONDS_MAX:
        raise InvalidRequest(FieldProblem("timeoutSeconds", f"must be 1 to {_TIMEOUT_SECONDS_MAX}"))
    return _report(call, SignalType.START, request.evidence, key=request.run_key, timeout_seconds=timeout)


def close_report(
    call: Call, type_: SignalType, request: pb.SucceedRunRequest | pb.FailRunRequest | pb.ReportProgressRequest
) -> Report:
    """Read the success, the failure or the progress of a run, named by our id or by the job's."""
    if request.WhichOneof("run") == "run_id":
        if not _UUID.fullmatch(request.run_id):
            raise InvalidRequest(FieldProblem("runId", "must be a run's id"))
        return _report(call, type_, request.evidence, run_id=UUID(request.run_id))
    return _report(call, type_, request.evidence, key=request.run_key)


def finish_report(call: Call, request: pb.FinishRunRequest) -> Report:
    """Read a run that is told in one call; its exit code says how it ended."""
    if not request.evidence.HasField("exit_code"):
        raise InvalidRequest(FieldProblem("exitCode", "is required"))
    return _report(call, SignalType.FINISH, request.evidence, key=request.run_key)


def ping_report(call: Call, request: pb.PingRequest) -> Report:
    """Read a ping."""
    signal_key = request.signal_id if request.HasField("signal_id") else None
    if signal_key is not None and not _is_text(signal_key, _SIGNAL_KEY_MAX):
        raise InvalidRequest(FieldProblem("signalId", f"must be 1 to {_SIGNAL_KEY_MAX} characters"))
    workspace = request.workspace_id if request.HasField("workspace_id") else None
    if workspace is not None and not _UUID.fullmatch(workspace):
        raise InvalidRequest(FieldProblem("workspaceId", "must be a workspace's id"))
    monitor_id, slug = _monitor(request.monitor_id)
    evidence, notes = _evidence(call, request.evidence)
    return Report(
        SignalType.PING,
        evidence,
        monitor_id=monitor_id,
        monitor=slug,
        workspace_id=UUID(workspace) if workspace else None,
        # An id says the same in any case; any other key is the caller's own word, to the letter.
        signal_key=signal_key.lower() if signal_key is not None and _UUID.fullmatch(signal_key) else signal_key,
        notes=notes,
    )


def _report(
    call: Call,
    type_: SignalType,
    evidence: signals_pb2.Evidence,
    *,
    key: pb.RunKey | None = None,
    run_id: UUID | None = None,
    timeout_seconds: int | None = None,
) -> Report:
    monitor_id: UUID | None = None
    slug = external_run_id = None
    if key is not None:
        monitor_id, slug = _monitor(key.monitor_id)
        external_run_id = key.external_run_id
        if not _is_text(external_run_id, _EXTERNAL_RUN_ID_MAX):
            problem = f"must be 1 to {_EXTERNAL_RUN_ID_MAX} characters"
            raise InvalidRequest(FieldProblem("externalRunId", problem if external_run_id else "is required"))
    kept, notes = _evidence(call, evidence)
    return Report(
        type_,
        kept,
        monitor_id=monitor_id,
        monitor=slug,
        external_run_id=external_run_id,
        run_id=run_id,
        timeout_seconds=timeout_seconds,
        notes=notes,
    )


def _monitor(name: str) -> tuple[UUID | None, str | None]:
    """Return the monitor's id, or its slug."""
    if _UUID.fullmatch(name):
        return UUID(name), None
    if _SLUG.fullmatch(name):
        return None, name
    problem = "must be a monitor's id or slug" if name else "is required"
    raise InvalidRequest(FieldProblem("monitorId", problem))


def _is_text(text: str, length_max: int) -> bool:
    return 0 < len(text) <= length_max and "\x00" not in text


def _evidence(call: Call, said: signals_pb2.Evidence) -> tuple[Evidence, tuple[Note, ...]]:
    """Check, clamp, redact and truncate, in this order, before the signal joins a batch."""
    if not said.ByteSize():
        return _NO_EVIDENCE, ()
    # One look at what is set: most signals carry two or three of the nine fields.
    given = {field.name: value for field, value in said.ListFields()}
    notes: list[Note] = []
    tags = dict(given["tags"]) if "tags" in given else None
    if tags and (problems := tag_problems(tags)):
        raise InvalidRequest(*problems)
    evidence = Evidence(
        occurred_at=_occurred_at(call, given["occurred_at"], notes) if "occurred_at" in given else None,
        summary=_text("summary", given.get("summary")),
        exit_code=given.get("exit_code"),
        output=_text("output", given.get("output")),
        payload=_payload(call, given["payload"]) if "payload" in given else None,
        deploy_sha=_label("deploySha", given.get("deploy_sha"), notes),
        host=_label("host", given.get("host"), notes),
        environment=_label("environment", given.get("environment"), notes),
        tags=tags,
    )
    kept, cleaned = clean_evidence(evidence)
    return kept, (*notes, *cleaned)


def _occurred_at(call: Call, said: Timestamp, notes: list[Note]) -> datetime | None:
    instant = from_timestamp(said)
    if not OCCURRED_AT_MIN <= instant < _OCCURRED_AT_MAX:
        raise InvalidRequest(FieldProblem("occurredAt", "must lie between the years 2000 and 9999"))
    believed, clamped = clamp_occurred_at(instant, call.received_at)
    if clamped:
        notes.append(_CLAMPED)
    return believed


def _text(public: str, text: str | None) -> str | None:
    if text is not None and "\x00" in text:
        raise InvalidRequest(FieldProblem(public, "must not contain U+0000"))
    return text


def _label(public: str, text: str | None, notes: list[Note]) -> str | None:
    text = _text(public, text)
    if text is None or len(text) <= _LABEL_MAX:
        return text
    kept = text[:_LABEL_MAX]
    notes.append(Note(public, "truncated", original_bytes=len(text.encode()), kept_bytes=len(kept.encode())))
    return kept


def _payload(call: Call, payload: bytes) -> str:
    """Return the payload's text. The HTTP door has checked its whole body already, the gRPC door sees bytes."""
    if call.door is Door.GRPC and (problem := check_payload(payload)):
        raise InvalidRequest(FieldProblem("payload", problem))
    return payload.decode()
