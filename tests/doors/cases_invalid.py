"""What is wrong with what was sent, in one sentence and in fields, provoked through both doors."""

from __future__ import annotations

from typing import Any, Final

from tests.doors.case import Case
from tests.doors.cases_ingest import KEY, PING, START_BODY, WS
from tests.doors.refusal_words import invalid


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
