"""What jobs send, one struct an endpoint: fields, public spellings, types. What unknown keys hold is ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Raw, Struct

_UUID: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

Instant = Annotated[datetime, Meta(tz=True)]
# Windows says its exit codes as unsigned 32 bits; they are kept as the signed number of the same bits.
ExitCode = Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)]
TimeoutSeconds = Annotated[int, Meta(ge=1, le=2**31 - 1)]
ExternalRunId = Annotated[str, Meta(min_length=1, max_length=200)]
SignalId = Annotated[str, Meta(pattern=rf"\A{_UUID}\Z")]

# Distinct from any payload that was sent: no JSON value is empty.
ABSENT: Final = Raw()


class StartBody(Struct, rename="camel"):
    """`POST /v1/runs/start`."""

    monitor_id: str
    external_run_id: ExternalRunId
    occurred_at: Instant | None = None
    deploy_sha: str | None = None
    host: str | None = None
    environment: str | None = None
    tags: dict[str, str] | None = None
    timeout_seconds: TimeoutSeconds | None = None
    payload: Raw = ABSENT


class CloseBody(Struct, rename="camel"):
    """`POST /v1/runs/{runId}/success` and `/fail`."""

    occurred_at: Instant | None = None
    summary: str | None = None
    exit_code: ExitCode | None = None
    output: str | None = None
    tags: dict[str, str] | None = None
    payload: Raw = ABSENT


class FinishBody(Struct, rename="camel"):
    """`POST /v1/runs/finish`."""

    monitor_id: str
    external_run_id: ExternalRunId
    exit_code: ExitCode
    occurred_at: Instant | None = None
    summary: str | None = None
    output: str | None = None
    deploy_sha: str | None = None
    host: str | None = None
    environment: str | None = None
    tags: dict[str, str] | None = None
    payload: Raw = ABSENT


class ProgressBody(Struct, rename="camel"):
    """`POST /v1/runs/{runId}/progress`."""

    summary: str | None = None
    payload: Raw = ABSENT


class PingBody(Struct, rename="camel"):
    """`POST /v1/monitors/{monitorId}/ping`."""

    occurred_at: Instant | None = None
    deploy_sha: str | None = None
    host: str | None = None
    environment: str | None = None
    tags: dict[str, str] | None = None
    signal_id: SignalId | None = None
    payload: Raw = ABSENT


class HeartbeatBody(PingBody, rename="camel", kw_only=True):
    """`POST /v1/ingest/workspaces/{workspaceId}/heartbeat`, and a ping of a batch."""

    monitor_id: str


class BatchCloseBody(CloseBody, rename="camel"):
    """A success or fail of a batch: `runId`, or `monitorId` with `externalRunId`."""

    run_id: str | None = None
    monitor_id: str | None = None
    external_run_id: ExternalRunId | None = None


class BatchProgressBody(ProgressBody, rename="camel"):
    """A progress of a batch: named as a close."""

    run_id: str | None = None
    monitor_id: str | None = None
    external_run_id: ExternalRunId | None = None
