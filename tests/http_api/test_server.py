"""Starting, stopping, probes, and what each request leaves behind."""

from __future__ import annotations

import asyncio

import pytest
from tests.http_api.conftest import MONITOR, RUN, Door, run_receipt
from tests.http_api.wire import Connection, request_bytes

from luota.v1.runs_pb2 import Note
from luota_svc.clock import RealClock
from luota_svc.http_api.app import build_app
from luota_svc.http_api.probes import Probes
from luota_svc.http_api.server import HttpServer
from luota_svc.model.errors import InvalidIngestKey

START = "/v1/runs/start"
BODY = b'{"monitorId":"nightly","externalRunId":"1"}'


class Held:
    """A core method that waits until it is released."""

    def __init__(self, door: Door) -> None:
        self.started, self.release = asyncio.Event(), asyncio.Event()
        door.core.scripts["StartRun"] = self._run

    async def _run(self, _call, _request):
        self.started.set()
        await self.release.wait()
        return run_receipt()


async def test_a_taken_port_is_told_in_one_sentence(door: Door) -> None:
    second = HttpServer(door.app(), host="127.0.0.1", port=door.server.port, clock=RealClock())
    with pytest.raises(OSError, match=f"port {door.server.port} is taken on 127.0.0.1"):
        await second.start()
    await second.stop(0)


async def test_a_stop_finishes_what_is_in_flight_and_refuses_what_is_new(door: Door) -> None:
    held = Held(door)
    idle, busy = await door.connect(), await door.connect()
    await busy.send(request_bytes("POST", START, BODY))
    await held.started.wait()
    port = door.server.port
    stopping = asyncio.create_task(door.server.stop(5))
    assert await idle.closed()
    with pytest.raises(ConnectionError):
        await Connection.open(port)
    held.release.set()
    answer = await busy.response()
    assert (answer.status, answer.headers["connection"]) == (202, "close")
    await stopping
    await door.server.stop(5)
    await idle.close()
    await busy.close()


async def test_a_stop_whose_time_is_over_answers_503_with_our_id(door: Door) -> None:
    held = Held(door)
    connection = await door.connect()
    await connection.send(request_bytes("POST", START, BODY))
    await held.started.wait()
    await door.server.stop(0.05)
    answer = await connection.response()
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert answer.request_id
    assert await connection.closed()
    await connection.close()


async def test_a_stop_waits_for_what_stands_in_line(door: Door) -> None:
    held = Held(door)
    connection = await door.connect()
    await connection.send(request_bytes("POST", START, BODY) * 2)
    await held.started.wait()
    stopping = asyncio.create_task(door.server.stop(5))
    held.release.set()
    assert [(await connection.response()).status for _ in range(2)] == [202, 202]
    await stopping
    await connection.close()


async def test_a_stop_lets_the_last_bytes_of_a_long_answer_out(door: Door) -> None:
    called = asyncio.Event()

    def long_answer(_call, _request):
        called.set()
        return run_receipt(notes=[Note(field="x" * 1_000, note="n")] * 8_000)

    door.core.scripts["StartRun"] = long_answer
    connection = await door.connect()
    await connection.send(request_bytes("POST", START, BODY))
    await called.wait()  # nobody reads the answer yet
    stopping = asyncio.create_task(door.server.stop(5))
    answer = await connection.response()
    assert len(answer.json["notes"]) == 8_000
    await stopping
    await connection.close()


async def test_the_probes_say_what_they_are_told(door: Door) -> None:
    assert (await door.ask("GET", "/healthz")).status == 200
    assert (await door.ask("GET", "/readyz")).status == 200
    door.live = door.ready = False
    assert (await door.ask("GET", "/healthz")).status == 503
    refused = await door.ask("GET", "/readyz")
    assert (refused.status, refused.json) == (503, {"status": "unavailable"})
    metrics = await door.ask("GET", "/metrics")
    assert b"luota_requests_total" in metrics.body
    assert metrics.headers["content-type"].startswith("text/plain")
    head = await door.send(b"HEAD /healthz HTTP/1.1\r\nhost: d\r\n\r\n", "HEAD")
    assert head.status == 503
    assert not door.lines


async def test_every_request_leaves_one_line_that_bears_its_id(door: Door) -> None:
    answers = [
        await door.ask("POST", START, BODY, x_request_id="caller-id-1"),
        await door.ask("POST", f"/v1/runs/{RUN}/fail", b"{"),
        await door.ask("GET", START),
        await door.ask("GET", "/nope/secret-path"),
        await door.ask("GET", f"/v1/monitors/{MONITOR}?x=1"),
    ]
    assert [line["request_id"] for line in door.lines] == [answer.request_id for answer in answers]
    assert [(line["method"], line["status"], line["code"]) for line in door.lines] == [
        ("POST /v1/runs/start", "202", None),
        ("POST /v1/runs/{runId}/fail", "400", "invalid_request"),
        ("GET /v1/runs/start", "405", "method_not_allowed"),
        ("unmatched", "404", "not_found"),
        ("GET /v1/monitors/{monitorId}", "400", "invalid_request"),
    ]
    assert door.lines[0]["caller_request_id"] == "caller-id-1"
    assert len(door.lines[0]["trace_id"]) == 32


async def test_support_keeps_refusals_duplicates_batches_and_management_only(door: Door) -> None:
    await door.ask("POST", START, BODY)
    await door.ask("GET", "/nope")
    assert not door.records

    def duplicate(call, _request):
        call.subject.update(workspace_id=RUN, monitor_id=MONITOR, key_id=RUN)
        return run_receipt(duplicate=True)

    door.core.scripts["StartRun"] = duplicate
    await door.ask("POST", START, BODY)
    await door.ask("POST", "/v1/ingest/batch", {"signals": [7]})
    await door.ask("GET", f"/v1/monitors/{MONITOR}")
    door.core.fail_with(InvalidIngestKey())
    await door.ask("POST", START, BODY, x_request_id="caller-id-1")
    assert [(record.method, record.status, record.error_code) for record in door.records] == [
        ("POST /v1/runs/start", "202", None),
        ("POST /v1/ingest/batch", "202", None),
        ("GET /v1/monitors/{monitorId}", "200", None),
        ("POST /v1/runs/start", "401", "invalid_ingest_key"),
    ]
    assert str(door.records[0].monitor_id) == MONITOR
    assert door.records[3].caller_request_id == "caller-id-1"
    assert door.records[3].source_address == "127.0.0.1"


async def test_the_core_is_given_the_trace_and_four_and_a_half_seconds(door: Door) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    before = RealClock().monotonic()
    await door.ask("POST", START, BODY, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    call = door.core.call
    assert call.traceparent[3:35] == trace
    assert before + 4.5 <= call.expires_at <= RealClock().monotonic() + 4.5
    assert call.method == "POST /v1/runs/start"


async def test_a_method_without_an_implementation_is_a_mistake_of_the_start(door: Door) -> None:
    methods = dict(door.core.methods)
    for missing in ("luota.v1.IngestService/Ping", "luota.v1.MonitorService/GetMonitor"):
        fewer = {name: method for name, method in methods.items() if name != missing}
        with pytest.raises(LookupError, match=missing):
            build_app(
                fewer, door.core.streams, clock=RealClock(), journal=door.app().journal, probes=Probes(bool, bool)
            )
