"""What a call leaves behind: a line, samples, a span, and for some a support record."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.grpc_api.conftest import BATCH, GET_MONITOR, PING, START, Bench, start_request

from luota.v1 import ingest_service_pb2 as ingest
from luota_svc.model import errors
from luota_svc.telemetry.context import current_ids
from luota_svc.telemetry.tracing_setup import build_tracing

TOKEN = "wfws1.22222222-2222-4222-8222-222222222222." + "s" * 43


async def test_each_call_leaves_one_line_and_its_samples(bench: Bench) -> None:
    await bench.send(START, start_request(), x_request_id="my-request-1", x_luota_key=TOKEN)
    [line] = bench.lines.written
    call = bench.core.last_call
    assert line["door"] == "grpc"
    assert line["method"] == START
    assert line["status"] == "OK"
    assert line["request_id"] == call.request_id
    assert line["caller_request_id"] == "my-request-1"
    assert line["source_address"] == "127.0.0.1"
    assert call.traceparent is not None
    assert line["trace_id"] == call.traceparent[3:35]
    assert TOKEN not in json.dumps(line)
    body = bench.metrics.render()[0].decode()
    assert f'luota_requests_total{{code="OK",door="grpc",method="{START}"}} 1.0' in body


@pytest.mark.parametrize(
    ("method", "answer", "kept"),
    [
        (START, ingest.RunReceipt(), 0),
        (START, ingest.RunReceipt(duplicate=True), 1),
        (PING, ingest.PingReceipt(), 0),
        (PING, ingest.PingReceipt(duplicate=True), 1),
        (BATCH, ingest.BatchIngestResponse(), 1),
        (GET_MONITOR, None, 1),
    ],
)
async def test_support_keeps_all_but_new_signals(bench: Bench, method: str, answer: Any, kept: int) -> None:
    if answer is not None:
        bench.core.scripts[method] = lambda _call, _request: answer
    await bench.send(method, b"")
    assert len(bench.records) == kept


async def test_support_keeps_a_refusal_with_what_it_was_about(bench: Bench) -> None:
    def script(call: Any, _request: object) -> ingest.RunReceipt:
        call.subject.update(workspace_id=str(UUID(int=1)), monitor_id="nightly-backup", actor="alice")
        raise errors.InvalidIngestKey

    bench.core.scripts[START] = script
    await bench.refused(START, start_request(), x_request_id="my-request-1", x_luota_key=TOKEN)
    [record] = bench.records
    assert (record.door, record.method, record.status) == ("grpc", START, "UNAUTHENTICATED")
    assert record.error_code == "invalid_ingest_key"
    assert record.workspace_id == UUID(int=1)
    assert record.monitor_id is None, "a slug is no id"
    assert (record.actor, record.caller_request_id) == ("alice", "my-request-1")
    assert bench.lines.written[-1]["code"] == "invalid_ingest_key"
    assert TOKEN not in repr(record)


async def test_a_sampled_span_names_method_status_and_request(bench: Bench) -> None:
    exporter = InMemorySpanExporter()
    tracing = build_tracing({"OTEL_TRACES_SAMPLER": "always_on"}, processor=SimpleSpanProcessor(exporter))
    server = bench.unstarted(tracing=tracing)
    port = await server.start("127.0.0.1:0")
    bench.core.raising(GET_MONITOR, errors.NotFound(errors.Missing.MONITOR))
    other = bench.towards(port)
    await other.send(START, start_request())
    await other.refused(GET_MONITOR, b"")
    await server.stop(1.0)
    start, refused = exporter.get_finished_spans()
    assert start.name == START
    assert dict(start.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": START,
        "luota.request_id": bench.core.calls[0][0].request_id,
        "rpc.response.status_code": "OK",
    }
    assert (refused.attributes or {})["rpc.response.status_code"] == "NOT_FOUND"
    assert refused.status.is_unset, "what the caller got wrong is no fault of ours"
    await other.channel.close()


async def test_core_works_under_the_ids_of_its_call(bench: Bench) -> None:
    seen: list[Any] = []

    def script(_call: Any, _request: object) -> ingest.RunReceipt:
        seen.append(current_ids())
        return ingest.RunReceipt()

    bench.core.scripts[START] = script
    await bench.send(START, start_request())
    call = bench.core.last_call
    assert call.traceparent is not None
    assert seen == [(call.request_id, call.traceparent[3:35])]
