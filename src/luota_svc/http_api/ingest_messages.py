"""Bodies of ingest -> messages of luota.v1. Bounds that both doors share are checked in the core."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Raw

from luota.v1.ingest_service_pb2 import (
    FailRunRequest,
    FinishRunRequest,
    PingRequest,
    ReportProgressRequest,
    RunKey,
    StartRunRequest,
    SucceedRunRequest,
)
from luota.v1.signals_pb2 import Evidence
from luota_svc.http_api.ingest_bodies import (
    ABSENT,
    BatchCloseBody,
    BatchProgressBody,
    CloseBody,
    FinishBody,
    HeartbeatBody,
    PingBody,
    ProgressBody,
    StartBody,
)
from luota_svc.model.errors import FieldProblem, InvalidRequest

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
# What lies in the last day of 9999 may be in the year 10000 elsewhere, which no message can hold.
_LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_INT32_MAX: Final = 2**31 - 1


def start_request(body: StartBody) -> StartRunRequest:
    """Build the request that opens a run."""
    return StartRunRequest(
        run_key=RunKey(monitor_id=body.monitor_id, external_run_id=body.external_run_id),
        evidence=_evidence(
            body.tags,
            occurred_at=_instant(body.occurred_at),
            deploy_sha=body.deploy_sha,
            host=body.host,
            environment=body.environment,
            payload=_payload(body.payload),
        ),
        timeout_seconds=body.timeout_seconds,
    )


def success_request(body: CloseBody, run_id: str) -> SucceedRunRequest:
    """Build the request that closes a run of ours as a success."""
    return SucceedRunRequest(run_id=run_id, evidence=_close_evidence(body))


def fail_request(body: CloseBody, run_id: str) -> FailRunRequest:
    """Build the request that closes a run of ours as a failure."""
    return FailRunRequest(run_id=run_id, evidence=_close_evidence(body))


def finish_request(body: FinishBody) -> FinishRunRequest:
    """Build the request that opens a run if need be and closes it."""
    return FinishRunRequest(
        run_key=RunKey(monitor_id=body.monitor_id, external_run_id=body.external_run_id),
        evidence=_evidence(
            body.tags,
            occurred_at=_instant(body.occurred_at),
            summary=body.summary,
            exit_code=_exit_code(body.exit_code),
            output=body.output,
            deploy_sha=body.deploy_sha,
            host=body.host,
            environment=body.environment,
            payload=_payload(body.payload),
        ),
    )


def progress_request(body: ProgressBody, run_id: str) -> ReportProgressRequest:
    """Build the request that says that a run of ours is still going."""
    return ReportProgressRequest(run_id=run_id, evidence=_progress_evidence(body))


def ping_request(
    body: PingBody, monitor_id: str, *, workspace_id: str | None = None, idempotency_key: str | None = None
) -> PingRequest:
    """Build the request that says that something is alive; the body's `signalId` goes before the header's key."""
    return PingRequest(
        monitor_id=monitor_id,
        workspace_id=workspace_id,
        evidence=_evidence(
            body.tags,
            occurred_at=_instant(body.occurred_at),
            deploy_sha=body.deploy_sha,
            host=body.host,
            environment=body.environment,
            payload=_payload(body.payload),
        ),
        signal_id=body.signal_id or idempotency_key,
    )


def heartbeat_request(
    body: HeartbeatBody, workspace_id: str | None = None, idempotency_key: str | None = None
) -> PingRequest:
    """Build a ping whose monitor stands in the body."""
    return ping_request(body, body.monitor_id, workspace_id=workspace_id, idempotency_key=idempotency_key)


def batch_success_request(body: BatchCloseBody) -> SucceedRunRequest:
    """Build a success of a batch."""
    return SucceedRunRequest(evidence=_close_evidence(body), **_run_named_by(body))


def batch_fail_request(body: BatchCloseBody) -> FailRunRequest:
    """Build a failure of a batch."""
    return FailRunRequest(evidence=_close_evidence(body), **_run_named_by(body))


def batch_progress_request(body: BatchProgressBody) -> ReportProgressRequest:
    """Build a progress of a batch."""
    return ReportProgressRequest(evidence=_progress_evidence(body), **_run_named_by(body))


def _close_evidence(body: CloseBody) -> Evidence:
    return _evidence(
        body.tags,
        occurred_at=_instant(body.occurred_at),
        summary=body.summary,
        exit_code=None if body.exit_code is None else _exit_code(body.exit_code),
        output=body.output,
        payload=_payload(body.payload),
    )


def _progress_evidence(body: ProgressBody) -> Evidence:
    return Evidence(summary=body.summary, payload=_payload(body.payload))


def _run_named_by(body: BatchCloseBody | BatchProgressBody) -> dict[str, Any]:
    if body.run_id is not None:
        return {"run_id": body.run_id}
    if body.monitor_id is None or body.external_run_id is None:
        raise InvalidRequest(FieldProblem("runId", "is required where monitorId and externalRunId are not both given"))
    return {"run_key": RunKey(monitor_id=body.monitor_id, external_run_id=body.external_run_id)}


def _evidence(tags: dict[str, str] | None, **fields: Any) -> Evidence:
    evidence = Evidence(**fields)
    if tags:
        kept = evidence.tags  # one by one: given to the constructor, a map takes a detour five times as long
        for name, value in tags.items():
            kept[name] = value
    return evidence


def _payload(payload: Raw) -> bytes | None:
    return None if payload is ABSENT else bytes(payload)


def _exit_code(code: int) -> int:
    return code if code <= _INT32_MAX else code - 2**32


def _instant(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    if not _EARLIEST <= instant < _LATEST:
        raise InvalidRequest(FieldProblem("occurredAt", "must lie between the years 2000 and 9999"))
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)
