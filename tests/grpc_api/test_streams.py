"""A stream begins as any call does, and whatever ends it is told: to its client, the log and the support record."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2 as rpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.grpc_api.conftest import WAIT, WATCH, Bench, Refusal

from luota.v1.incident_service_pb2 import WatchIncidentsRequest, WatchIncidentsResponse
from luota_svc.model import errors

FIRST, SECOND = (WatchIncidentsResponse(cursor=cursor) for cursor in ("c1", "c2"))


def watch(bench: Bench, request: bytes = b"") -> Any:
    return bench.channel.unary_stream(f"/{WATCH}", None, WatchIncidentsResponse.FromString)(request)


async def read(call: Any) -> Any:
    async with asyncio.timeout(WAIT):
        return await call.read()


async def refused(call: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read(call)
    return Refusal(caught.value)


async def test_messages_come_one_after_another_and_the_end_says_the_request_id(bench: Bench) -> None:
    bench.core.watch = [FIRST, SECOND]
    call = watch(bench, WatchIncidentsRequest(workspace_id="w", cursor="c0").SerializeToString())
    assert [await read(call), await read(call), await read(call)] == [FIRST, SECOND, grpc.aio.EOF]
    request_id = dict(await call.trailing_metadata())["x-request-id"]
    seen, request = bench.core.calls[-1]
    assert (seen.request_id, request.cursor) == (request_id, "c0")
    await bench.quiet()
    assert [(line["method"], line["status"]) for line in bench.lines.written] == [(WATCH, "OK")]
    assert [(record.method, record.status) for record in bench.records] == [(WATCH, "OK")]


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.InvalidOperatorToken(), grpc.StatusCode.UNAUTHENTICATED, "INVALID_OPERATOR_TOKEN"),
        (errors.WatcherTooSlow(), grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCHER_TOO_SLOW"),
    ],
)
async def test_what_ends_a_stream_is_told_after_what_was_told_before(
    bench: Bench, error: Exception, code: grpc.StatusCode, reason: str
) -> None:
    bench.core.watch = [FIRST, error]
    call = watch(bench)
    assert await read(call) == FIRST
    refusal = await refused(call)
    assert (refusal.code, refusal.detail(rpc.ErrorInfo).reason) == (code, reason)
    assert refusal.detail(rpc.RequestInfo).request_id == refusal.trailers["x-request-id"]
    assert [line["code"] for line in bench.lines.written] == [reason.lower()]
    assert [record.error_code for record in bench.records] == [reason.lower()]


async def test_a_fault_of_ours_is_internal_and_says_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.core.watch = [FIRST, RuntimeError("secret cause")]
    call = watch(bench)
    await read(call)
    refusal = await refused(call)
    assert (refusal.code, refusal.message) == (grpc.StatusCode.INTERNAL, "Internal error")
    assert "secret cause" in caplog.text


async def test_a_request_that_cannot_be_read_is_refused(bench: Bench) -> None:
    assert (await refused(watch(bench, b"\xff"))).code is grpc.StatusCode.INVALID_ARGUMENT
    assert (await refused(watch(bench, b"x" * (1024 * 1024 + 1)))).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert bench.core.calls == []


async def test_a_client_that_goes_ends_the_stream(bench: Bench) -> None:
    bench.core.watch = [FIRST, asyncio.Event()]
    call = watch(bench)
    await read(call)
    call.cancel()
    await asyncio.wait_for(bench.core.watch_ended.wait(), WAIT)
    await bench.quiet()
    assert [line["status"] for line in bench.lines.written] == ["CANCELLED"]


async def test_a_stop_ends_every_stream_at_once_with_unavailable(bench: Bench) -> None:
    bench.core.watch = [FIRST, asyncio.Event()]
    calls = [watch(bench) for _ in range(3)]
    for call in calls:
        await read(call)
    stopping = asyncio.ensure_future(bench.server.stop(60.0))
    for call in calls:
        refusal = await refused(call)
        assert refusal.code is grpc.StatusCode.UNAVAILABLE
        assert refusal.detail(rpc.RetryInfo).retry_delay.seconds >= 1
    await asyncio.wait_for(stopping, WAIT)
    assert bench.server.running_count == 0


async def test_reflection_lists_the_stream(bench: Bench) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(bench.channel)
    symbol = reflection_pb2.ServerReflectionRequest(file_containing_symbol="luota.v1.IncidentService")
    call = stub.ServerReflectionInfo(iter([symbol]))
    answer = await read(call)
    assert b"WatchIncidentsResponse" in b"".join(answer.file_descriptor_response.file_descriptor_proto)
    call.cancel()
