"""Every model error as a client of gRPC sees it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from uuid import UUID

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from tests.grpc_api.conftest import GET_MONITOR, START, Bench, start_request

from luota_svc.model import errors
from luota_svc.model.errors import FieldProblem
from luota_svc.model.runs import RunState, RunView

RUN = RunView(
    id=UUID(int=7),
    monitor_id=UUID(int=8),
    external_run_id="job-42",
    state=RunState.SUCCEEDED,
    started_at=datetime(2026, 5, 25, 12, tzinfo=UTC),
)
LIMITED = errors.RateLimited(policy="ingest.monitor_token.minute", limit=60, retry_after_seconds=21)

# error, code, message, reason, the kinds of details beside RequestInfo
CASES = [
    (errors.InvalidIngestKey(), "UNAUTHENTICATED", "Invalid ingest key", "INVALID_INGEST_KEY", ["ErrorInfo"]),
    (
        LIMITED,
        "RESOURCE_EXHAUSTED",
        "Rate limit exceeded",
        "RATE_LIMIT_EXCEEDED",
        ["ErrorInfo", "QuotaFailure", "RetryInfo"],
    ),
    (errors.PayloadTooLarge(), "RESOURCE_EXHAUSTED", "Request failed", "PAYLOAD_TOO_LARGE", ["ErrorInfo"]),
    (errors.RunConflict(RUN), "FAILED_PRECONDITION", "Run already succeeded", "RUN_ALREADY_COMPLETED", ["ErrorInfo"]),
    (errors.ResourceConflict("Slug taken"), "FAILED_PRECONDITION", "Slug taken", "RESOURCE_CONFLICT", ["ErrorInfo"]),
    (
        errors.InvalidRequest(FieldProblem("externalRunId", "is required")),
        "INVALID_ARGUMENT",
        "externalRunId: is required",
        "INVALID_REQUEST",
        ["BadRequest", "ErrorInfo"],
    ),
    (
        errors.InvalidOperatorToken(),
        "UNAUTHENTICATED",
        "Invalid operator token",
        "INVALID_OPERATOR_TOKEN",
        ["ErrorInfo"],
    ),
    (errors.PermissionDenied(), "PERMISSION_DENIED", "Permission denied", "PERMISSION_DENIED", ["ErrorInfo"]),
    (errors.NotFound(errors.Missing.RUN), "NOT_FOUND", "Not found", "NOT_FOUND", ["ErrorInfo"]),
    (errors.Unavailable("database away"), "UNAVAILABLE", "Service unavailable", None, ["RetryInfo"]),
    (KeyError("wfws1.secret"), "INTERNAL", "Internal error", None, []),
]


@pytest.mark.parametrize(
    ("error", "code", "message", "reason", "kinds"), CASES, ids=[type(case[0]).__name__ for case in CASES]
)
async def test_each_error_has_its_code_and_details_once_and_a_request_id_always(
    bench: Bench, error: Exception, code: str, message: str, reason: str | None, kinds: list[str]
) -> None:
    bench.core.raising(START, error)
    refusal = await bench.refused(START, start_request())
    assert refusal.code.name == code
    assert refusal.message == message
    assert refusal.kinds == sorted([*kinds, "RequestInfo"])
    request_id = bench.core.last_call.request_id
    assert refusal.trailers["x-request-id"] == request_id == refusal.detail(rpc.RequestInfo).request_id
    if reason is not None:
        assert refusal.detail(rpc.ErrorInfo).reason == reason


async def test_a_limit_tells_people_and_retry_policies_the_same_wait(bench: Bench) -> None:
    bench.core.raising(START, LIMITED)
    refusal = await bench.refused(START, start_request())
    assert refusal.detail(rpc.RetryInfo).retry_delay.seconds == 21
    assert refusal.trailers["grpc-retry-pushback-ms"] == "21000"
    assert dict(refusal.detail(rpc.ErrorInfo).metadata) == {"policy": "ingest.monitor_token.minute", "limit": "60"}


async def test_what_is_not_to_be_retried_tells_no_wait(bench: Bench) -> None:
    bench.core.raising(START, errors.InvalidIngestKey())
    assert "grpc-retry-pushback-ms" not in (await bench.refused(START, start_request())).trailers


async def test_a_fault_is_logged_with_its_cause_and_answered_without(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.core.raising(START, ZeroDivisionError("the cause"))
    with caplog.at_level(logging.INFO):
        refusal = await bench.refused(START, start_request())
    assert "the cause" not in repr(refusal.details) + refusal.message
    assert [record.getMessage() for record in caplog.records] == ["internal_error"]
    assert "the cause" in caplog.text


async def test_a_refusal_is_nobodys_fault_and_not_logged_as_one(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for case in CASES[:-1]:
        bench.core.raising(START, case[0])
        await bench.refused(START, start_request())
    assert caplog.records == []


async def test_very_many_violations_still_travel(bench: Bench) -> None:
    problems = [FieldProblem(f"field{number}", "ä" * 100) for number in range(1000)]
    bench.core.raising(GET_MONITOR, errors.InvalidRequest(*problems))
    refusal = await bench.refused(GET_MONITOR, b"")
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    violations = refusal.detail(rpc.BadRequest).field_violations
    assert 0 < len(violations) < 1000
    assert violations[0].field == "field0"
    assert refusal.detail(rpc.RequestInfo).request_id


async def test_garbage_is_the_callers_error(bench: Bench) -> None:
    refusal = await bench.refused(START, b"\xff\xff\xff")
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.detail(rpc.ErrorInfo).reason == "INVALID_REQUEST"


async def test_a_string_that_is_no_utf8_is_the_callers_error(bench: Bench) -> None:
    refusal = await bench.refused(GET_MONITOR, b"\x0a\x02\xc3\x28")
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bench.core.calls == []


async def test_an_unknown_method_answers_with_a_request_id(bench: Bench) -> None:
    for method in ("luota.v1.IngestService/Nope", "luota.v2.Other/StartRun"):
        refusal = await bench.refused(method, start_request())
        assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
        assert refusal.trailers["x-request-id"].startswith("req-")
    assert {line["method"] for line in bench.lines.written} == {"unknown"}
