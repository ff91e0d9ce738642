"""What is refused, how it is said, and what goes before what."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.http_api.conftest import MONITOR, RUN, Door

from luota_svc.model import errors
from luota_svc.model.errors import FieldProblem
from luota_svc.model.limits import Decision, Policy
from luota_svc.model.runs import RunState, RunView

START = "/v1/runs/start"
IDS = {"monitorId": MONITOR, "externalRunId": "job-42"}
RUN_VIEW = RunView(UUID(RUN), UUID(MONITOR), "job-42", RunState.SUCCEEDED, datetime(2026, 1, 1, tzinfo=UTC))

# Error, status, body to the letter, headers of its own, code in the records.
TABLE = [
    (
        errors.InvalidRequest(FieldProblem("tags", "too many"), FieldProblem("", "odd")),
        400,
        (
            b'{"code":"invalid_request","error":"tags: too many","details":'
            b'[{"field":"tags","problem":"too many"},{"field":"","problem":"odd"}]}'
        ),
        {},
    ),
    (errors.InvalidIngestKey(), 401, b'{"error":"Invalid ingest key"}', {"www-authenticate": "Bearer"}),
    (
        errors.InvalidOperatorToken(),
        401,
        b'{"code":"unauthenticated","error":"Invalid operator token"}',
        {"www-authenticate": "Bearer"},
    ),
    (errors.PermissionDenied(), 403, b'{"code":"permission_denied","error":"Permission denied"}', {}),
    (errors.NotFound(errors.Missing.RUN), 404, b'{"code":"not_found","error":"Not found"}', {}),
    (
        errors.RunConflict(RUN_VIEW),
        409,
        b'{"code":"run_conflict","error":"Run already succeeded","run":{"id":"%b","state":"succeeded"}}' % RUN.encode(),
        {},
    ),
    (errors.ResourceConflict("slug is taken"), 409, b'{"code":"conflict","error":"slug is taken"}', {}),
    (errors.PayloadTooLarge(), 413, b'{"code":"request_failed","error":"Request failed"}', {}),
    (
        errors.RateLimited(policy="ingest.monitor_token.minute", limit=60, retry_after_seconds=21),
        429,
        b'{"error":"Rate limit exceeded","policy":"ingest.monitor_token.minute","retryAfterSeconds":21,"limit":60}',
        {"retry-after": "21"},
    ),
    (
        errors.Unavailable("pool is empty", retry_after_seconds=2),
        503,
        b'{"code":"unavailable","error":"Service unavailable"}',
        {"retry-after": "2"},
    ),
]


@pytest.mark.parametrize(("error", "status", "body", "headers"), TABLE, ids=lambda value: type(value).__name__)
async def test_every_error_has_its_status_body_and_headers(door: Door, error, status, body, headers) -> None:
    door.core.fail_with(error)
    answer = await door.ask("POST", START, IDS)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers.items() >= headers.items()
    assert answer.headers["content-type"] == "application/json"
    assert answer.request_id.startswith("req-")
    assert door.records[-1].status == str(status)


async def test_a_fault_of_ours_says_nothing_of_its_cause(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.core.fail_with(RuntimeError("the cause"))
    answer = await door.ask("POST", START, IDS)
    assert (answer.status, answer.body) == (500, b'{"code":"internal","error":"Internal error"}')
    assert answer.request_id
    assert "the cause" in caplog.text
    assert (await door.ask("GET", f"/v1/monitors/{MONITOR}")).status == 500


async def test_a_refusal_after_admission_tells_the_bucket(door: Door) -> None:
    def script(call, _request):
        call.limit = Decision(False, Policy.WORKSPACE_MINUTE, limit=6000, remaining=0, reset_seconds=9)
        raise errors.RateLimited(policy="ingest.workspace.minute", limit=6000, retry_after_seconds=9)

    door.core.scripts["StartRun"] = script
    answer = await door.ask("POST", START, IDS)
    assert answer.headers["ratelimit"] == '"ingest.workspace.minute";r=0;t=9'


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nope",
        "/v1",
        "/v1/runs",
        "/v1/runs/start/",
        f"/v1/runs/{RUN}/success/",
        f"/v1/runs/{RUN}/dance",
        "/v1/runs/not-an-id/success",
        f"/v1/runs/{RUN}%0A/success",
        f"/v1/runs/{{{RUN}}}/success",
        "/v1/monitors/Not_A_Slug/ping",
        f"/v1/monitors/{'a' * 64}/ping",
        "/v1/ingest/workspaces/demo/heartbeat",
        f"/v2/monitors/{MONITOR}/ping",
        "/v1//start",
        "/healthz/",
        "/v1/runs/%00/success",
        "/v1/runs/%FF%FE/success",
        "/v1/monitors/x/y/z/ping",
        "/v1/runs/begin",
        "/v1/monitors/nightly",
        "/v1/monitors/nightly:pause",
        "/v1/workspaces/demo/monitors",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_is_no_path_of_ours_is_not_found(door: Door, method: str, path: str) -> None:
    answer = await door.ask(method, path, b"{")
    assert (answer.status, answer.body) == (404, b'{"code":"not_found","error":"Not found"}')
    assert not door.core.calls


@pytest.mark.parametrize("path", [START, f"/v1/runs/{RUN}/fail", f"/v1/monitors/{MONITOR}/ping", "/v1/ingest/batch"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"])
async def test_another_method_is_told_which_one_is_known(door: Door, method: str, path: str) -> None:
    answer = await door.send(f"{method} {path} HTTP/1.1\r\nhost: d\r\n\r\n".encode(), method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert answer.json == {"code": "method_not_allowed", "error": "Method not allowed"}


async def test_a_path_with_several_methods_tells_them_all(door: Door) -> None:
    answer = await door.ask("PUT", f"/v1/monitors/{MONITOR}", b"{}")
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH")


PRECEDENCE = [
    ("PUT", "/v1/runs/x/success", b"x" * 70_000, "application/xml", 404),
    ("PUT", START, b"x" * 70_000, "application/xml", 405),
    ("POST", START, b"x" * 70_000, "application/xml", 413),
    ("POST", START, b"{", "application/xml", 415),
    ("POST", START, b"{", "application/json", 400),
    ("POST", START, b'{"monitorId":"m","externalRunId":"1"}', "application/json", 401),
]


@pytest.mark.parametrize(("method", "path", "body", "content_type", "status"), PRECEDENCE)
async def test_the_first_thing_wrong_is_the_one_that_is_told(
    door: Door, method, path, body, content_type, status
) -> None:
    door.core.fail_with(errors.InvalidIngestKey())
    assert (await door.ask(method, path, body, content_type=content_type)).status == status


# Body of a start, and the problems that are told.
BODIES = [
    (b"", [("monitorId", "is required"), ("externalRunId", "is required")]),
    (b"[]", [("", "The body must be a JSON object")]),
    (b"null", [("", "The body must be a JSON object")]),
    (
        b'{"monitorId":1,"externalRunId":"","host":[],"tags":{"a":1},"occurredAt":"2026-01-01T00:00:00","timeoutSeconds":0}',
        [
            ("monitorId", "must be a string"),
            ("externalRunId", "must not be empty"),
            ("occurredAt", "must be an RFC 3339 instant with a time zone, such as 2026-05-25T12:00:00Z"),
            ("host", "must be a string"),
            ("tags", "must be a string for every key"),
            ("timeoutSeconds", "must be at least 1"),
        ],
    ),
    (
        b'{"monitorId":"m","externalRunId":"%b"}' % (b"x" * 201),
        [("externalRunId", "must be at most 200 characters long")],
    ),
    (
        b'{"monitorId":"m","externalRunId":"1","occurredAt":"1999-12-31T23:59:59Z"}',
        [("occurredAt", "must lie between the years 2000 and 9999")],
    ),
    (
        b'{"monitorId":"m","externalRunId":"1","occurredAt":"9999-12-31T23:59:59-14:00"}',
        [("occurredAt", "must lie between the years 2000 and 9999")],
    ),
    (b'{"monitorId":"m","externalRunId":"1","timeoutSeconds":1e999}', None),
    (b'{"monitorId":"m","externalRunId":"1","timeoutSeconds":99999999999999999999999}', None),
    (b'{"monitorId":"m","externalRunId":"1","timeoutSeconds":true}', [("timeoutSeconds", "must be an integer")]),
    (b'{"monitorId":"m","externalRunId":"1"', None),
    (b'{"monitorId":"m","externalRunId":"1"}}', None),
    (b'\xef\xbb\xbf{"monitorId":"m","externalRunId":"1"}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":NaN}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":-Infinity}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":1e999}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":' + b"9" * 4_000 + b"}", None),
    (b'{"monitorId":"m","externalRunId":"1","x":"\\u0000"}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":"a\0b"}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":"\\ud800"}', None),
    (b'{"monitorId":"m","externalRunId":"\\ud800"}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":"\xff"}', None),
    (b'{"monitorId":"m","externalRunId":"1","\xff":1}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", None),
    (b"[" * 65_000, None),
    (b'{"a":' * 10_000, None),
    (b'{"monitorId":"m","externalRunId":"1","payload":' + b"[" * 64 + b"]" * 64 + b"}", None),
    (b'{"monitorId":"m","externalRunId":"1","x":01}', None),
    (b'{"monitorId":"m","externalRunId":"1","x":"\\q"}', None),
    (b"\x00\x01\x02", None),
]


@pytest.mark.parametrize(("body", "problems"), BODIES, ids=range(len(BODIES)))
async def test_a_bad_body_is_told_what_is_wrong_with_it(door: Door, body: bytes, problems) -> None:
    answer = await door.ask("POST", START, body)
    assert answer.status == 400
    assert list(answer.json) == ["code", "error", "details"]
    assert answer.json["code"] == "invalid_request"
    if problems is not None:
        assert [(detail["field"], detail["problem"]) for detail in answer.json["details"]] == problems
    first = answer.json["details"][0]
    assert answer.json["error"] == (f"{first['field']}: {first['problem']}" if first["field"] else first["problem"])
    assert not door.core.calls


async def test_64_levels_are_not_too_deep(door: Door) -> None:
    body = b'{"monitorId":"m","externalRunId":"1","payload":' + b"[" * 63 + b"]" * 63 + b"}"
    assert (await door.ask("POST", START, body)).status == 202


async def test_a_body_of_exactly_the_limit_is_not_too_large(door: Door) -> None:
    body = b'{"monitorId":"m","externalRunId":"1"}'
    assert (await door.ask("POST", START, body.ljust(65_536))).status == 202
    assert (await door.ask("POST", START, body.ljust(65_537))).status == 413
