"""Every error of the contract's two tables, provoked through both doors, and which comes first where two apply."""

from __future__ import annotations

from typing import Final

from tests.doors.case import Case
from tests.doors.cases_ingest import FAIL, KEY, PING, START, START_BODY, START_MESSAGE, SUCCESS, WS
from tests.doors.cases_invalid import INVALID
from tests.doors.cases_operators import MISSING, OPERATORS
from tests.doors.refusal_words import (
    NO_KEY,
    NO_SUCH_TYPE,
    NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    UNROUTED,
    conflict,
    invalid,
    limited,
)

LARGE: Final = "x" * 65_537
LARGE_MESSAGE: Final = {"run_key": KEY, "evidence": {"output": LARGE}}

KEYS: Final = [
    Case(
        "seed: invalid token",
        http="POST /v1/runs/start",
        body='{ "monitorId": "22222222-2222-4222-8222-222222222222", "externalRunId": "job-42" }',
        headers={"content-type": "application/json"},
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "22222222-2222-4222-8222-222222222222", "external_run_id": "job-42"}},
        token="wfws1.redacted",
        **NO_KEY,
    ),
    *(
        Case(name, **START, message=START_MESSAGE, token=token, **NO_KEY)
        for name, token in (
            ("no key", None),
            ("an empty key", ""),
            ("a key that is no token", "hello"),
            ("a wrong secret", "{wrong_secret}"),
            ("a key shown under the other prefix", "{wrong_prefix}"),
            ("a key that nobody knows", "{unknown_key}"),
            ("a revoked key", "{revoked_key}"),
            ("an expired key", "{expired_key}"),
            ("a key of another workspace", "{strange_key}"),
            ("a key of another monitor", "{heart_key}"),
            ("an operator token", "{admin}"),
        )
    ),
    Case(
        "a monitor that does not exist",
        http="POST /v1/runs/start",
        body='{"monitorId":"{nobody}","externalRunId":"job-42"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "{nobody}", "external_run_id": "job-42"}},
        token=WS,
        **NO_KEY,
    ),
    Case(
        "a slug that does not exist",
        http="POST /v1/runs/start",
        body='{"monitorId":"never-made","externalRunId":"job-42"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "never-made", "external_run_id": "job-42"}},
        token=WS,
        **NO_KEY,
    ),
    Case(
        "two keys that differ",
        **START,
        message=START_MESSAGE,
        token=WS,
        bearer="{run_key}",
        **NO_KEY,
    ),
    Case(
        "a run of another workspace's monitor",
        http="POST /v1/runs/{strange_run}/success",
        rpc="IngestService/SucceedRun",
        message={"run_id": "{strange_run}"},
        token=WS,
        before=("strange_run",),
        **NO_KEY,
    ),
    Case("a run of another monitor", **SUCCESS, token="{heart_key}", before=("started",), **{**NO_KEY, "signals": 1}),
    Case(
        "a heartbeat for a workspace that is not the key's",
        http="POST /v1/ingest/workspaces/{strange_workspace}/heartbeat",
        body='{"monitorId":"{heart_monitor}"}',
        rpc="IngestService/Ping",
        message={"monitor_id": "{heart_monitor}", "workspace_id": "{strange_workspace}"},
        token=WS,
        **NO_KEY,
    ),
]

SIZES: Final = [
    Case(
        "seed: payload too large",
        http="POST /v1/runs/start",
        body=LARGE,
        rpc="IngestService/StartRun",
        message=LARGE_MESSAGE,
        token=WS,
        **TOO_LARGE,
    ),
    Case(
        "too large goes before an invalid body and a missing key",
        http="POST /v1/runs/start",
        body="{" * 65_537,
        rpc="IngestService/StartRun",
        message=b"\xff" * 65_537,
        **TOO_LARGE,
    ),
    Case(
        "too large goes before its content type",
        http="POST /v1/runs/start",
        body=LARGE,
        headers={"content-type": "image/png"},
        token=WS,
        **{**TOO_LARGE, "code": ""},
    ),
    Case(
        "a batch of more than 1 MiB",
        http="POST /v1/ingest/batch",
        body="x" * (1024 * 1024 + 1),
        rpc="IngestService/BatchIngest",
        message=b"\xff" * (1024 * 1024 + 1),
        token=WS,
        **TOO_LARGE,
    ),
]

ROUTES: Final = [
    Case("no such route", http="POST /v1/jobs/start", rpc="IngestService/BeginRun", message=b"", token=WS, **UNROUTED),
    Case("a trailing slash", http="POST /v1/runs/start/", body=START_BODY, token=WS, **UNROUTED),
    Case("a malformed run id in the path", http="POST /v1/runs/42/success", token=WS, **NOT_FOUND),
    Case("a route goes before its size", http="POST /v1/jobs/start", body=LARGE, **UNROUTED),
    *(
        Case(
            f"{method} is not allowed", http=f"{method} /v1/runs/start", answer_headers={"allow": "POST"}, **NOT_ALLOWED
        )
        for method in ("GET", "PUT", "DELETE", "PATCH")
    ),
    Case(
        "a method goes before its size",
        http="PUT /v1/runs/start",
        body=LARGE,
        answer_headers={"allow": "POST"},
        **NOT_ALLOWED,
    ),
    Case(
        "a content type that is none",
        http="POST /v1/runs/start",
        body=START_BODY,
        headers={"content-type": "application/xml"},
        token=WS,
        **NO_SUCH_TYPE,
    ),
    Case(
        "plain text where nothing could hold it",
        http="POST /v1/runs/start",
        body=START_BODY,
        headers={"content-type": "text/plain"},
        token=WS,
        **NO_SUCH_TYPE,
    ),
    Case(
        "a content type goes before an invalid body",
        http="POST /v1/runs/start",
        body="{",
        headers={"content-type": "application/xml"},
        **NO_SUCH_TYPE,
    ),
]

LIMITS: Final = [
    Case(
        "seed: rate limit",
        **START,
        message=START_MESSAGE,
        token=WS,
        before=("minute_spent",),
        **limited("ingest.monitor_token.minute", 60),
        signals=0,
    ),
    Case(
        "the hour of a token and a monitor",
        **START,
        message=START_MESSAGE,
        token=WS,
        before=("hour_spent",),
        **limited("ingest.monitor_token.hour", 3),
    ),
    Case(
        "the minute of a workspace",
        **PING,
        token=WS,
        before=("workspace_spent",),
        **limited("ingest.workspace.minute", 3),
    ),
    Case(
        "the minute of an address",
        **START,
        message=START_MESSAGE,
        token=WS,
        before=("address_spent",),
        **limited("ingest.source_ip.minute", 300),
    ),
    Case(
        "the address goes before the key",
        **START,
        message=START_MESSAGE,
        before=("address_spent",),
        **limited("ingest.source_ip.minute", 300),
    ),
    Case(
        "an invalid body goes before the address",
        http="POST /v1/runs/start",
        body='{"monitorId":"{run_monitor}"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "{run_monitor}"}},
        before=("address_spent",),
        **invalid("externalRunId: is required", "externalRunId", "is required"),
    ),
    Case(
        "the key goes before its limits",
        **START,
        message=START_MESSAGE,
        token="{revoked_key}",
        before=("minute_spent",),
        **NO_KEY,
    ),
    Case(
        "a limit goes before a run that does not exist",
        http="POST /v1/runs/{nobody}/success",
        rpc="IngestService/SucceedRun",
        message={"run_id": "{nobody}"},
        token=WS,
        before=("workspace_spent",),
        **limited("ingest.workspace.minute", 3),
    ),
    Case(
        "a limit goes before a conflict",
        **FAIL,
        token=WS,
        before=("succeeded", "minute_spent"),
        **limited("ingest.monitor_token.minute", 60),
    ),
]

RUNS: Final = [
    Case(
        "a run that does not exist",
        http="POST /v1/runs/{nobody}/success",
        rpc="IngestService/SucceedRun",
        message={"run_id": "{nobody}"},
        token=WS,
        **NOT_FOUND,
    ),
    Case(
        "seed: a successful run cannot be marked failed",
        **FAIL,
        token=WS,
        before=("succeeded",),
        **conflict("succeeded"),
    ),
    Case(
        "seed: a failed run cannot be marked successful", **SUCCESS, token=WS, before=("failed",), **conflict("failed")
    ),
]

CASES: Final = [*KEYS, *SIZES, *ROUTES, *INVALID, *LIMITS, *RUNS, *OPERATORS, *MISSING]
