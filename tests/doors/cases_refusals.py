"""Every error of the contract's two tables, provoked through both doors, and which comes first where two apply."""

from __future__ import annotations

from typing import Any, Final

from tests.doors.case import Case
from tests.doors.cases_ingest import FAIL, KEY, PING, START, START_BODY, START_MESSAGE, SUCCESS, WS

NO_KEY: Final[dict[str, Any]] = {
    "status": 401,
    "answer": '{"error":"Invalid ingest key"}',
    "code": "UNAUTHENTICATED",
    "error": "Invalid ingest key",
    "reason": "INVALID_INGEST_KEY",
    "signals": 0,
}
NOT_FOUND: Final[dict[str, Any]] = {
    "status": 404,
    "answer": '{"code":"not_found","error":"Not found"}',
    "code": "NOT_FOUND",
    "error": "Not found",
    "reason": "NOT_FOUND",
}
TOO_LARGE: Final[dict[str, Any]] = {
    "status": 413,
    "answer": '{"code":"request_failed","error":"Request failed"}',
    "code": "RESOURCE_EXHAUSTED",
    "error": "Request failed",
    "reason": "PAYLOAD_TOO_LARGE",
    "signals": 0,
}
UNROUTED: Final[dict[str, Any]] = {**NOT_FOUND, "code": "UNIMPLEMENTED", "error": "Method not found", "reason": None}
NOT_ALLOWED: Final[dict[str, Any]] = {
    "status": 405,
    "answer": '{"code":"method_not_allowed","error":"Method not allowed"}',
}
NO_SUCH_TYPE: Final[dict[str, Any]] = {
    "status": 415,
    "answer": '{"code":"unsupported_media_type","error":"Unsupported media type"}',
}


def invalid(sentence: str, field: str = "<text>", problem: str = "<text>") -> dict[str, Any]:
    """A refusal of what was sent; over gRPC the sentence says the same."""
    return {
        "status": 400,
        "answer": '{"code":"invalid_request","error":"' + sentence + '","details":[{"field":"' + field + '",'
        '"problem":"' + problem + '"}]}',
        "code": "INVALID_ARGUMENT",
        "error": sentence,
        "reason": "INVALID_REQUEST",
        "kinds": ("BadRequest",),
    }


def limited(policy: str, limit: int) -> dict[str, Any]:
    """A refusal by a bucket; retryAfterSeconds and Retry-After are compared by the driver."""
    return {
        "status": 429,
        "answer": '{"error":"Rate limit exceeded","policy":"' + policy + '","retryAfterSeconds":<n>,"limit":'
        f"{limit}" + "}",
        "answer_headers": {"retry-after": "<n>", "ratelimit": f'"{policy}";r=0;t=<n>'},
        "code": "RESOURCE_EXHAUSTED",
        "error": "Rate limit exceeded",
        "reason": "RATE_LIMIT_EXCEEDED",
        "facts": {"policy": policy, "limit": str(limit)},
        "kinds": ("RetryInfo", "QuotaFailure"),
    }


def conflict(state: str) -> dict[str, Any]:
    """The other completion already won."""
    return {
        "status": 409,
        "answer": '{"code":"run_conflict","error":"Run already '
        + state
        + '","run":{"id":"{run}","state":"'
        + state
        + '"}}',
        "code": "FAILED_PRECONDITION",
        "error": f"Run already {state}",
        "reason": "RUN_ALREADY_COMPLETED",
        "facts": {"runId": "{run}", "state": state},
        "signals": 2,
    }


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


def start_with(more: str, evidence: dict[str, Any]) -> dict[str, Any]:
    """A start whose evidence is wrong, in both spellings."""
    return {
        "http": "POST /v1/runs/start",
        "body": START_BODY[:-1] + "," + more + "}",
        "rpc": "IngestService/StartRun",
        "message": {"run_key": KEY, "evidence": evidence},
        "token": WS,
    }


INVALID: Final = [
    Case(
        "a body that is no JSON, a message that is none",
        http="POST /v1/runs/start",
        body="{",
        rpc="IngestService/StartRun",
        message=b"\xff\xff\xff",
        token=WS,
        status=400,
        answer='{"code":"invalid_request","error":"<text>","details":[{"field":"","problem":"<text>"}]}',
        code="INVALID_ARGUMENT",
        error="The message cannot be decoded",
        reason="INVALID_REQUEST",
        kinds=("BadRequest",),
    ),
    Case(
        "no external run id",
        http="POST /v1/runs/start",
        body='{"monitorId":"{run_monitor}"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "{run_monitor}"}},
        token=WS,
        **invalid("externalRunId: is required", "externalRunId", "is required"),
    ),
    Case(
        "an external run id of 201 characters",
        http="POST /v1/runs/start",
        body='{"monitorId":"{run_monitor}","externalRunId":"' + "x" * 201 + '"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "{run_monitor}", "external_run_id": "x" * 201}},
        token=WS,
        **{**invalid("externalRunId: <text>", "externalRunId"), "error": "externalRunId: must be 1 to 200 characters"},
    ),
    Case(
        "no monitor id",
        http="POST /v1/runs/start",
        body='{"externalRunId":"job-42"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"external_run_id": "job-42"}},
        token=WS,
        **invalid("monitorId: is required", "monitorId", "is required"),
    ),
    Case(
        "a monitor id that is neither id nor slug",
        http="POST /v1/runs/start",
        body='{"monitorId":"Not A Slug","externalRunId":"job-42"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "Not A Slug", "external_run_id": "job-42"}},
        token=WS,
        **invalid("monitorId: must be a monitor's id or slug", "monitorId"),
    ),
    Case(
        "a run id that is none",
        rpc="IngestService/SucceedRun",
        message={"run_id": "42"},
        token=WS,
        **invalid("runId: must be a run's id"),
    ),
    Case(
        "a finish without an exit code",
        http="POST /v1/runs/finish",
        body=START_BODY,
        rpc="IngestService/FinishRun",
        message={"run_key": KEY},
        token=WS,
        **invalid("exitCode: is required", "exitCode", "is required"),
    ),
    Case(
        "an instant before 2000",
        **start_with('"occurredAt":"1999-12-31T23:59:59Z"', {"occurred_at": "1999-12-31T23:59:59Z"}),
        **invalid("occurredAt: must lie between the years 2000 and 9999", "occurredAt"),
    ),
    Case(
        "seventeen tags",
        **start_with(
            '"tags":{' + ",".join(f'"t{number}":"x"' for number in range(17)) + "}",
            {"tags": {f"t{number}": "x" for number in range(17)}},
        ),
        **invalid("tags: must have at most 16 entries", "tags"),
    ),
    Case(
        "U+0000 in a text",
        **start_with('"host":"a\\u0000b"', {"host": "a\x00b"}),
        **{
            **invalid("host: must not contain U+0000"),
            "answer": '{"code":"invalid_request","error":"<text>","details":[{"field":"","problem":"<text>"}]}',
        },
    ),
    Case(
        "a payload that is no JSON",
        rpc="IngestService/Ping",
        message={"monitor_id": "{heart_monitor}", "evidence": {"payload": "e05hTn0="}},
        token=WS,
        **{**invalid("payload: <text>"), "error": None},
    ),
    Case(
        "a timeout of no time",
        http="POST /v1/runs/start",
        body=START_BODY[:-1] + ',"timeoutSeconds":0}',
        rpc="IngestService/StartRun",
        message={"run_key": KEY, "timeout_seconds": 0},
        token=WS,
        **{**invalid("timeoutSeconds: <text>", "timeoutSeconds"), "error": None},
    ),
    Case(
        "a run on a heartbeat monitor",
        http="POST /v1/runs/start",
        body='{"monitorId":"{heart_monitor}","externalRunId":"job-42"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "{heart_monitor}", "external_run_id": "job-42"}},
        token=WS,
        **{**invalid("<text>", "monitorId"), "error": None},
    ),
    Case(
        "an empty batch",
        http="POST /v1/ingest/batch",
        body='{"signals":[]}',
        rpc="IngestService/BatchIngest",
        message={},
        token=WS,
        **{**invalid("<text>", "signals"), "error": None},
    ),
    Case(
        "an idempotency key that is too long",
        **PING,
        headers={"idempotency-key": "k" * 201},
        metadata={"idempotency-key": "k" * 201},
        token=WS,
        **{**invalid("<text>"), "error": None},
    ),
    Case(
        "an invalid body goes before a missing key",
        http="POST /v1/runs/start",
        body='{"monitorId":"{run_monitor}"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "{run_monitor}"}},
        **invalid("externalRunId: is required", "externalRunId", "is required"),
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

OPERATORS: Final = [
    Case(
        f"{name} is no operator token",
        http="GET /v1/workspaces/{workspace}",
        rpc="WorkspaceService/GetWorkspace",
        message={"workspace_id": "{workspace}"},
        bearer=bearer,
        status=401,
        answer='{"code":"unauthenticated","error":"Invalid operator token"}',
        code="UNAUTHENTICATED",
        error="Invalid operator token",
        reason="INVALID_OPERATOR_TOKEN",
    )
    for name, bearer in (("nothing", None), ("a word", "hello"), ("an ingest key", WS))
] + [
    Case(
        "a viewer may not change a workspace",
        http="PATCH /v1/workspaces/{workspace}",
        body='{"name":"Renamed"}',
        rpc="WorkspaceService/UpdateWorkspace",
        message={"workspace_id": "{workspace}", "workspace": {"name": "Renamed"}, "update_mask": "name"},
        bearer="{viewer}",
        status=403,
        answer='{"code":"permission_denied","error":"<text>"}',
        code="PERMISSION_DENIED",
        error=None,
        reason="PERMISSION_DENIED",
    ),
    Case(
        "a workspace that one may not see is not found",
        http="GET /v1/workspaces/{strange_workspace}",
        rpc="WorkspaceService/GetWorkspace",
        message={"workspace_id": "{strange_workspace}"},
        bearer="{admin}",
        **NOT_FOUND,
    ),
    Case(
        "a slug that is taken",
        http="POST /v1/workspaces",
        body='{"slug":"house-{number}","name":"Another"}',
        rpc="WorkspaceService/CreateWorkspace",
        message={"workspace": {"slug": "house-{number}", "name": "Another"}},
        bearer="{root}",
        status=409,
        answer='{"code":"conflict","error":"<text>"}',
        code="FAILED_PRECONDITION",
        error=None,
        reason="RESOURCE_CONFLICT",
    ),
    Case(
        "a maintenance window that says neither when nor why",
        http="POST /v1/workspaces/{workspace}/maintenanceWindows",
        body='{"timezone":"Moon/Base"}',
        rpc="MaintenanceService/CreateMaintenanceWindow",
        message={"workspace_id": "{workspace}", "maintenance_window": {"timezone": "Moon/Base"}},
        bearer="{admin}",
        status=400,
        answer='{"code":"invalid_request",'
        '"error":"startsAt: is required together with endsAt, or cron together with durationSeconds","details":['
        '{"field":"startsAt","problem":"is required together with endsAt, or cron together with durationSeconds"},'
        '{"field":"timezone","problem":"must be an IANA time zone such as Europe/Helsinki"},'
        '{"field":"comment","problem":"must be 1 to 1000 characters"}]}',
        code="INVALID_ARGUMENT",
        error="startsAt: is required together with endsAt, or cron together with durationSeconds",
        reason="INVALID_REQUEST",
        kinds=("BadRequest",),
    ),
    Case(
        "a viewer may not make a maintenance window",
        http="POST /v1/workspaces/{workspace}/maintenanceWindows",
        body='{"comment":"Disks"}',
        rpc="MaintenanceService/CreateMaintenanceWindow",
        message={"workspace_id": "{workspace}", "maintenance_window": {"comment": "Disks"}},
        bearer="{viewer}",
        status=403,
        answer='{"code":"permission_denied","error":"This needs the role operator"}',
        code="PERMISSION_DENIED",
        error="This needs the role operator",
        reason="PERMISSION_DENIED",
    ),
    Case(
        "a page size below zero",
        http="GET /v1/workspaces?pageSize=-1",
        rpc="WorkspaceService/ListWorkspaces",
        message={"page_size": -1},
        bearer="{root}",
        **{**invalid("<text>", "pageSize"), "error": None},
    ),
]

MISSING: Final = [
    Case(f"no such {noun}", http=http, rpc=rpc, message=message, bearer="{root}", **NOT_FOUND)
    for noun, http, rpc, message in (
        ("workspace", "GET /v1/workspaces/{nobody}", "WorkspaceService/GetWorkspace", {"workspace_id": "{nobody}"}),
        ("monitor", "GET /v1/monitors/{nobody}", "MonitorService/GetMonitor", {"monitor_id": "{nobody}"}),
        ("run to read", "GET /v1/runs/{nobody}", "MonitorService/GetRun", {"run_id": "{nobody}"}),
        ("incident", "GET /v1/incidents/{nobody}", "IncidentService/GetIncident", {"incident_id": "{nobody}"}),
        ("key", "POST /v1/keys/{nobody}:rotate", "WorkspaceService/RotateIngestKey", {"key_id": "{nobody}"}),
        (
            "maintenance window",
            "GET /v1/maintenanceWindows/{nobody}",
            "MaintenanceService/GetMaintenanceWindow",
            {"maintenance_window_id": "{nobody}"},
        ),
        (
            "maintenance window to call off",
            "DELETE /v1/maintenanceWindows/{nobody}",
            "MaintenanceService/CancelMaintenanceWindow",
            {"maintenance_window_id": "{nobody}"},
        ),
        ("id at all", "GET /v1/monitors/42", "MonitorService/GetMonitor", {"monitor_id": "42"}),
    )
]

CASES: Final = [*KEYS, *SIZES, *ROUTES, *INVALID, *LIMITS, *RUNS, *OPERATORS, *MISSING]
