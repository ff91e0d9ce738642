"""Every ingest endpoint: what it hands to the core and what it answers, keys in their order."""

from __future__ import annotations

import json

import pytest
from tests.http_api.conftest import MONITOR, RUN, Door, ping_receipt, run_receipt

from luota.v1 import ingest_service_pb2 as ingest
from luota.v1.runs_pb2 import Note
from luota_svc.core.errors import to_status
from luota_svc.model.errors import InvalidIngestKey, Missing, NotFound, RateLimited
from luota_svc.model.limits import Decision, Policy

START = "/v1/runs/start"
IDS = {"monitorId": MONITOR, "externalRunId": "job-42"}
WORKSPACE = "0190163d-8694-739b-aea5-966c26f8ad93"
RUN_ANSWER = {
    "id": RUN,
    "monitorId": MONITOR,
    "externalRunId": "job-42",
    "state": "running",
    "startedAt": "2026-09-21T14:13:20.005Z",
}


async def test_start_carries_all_its_fields_and_answers_in_order(door: Door) -> None:
    body = {
        **IDS,
        "occurredAt": "2026-05-25T14:00:00.5+02:00",
        "deploySha": "abc",
        "host": "h",
        "environment": "prod",
        "tags": {"a": "b"},
        "payload": {"n": 1},
        "timeoutSeconds": 60,
        "unknown": [1],
    }
    answer = await door.ask("POST", START, body, content_type="application/json; charset=utf-8")
    assert answer.status == 202
    assert answer.json == {"run": RUN_ANSWER, "duplicate": False, "requestId": answer.request_id}
    assert list(answer.json) == ["run", "duplicate", "requestId"]
    assert list(answer.json["run"]) == ["id", "monitorId", "externalRunId", "state", "startedAt"]
    assert b" " not in answer.body
    request = door.core.request
    assert (request.run_key.monitor_id, request.run_key.external_run_id) == (MONITOR, "job-42")
    evidence = request.evidence
    assert (evidence.occurred_at.seconds, evidence.occurred_at.nanos) == (1_779_710_400, 500_000_000)
    assert (evidence.deploy_sha, evidence.host, evidence.environment) == ("abc", "h", "prod")
    assert dict(evidence.tags) == {"a": "b"}
    assert evidence.payload == b'{"n": 1}'
    assert request.timeout_seconds == 60


async def test_a_closed_run_its_incident_and_notes_stand_where_the_contract_says(door: Door) -> None:
    receipt = run_receipt(duplicate=True)
    receipt.run.state = "RUN_STATE_FAILED"  # type: ignore[assignment]
    receipt.run.finished_at.seconds = 1_790_000_060
    receipt.run.duration_ms = 0
    receipt.incident.CopyFrom(
        ingest.IncidentRef(id=RUN, kind="INCIDENT_KIND_FAILED", state="INCIDENT_STATE_OPEN", url="https://l/i")
    )
    receipt.notes.add(field="output", note="truncated", original_bytes=9, kept_bytes=4)
    receipt.notes.append(Note(field="", note="late_close"))
    door.core.scripts["FailRun"] = lambda _call, _request: receipt
    answer = await door.ask("POST", f"/v1/runs/{RUN}/fail")
    assert list(answer.json) == ["run", "duplicate", "requestId", "incident", "notes"]
    assert answer.json["run"] == RUN_ANSWER | {
        "state": "failed",
        "finishedAt": "2026-09-21T14:14:20.000Z",
        "durationMs": 0,
    }
    assert answer.json["incident"] == {"id": RUN, "kind": "failed", "state": "open", "url": "https://l/i"}
    assert answer.json["notes"] == [
        {"field": "output", "note": "truncated", "originalBytes": 9, "keptBytes": 4},
        {"field": "", "note": "late_close"},
    ]


@pytest.mark.parametrize("verb", ["success", "fail", "progress"])
async def test_calls_on_a_run_need_no_body(door: Door, verb: str) -> None:
    answer = await door.ask("POST", f"/v1/runs/{RUN.upper()}/{verb}")
    assert answer.status == 202
    assert door.core.request.run_id == RUN.upper()


async def test_close_carries_its_fields(door: Door) -> None:
    body = {"summary": "s", "exitCode": 3, "output": "o", "payload": None, "tags": {}, "occurredAt": None}
    await door.ask("POST", f"/v1/runs/{RUN}/success", body)
    evidence = door.core.request.evidence
    assert (evidence.summary, evidence.exit_code, evidence.output) == ("s", 3, "o")
    assert evidence.payload == b"null"
    assert not evidence.HasField("occurred_at")


async def test_finish_needs_its_exit_code(door: Door) -> None:
    assert (await door.ask("POST", "/v1/runs/finish", {**IDS, "exitCode": 0})).status == 202
    assert door.core.request.evidence.HasField("exit_code")
    refused = await door.ask("POST", "/v1/runs/finish", IDS)
    assert refused.json["details"] == [{"field": "exitCode", "problem": "is required"}]


async def test_an_unsigned_exit_code_of_windows_is_kept_as_its_signed_bits(door: Door) -> None:
    await door.ask("POST", f"/v1/runs/{RUN}/fail", {"exitCode": 3_221_225_786})
    assert door.core.request.evidence.exit_code == -1_073_741_510


async def test_numbers_of_a_payload_stay_as_they_were_written(door: Door) -> None:
    body = b'{"payload":{"big": 1152921504606846976, "price": 1.10, "price": 1.20}}'
    await door.ask("POST", f"/v1/monitors/{MONITOR}/ping", body)
    assert door.core.request.evidence.payload == b'{"big": 1152921504606846976, "price": 1.10, "price": 1.20}'


async def test_the_last_of_two_equal_keys_wins(door: Door) -> None:
    await door.ask("POST", START, b'{"monitorId":"a","externalRunId":"1","monitorId":"b"}')
    assert door.core.request.run_key.monitor_id == "b"


@pytest.mark.parametrize("monitor", [MONITOR, MONITOR.upper(), "nightly-backup"])
async def test_ping_answers_the_kept_signal(door: Door, monitor: str) -> None:
    answer = await door.ask("POST", f"/v1/monitors/{monitor}/ping")
    assert answer.json == {
        "signal": {"id": RUN, "monitorId": MONITOR, "receivedAt": "2026-09-21T14:13:20.000Z"},
        "duplicate": False,
        "requestId": answer.request_id,
    }
    assert door.core.request.monitor_id == monitor
    assert not door.core.request.HasField("workspace_id")


async def test_heartbeat_names_workspace_and_monitor(door: Door) -> None:
    path = f"/v1/ingest/workspaces/{WORKSPACE}/heartbeat"
    assert (await door.ask("POST", path, {"monitorId": "nightly", "host": "h"})).status == 202
    assert (door.core.request.workspace_id, door.core.request.monitor_id) == (WORKSPACE, "nightly")
    refused = await door.ask("POST", path)
    assert refused.json["error"] == "monitorId: is required"


async def test_signal_id_goes_before_the_idempotency_key(door: Door) -> None:
    path = f"/v1/monitors/{MONITOR}/ping"
    await door.ask("POST", path, idempotency_key="k-1")
    assert door.core.request.signal_id == "k-1"
    await door.ask("POST", path, {"signalId": RUN}, idempotency_key="k-1")
    assert door.core.request.signal_id == RUN
    assert (await door.ask("POST", path, {"signalId": "x"})).json["error"] == "signalId: must be a UUID"
    assert (await door.ask("POST", path, idempotency_key="k" * 201)).status == 400


@pytest.mark.parametrize("path", [f"/v1/monitors/{MONITOR}/ping", f"/v1/runs/{RUN}/success", f"/v1/runs/{RUN}/fail"])
async def test_plain_text_becomes_the_output(door: Door, path: str) -> None:
    assert (await door.ask("POST", path, "größer\n".encode(), content_type="Text/Plain;charset=utf-8")).status == 202
    assert door.core.request.evidence.output == "größer\n"
    assert (await door.ask("POST", path, b"\xff", content_type="text/plain")).status == 400
    assert (await door.ask("POST", path, b"a\0b", content_type="text/plain")).status == 400


async def test_bare_curl_may_call_json_a_form(door: Door) -> None:
    form = "application/x-www-form-urlencoded"
    assert (await door.ask("POST", START, IDS, content_type=form)).status == 202
    assert (await door.ask("POST", START, b"monitorId=a", content_type=form)).status == 400


@pytest.mark.parametrize("path", [START, "/v1/runs/finish", f"/v1/runs/{RUN}/progress", "/v1/ingest/batch"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
async def test_other_content_types_are_refused(door: Door, path: str, content_type: str) -> None:
    answer = await door.ask("POST", path, b"{", content_type=content_type)
    assert answer.status == 415
    assert answer.json == {"code": "unsupported_media_type", "error": "Unsupported media type"}


async def test_a_compressed_body_is_no_type_we_read(door: Door) -> None:
    assert (await door.ask("POST", START, IDS, content_encoding="gzip")).status == 415


async def test_all_credentials_reach_the_core_and_nothing_else_does(door: Door) -> None:
    body = json.dumps(IDS).encode()
    await door.send(
        b"POST /v1/runs/start HTTP/1.1\r\nhost: d\r\ncontent-length: %d\r\nX-Luota-Key: a\r\nx-luota-key: b\r\n"
        b"X-Watchflow-Key: c\r\nx-watchflow-key:\r\nAuthorization: bearer  d\r\nauthorization: Basic e\r\n\r\n%b"
        % (len(body), body)
    )
    assert door.core.call.credentials == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("12345678", "12345678"), ("x" * 128, "x" * 128), ("1234567", None), ("x" * 129, None), ("with space", None)],
)
async def test_a_callers_request_id_is_kept_when_it_is_fit_and_never_ours(
    door: Door, sent: str, kept: str | None
) -> None:
    answer = await door.ask("POST", START, IDS, x_request_id=sent)
    assert door.core.call.caller_request_id == kept
    assert answer.request_id == door.core.call.request_id
    assert answer.request_id.startswith("req-")


async def test_rate_limit_headers_tell_the_tightest_bucket(door: Door) -> None:
    def script(call, _request):
        call.limit = Decision(True, Policy.MONITOR_TOKEN_MINUTE, limit=60, remaining=59, reset_seconds=42)
        return run_receipt()

    door.core.scripts["StartRun"] = script
    answer = await door.ask("POST", START, IDS)
    assert answer.headers["ratelimit-policy"] == '"ingest.monitor_token.minute";q=60;w=60'
    assert answer.headers["ratelimit"] == '"ingest.monitor_token.minute";r=59;t=42'


@pytest.mark.parametrize("door", [("127.0.0.0/8",)], indirect=True)
async def test_a_trusted_proxy_names_the_client(door: Door) -> None:
    await door.ask("POST", START, IDS, x_forwarded_for="10.9.9.9, 192.0.2.7")
    assert door.core.call.source_address == "192.0.2.7"


async def test_a_forged_forwarded_for_names_nobody(door: Door) -> None:
    await door.ask("POST", START, IDS, x_forwarded_for="192.0.2.7")
    assert door.core.call.source_address == "127.0.0.1"


async def test_a_batch_answers_each_signal_as_its_lone_call(door: Door) -> None:
    def script(_call, request):
        assert [signal.WhichOneof("signal") for signal in request.signals] == ["start", "fail", "ping", "success"]
        assert request.signals[1].fail.run_id == RUN
        assert request.signals[3].success.run_key.external_run_id == "1"
        limited = RateLimited(policy="ingest.workspace.minute", limit=5, retry_after_seconds=7)
        return ingest.BatchIngestResponse(
            results=[
                ingest.BatchResult(run=run_receipt()),
                ingest.BatchResult(error=to_status(NotFound(Missing.RUN), "r")),
                ingest.BatchResult(ping=ping_receipt(duplicate=True)),
                ingest.BatchResult(error=to_status(limited, "r")),
            ]
        )

    door.core.scripts["BatchIngest"] = script
    signals = [
        {"type": "start", **IDS},
        {"type": "start"},
        {"type": "fail", "runId": RUN},
        {"type": "ping", "monitorId": "m"},
        {"type": "dance"},
        {"type": "success", "monitorId": "m", "externalRunId": "1"},
        {"type": "progress"},
        {"type": "ping", "monitorId": "m", "payload": "x" * 65_536},
        7,
    ]
    answer = await door.ask("POST", "/v1/ingest/batch", {"signals": signals})
    assert answer.status == 202
    assert list(answer.json) == ["results", "requestId"]
    results = answer.json["results"]
    assert [result["status"] for result in results] == [202, 400, 404, 202, 400, 429, 400, 413, 400]
    assert results[0]["body"] == {"run": RUN_ANSWER, "duplicate": False, "requestId": answer.request_id}
    assert results[3]["body"]["duplicate"] is True
    assert results[5]["body"] == {
        "error": "Rate limit exceeded",
        "policy": "ingest.workspace.minute",
        "retryAfterSeconds": 7,
        "limit": 5,
    }
    assert results[7]["body"] == {"code": "request_failed", "error": "Request failed"}


async def test_a_signal_that_is_no_text_harms_none_of_its_neighbours(door: Door) -> None:
    door.core.scripts["BatchIngest"] = lambda _call, _request: ingest.BatchIngestResponse(
        results=[ingest.BatchResult(ping=ping_receipt())]
    )
    body = b'{"signals":[{"type":"ping","monitorId":"a","x":"\\u0000"},{"type":"ping","monitorId":"b"}]}'
    answer = await door.ask("POST", "/v1/ingest/batch", body)
    assert [result["status"] for result in answer.json["results"]] == [400, 202]
    assert door.core.request.signals[0].ping.monitor_id == "b"


DEEP = "must be balanced and nested at most 64 deep"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("[" * 64 + "]" * 64, DEEP),
        ("[" * 300 + "]" * 300, DEEP),
        ('[{"a":' * 5_000 + '"]}\\""' + "}]" * 5_000, DEEP),
        ("1e999", "must not contain a number beyond the range of a double"),
        ('"\\u0000"', "must not contain U+0000"),
        ('"\\ud800"', "must not contain a lone surrogate"),
        ('{"\\uDC00":[]}', "must not contain a lone surrogate"),
        ('"\\ud83d\\ude00 \\\\\\ude00 \\\\ud800"', "must not contain a lone surrogate"),
    ],
    ids=lambda text: text[:30],
)
async def test_a_payload_that_is_refused_harms_no_neighbour(door: Door, bad: str, problem: str) -> None:
    door.core.scripts["BatchIngest"] = lambda _call, _request: ingest.BatchIngestResponse(
        results=[ingest.BatchResult(ping=ping_receipt())]
    )
    signal = '{"type":"ping","monitorId":"a","payload":%s}'
    body = f'{{"x":"1e999","signals":[{signal % bad},{signal % 1}]}}'.encode()
    answer = await door.ask("POST", "/v1/ingest/batch", body)
    assert [result["status"] for result in answer.json["results"]] == [400, 202]
    assert answer.json["results"][0]["body"]["error"] == f"The signal {problem}"


@pytest.mark.parametrize("depth", [62, 63])
async def test_a_signal_may_nest_as_deep_in_a_batch_as_alone(door: Door, depth: int) -> None:
    door.core.scripts["BatchIngest"] = lambda _call, _request: ingest.BatchIngestResponse(
        results=[ingest.BatchResult(ping=ping_receipt())]
    )
    signal = b'{"type":"ping","monitorId":"a","payload":%b}' % (b"[" * depth + b"]" * depth)
    assert (await door.ask("POST", "/v1/monitors/a/ping", signal)).status == 202
    answer = await door.ask("POST", "/v1/ingest/batch", b'{"signals":[%b]}' % signal)
    assert [result["status"] for result in answer.json["results"]] == [202]


@pytest.mark.parametrize("bad", [b"NaN", b"[", b'"\\ud8zz"', b'"\\ud8"', b"[" * 5_000, b"[1}", b'"\0"'])
async def test_a_batch_that_is_no_json_is_refused_as_a_whole(door: Door, bad: bytes) -> None:
    body = b'{"signals":[{"type":"ping","monitorId":"a","payload":%b},{"type":"ping","monitorId":"b"}]}' % bad
    answer = await door.ask("POST", "/v1/ingest/batch", body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["error"].startswith("The body must be valid JSON: ")
    assert not door.core.calls


@pytest.mark.parametrize(
    ("around", "problem"),
    [
        (b'"\\u0000"', "must not contain U+0000"),
        (b'"\\ud800"', "must not contain a lone surrogate"),
        (b'"\xff"', "must be UTF-8"),
        (b"1e999", "must not contain a number beyond the range of a double"),
        (b"[" * 70 + b"]" * 70, "must be balanced and nested at most 64 deep"),
        (b"[" * 9_000 + b"]" * 9_000, "must be balanced and nested at most 64 deep"),
    ],
)
@pytest.mark.parametrize("where", ["before", "after"])
async def test_what_stands_around_the_signals_is_checked_as_any_body(
    door: Door, around: bytes, problem: str, where: str
) -> None:
    signal = b'{"type":"ping","monitorId":"a","x":%b}' % around
    # The same text stands around the signals and as one of them: the one may be refused by itself, the other not.
    signals, extra = b'"signals":[%b,{"type":"ping","monitorId":"a"}]' % signal, b'"x":%b' % signal
    body = b"{%b}" % b",".join([extra, signals] if where == "before" else [signals, extra])
    answer = await door.ask("POST", "/v1/ingest/batch", body)
    assert (answer.status, answer.json["error"]) == (400, f"The body {problem}")
    assert not door.core.calls


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_holds_1_to_100_signals(door: Door, count: int) -> None:
    answer = await door.ask("POST", "/v1/ingest/batch", {"signals": [{"type": "ping", "monitorId": "m"}] * count})
    assert answer.json["details"] == [{"field": "signals", "problem": "must hold 1 to 100 signals"}]


async def test_a_batch_whose_key_is_refused_is_refused_as_a_whole(door: Door) -> None:
    door.core.fail_with(InvalidIngestKey())
    answer = await door.ask("POST", "/v1/ingest/batch", {"signals": [{"type": "ping", "monitorId": "m"}]})
    assert (answer.status, answer.body) == (401, b'{"error":"Invalid ingest key"}')


async def test_a_batch_of_more_than_a_mebibyte_is_too_large_and_one_of_less_is_not(door: Door) -> None:
    signal = {"type": "ping", "monitorId": "m", "payload": "x" * 10_000}
    body = json.dumps({"signals": [signal] * 100}).encode()
    door.core.scripts["BatchIngest"] = lambda _call, request: ingest.BatchIngestResponse(
        results=[ingest.BatchResult(ping=ping_receipt())] * len(request.signals)
    )
    assert len(body) < 1024 * 1024
    assert (await door.ask("POST", "/v1/ingest/batch", body)).status == 202
    assert (await door.ask("POST", "/v1/ingest/batch", body.ljust(1024 * 1024 + 1))).status == 413
