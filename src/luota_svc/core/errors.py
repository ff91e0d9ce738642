"""Model error <-> google.rpc.Status: the one mapping that the gRPC door and the results of a batch share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import singledispatch
from typing import Final
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from luota_svc.model.errors import (
    FieldProblem,
    InvalidIngestKey,
    InvalidOperatorToken,
    InvalidRequest,
    InvalidSignature,
    LuotaError,
    Missing,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    RateLimited,
    ResourceConflict,
    RunConflict,
    Unavailable,
    UnsupportedMediaType,
    WatcherTooSlow,
)
from luota_svc.model.runs import RunState, RunView

DOMAIN = "luota"


class InternalFault(LuotaError):
    """A fault of Luota itself, as a status brought it. Its cause is in the log of the process that had it."""

    def __init__(self) -> None:
        super().__init__("Internal error")


def to_status(error: BaseException, request_id: str) -> Status:
    """Say an error as a status. Each kind of detail stands at most once, RequestInfo always.

    What is no model error becomes INTERNAL and says nothing about its cause.
    """
    code, message, details = _said(error)
    status = Status(code=code, message=message)
    for detail in (*details, RequestInfo(request_id=request_id)):
        status.details.add().Pack(detail)
    return status


def from_status(status: Status) -> LuotaError:
    """Turn a status of ours back into the model error it was made from; InternalFault for what is none of ours."""
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for packed in status.details:
        for detail in (info, bad, retry):
            packed.Unpack(detail)
    if status.code == code_pb2.UNAVAILABLE:
        return Unavailable(status.message, retry_after_seconds=max(1, retry.retry_delay.seconds))
    return _by_reason(info, status.message, bad, retry)


_Said = tuple[int, str, tuple[Message, ...]]


@singledispatch
def _said(_error: BaseException) -> _Said:
    return code_pb2.INTERNAL, "Internal error", ()


def _info(reason: str, **metadata: str) -> ErrorInfo:
    return ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


@_said.register
def _(error: InvalidRequest) -> _Said:
    bad = BadRequest()
    for problem in error.problems:
        bad.field_violations.add(field=problem.field, description=problem.problem)
    return code_pb2.INVALID_ARGUMENT, str(error), (bad, _info("INVALID_REQUEST"))


@_said.register
def _(_error: PayloadTooLarge) -> _Said:
    return code_pb2.RESOURCE_EXHAUSTED, "Request failed", (_info("PAYLOAD_TOO_LARGE"),)


@_said.register
def _(error: UnsupportedMediaType) -> _Said:
    return code_pb2.INVALID_ARGUMENT, str(error), (_info("UNSUPPORTED_MEDIA_TYPE"),)


@_said.register
def _(_error: InvalidIngestKey) -> _Said:
    return code_pb2.UNAUTHENTICATED, "Invalid ingest key", (_info("INVALID_INGEST_KEY"),)


@_said.register
def _(_error: InvalidOperatorToken) -> _Said:
    return code_pb2.UNAUTHENTICATED, "Invalid operator token", (_info("INVALID_OPERATOR_TOKEN"),)


@_said.register
def _(_error: InvalidSignature) -> _Said:
    return code_pb2.UNAUTHENTICATED, "Invalid signature", (_info("INVALID_SIGNATURE"),)


@_said.register
def _(error: PermissionDenied) -> _Said:
    return code_pb2.PERMISSION_DENIED, str(error) or "Permission denied", (_info("PERMISSION_DENIED"),)


@_said.register
def _(error: NotFound) -> _Said:
    return code_pb2.NOT_FOUND, "Not found", (_info("NOT_FOUND", resource=error.what.value),)


@_said.register
def _(error: RunConflict) -> _Said:
    run = error.run
    info = _info(
        "RUN_ALREADY_COMPLETED",
        runId=str(run.id),
        state=run.state.value,
        monitorId=str(run.monitor_id),
        externalRunId=run.external_run_id,
        startedAt=run.started_at.isoformat(),
    )
    return code_pb2.FAILED_PRECONDITION, str(error), (info,)


@_said.register
def _(error: ResourceConflict) -> _Said:
    return code_pb2.FAILED_PRECONDITION, str(error), (_info("RESOURCE_CONFLICT"),)


@_said.register
def _(error: RateLimited) -> _Said:
    quota = QuotaFailure()
    quota.violations.add(subject=error.policy, description=f"{error.limit} per interval")
    details = (
        _info("RATE_LIMIT_EXCEEDED", policy=error.policy, limit=str(error.limit)),
        RetryInfo(retry_delay=Duration(seconds=error.retry_after_seconds)),
        quota,
    )
    return code_pb2.RESOURCE_EXHAUSTED, "Rate limit exceeded", details


@_said.register
def _(error: WatcherTooSlow) -> _Said:
    return code_pb2.RESOURCE_EXHAUSTED, str(error), (_info("WATCHER_TOO_SLOW"),)


@_said.register
def _(error: Unavailable) -> _Said:
    retry = RetryInfo(retry_delay=Duration(seconds=error.retry_after_seconds))
    return code_pb2.UNAVAILABLE, "Service unavailable", (retry,)


# Errors that are made of their sentence alone.
_OF_A_SENTENCE: Final[Mapping[str, Callable[[str], LuotaError]]] = {
    "PAYLOAD_TOO_LARGE": PayloadTooLarge,
    "UNSUPPORTED_MEDIA_TYPE": UnsupportedMediaType,
    "INVALID_INGEST_KEY": InvalidIngestKey,
    "INVALID_OPERATOR_TOKEN": InvalidOperatorToken,
    "INVALID_SIGNATURE": InvalidSignature,
    "PERMISSION_DENIED": PermissionDenied,
    "RESOURCE_CONFLICT": ResourceConflict,
}


def _by_reason(info: ErrorInfo, message: str, bad: BadRequest, retry: RetryInfo) -> LuotaError:
    metadata = info.metadata
    reason = info.reason if info.domain == DOMAIN else ""
    if reason in _OF_A_SENTENCE:
        return _OF_A_SENTENCE[reason](message)
    match reason:
        case "INVALID_REQUEST":
            return InvalidRequest(*_problems(bad, message))
        case "NOT_FOUND":
            return NotFound(Missing(metadata["resource"]))
        case "RUN_ALREADY_COMPLETED":
            return RunConflict(_run_of(info))
        case "WATCHER_TOO_SLOW":
            return WatcherTooSlow()
        case "RATE_LIMIT_EXCEEDED":
            seconds = max(1, retry.retry_delay.seconds)
            return RateLimited(policy=metadata["policy"], limit=int(metadata["limit"]), retry_after_seconds=seconds)
        case _:
            return InternalFault()


def _problems(bad: BadRequest, message: str) -> Iterator[FieldProblem]:
    for violation in bad.field_violations:
        yield FieldProblem(violation.field, violation.description)
    if not bad.field_violations:
        yield FieldProblem("", message)


def _run_of(info: ErrorInfo) -> RunView:
    metadata = info.metadata
    return RunView(
        id=UUID(metadata["runId"]),
        monitor_id=UUID(metadata["monitorId"]),
        external_run_id=metadata["externalRunId"],
        state=RunState(metadata["state"]),
        started_at=datetime.fromisoformat(metadata["startedAt"]),
    )
