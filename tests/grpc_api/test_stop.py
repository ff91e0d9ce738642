"""A stop lets running calls end, refuses new ones, is bounded and may be repeated."""

from __future__ import annotations

import asyncio
import contextlib
import time

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.grpc_api.conftest import START, WAIT, Bench, start_request
from tests.grpc_api.test_deadlines import hang

from luota_svc.model import errors


async def test_running_calls_end_well_and_new_ones_are_refused(bench: Bench) -> None:
    release = hang(bench, release=asyncio.Event())
    running = [asyncio.ensure_future(bench.send(START, start_request())) for _ in range(20)]
    while len(bench.core.calls) < 20:
        bench.core.called.clear()
        await asyncio.wait_for(bench.core.called.wait(), WAIT)
    stopping = asyncio.ensure_future(bench.server.stop(WAIT))
    await refused_by_the_port(bench.port)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{bench.port}") as late:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await late.unary_unary(f"/{START}")(b"", timeout=WAIT)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not stopping.done()
    release.set()
    await asyncio.wait_for(asyncio.gather(*running), WAIT)
    await asyncio.wait_for(stopping, WAIT)
    assert bench.server.running_count == 0


async def test_refusals_under_way_reach_their_callers(bench: Bench) -> None:
    release = asyncio.Event()

    async def refuse() -> None:
        await release.wait()
        raise errors.InvalidIngestKey

    bench.core.scripts[START] = lambda _call, _request: refuse()
    running = asyncio.ensure_future(bench.refused(START, start_request()))
    await asyncio.wait_for(bench.core.called.wait(), WAIT)
    stopping = asyncio.ensure_future(bench.server.stop(WAIT))
    release.set()
    refusal = await asyncio.wait_for(running, WAIT)
    assert refusal.detail(rpc.ErrorInfo).reason == "INVALID_INGEST_KEY"
    await asyncio.wait_for(stopping, WAIT)


async def test_a_call_that_never_ends_is_cancelled_when_the_grace_is_over(bench: Bench) -> None:
    ended = hang(bench)
    running = asyncio.ensure_future(bench.refused(START, start_request()))
    await asyncio.wait_for(bench.core.called.wait(), WAIT)
    began = time.monotonic()
    await bench.server.stop(0.2)
    assert time.monotonic() - began < 2
    assert ended.is_set()
    assert bench.server.running_count == 0
    assert (await asyncio.wait_for(running, WAIT)).code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_one_who_only_watches_health_does_not_hold_the_stop(bench: Bench) -> None:
    watch = health_pb2_grpc.HealthStub(bench.channel).Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    began = time.monotonic()
    await bench.server.stop(30.0)
    assert time.monotonic() - began < 2
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_stopping_twice_and_at_once_and_before_the_start_is_fine(bench: Bench) -> None:
    await asyncio.wait_for(asyncio.gather(bench.server.stop(0.1), bench.server.stop(0.1)), WAIT)
    await bench.server.stop(0.1)
    await bench.unstarted().stop(0.1)


async def refused_by_the_port(port: int) -> None:
    """Wait until nobody listens any more: the first thing that a stop does."""
    async with asyncio.timeout(WAIT):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue  # it was in the backlog when the listener closed
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
