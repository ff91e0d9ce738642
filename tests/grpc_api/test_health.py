"""grpc.health.v1 as probes and balancers see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.grpc_api.conftest import WAIT, Bench

from luota_svc.grpc_api.methods import contract_services

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = ["", *(service.full_name for service in contract_services())]


async def check(channel: grpc.aio.Channel, name: str) -> int:
    request = health_pb2.HealthCheckRequest(service=name)
    answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=WAIT)
    return int(answer.status)


async def test_nothing_serves_until_ready_and_nothing_after(bench: Bench) -> None:
    server = bench.unstarted()
    port = await server.start("127.0.0.1:0")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert {await check(channel, name) for name in NAMES} == {NOT_SERVING}
        await server.set_ready(True)
        assert {await check(channel, name) for name in NAMES} == {SERVING}
        await server.set_ready(False)
        assert {await check(channel, name) for name in NAMES} == {NOT_SERVING}
    await server.stop(0.1)


async def test_a_service_that_is_not_ours_is_not_found(bench: Bench) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await check(bench.channel, "luota.v9.Nothing")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_those_who_watch_see_each_change(bench: Bench) -> None:
    watch = health_pb2_grpc.HealthStub(bench.channel).Watch(health_pb2.HealthCheckRequest(service=NAMES[1]))
    async with asyncio.timeout(WAIT):
        assert (await watch.read()).status == SERVING
        await bench.server.set_ready(False)
        assert (await watch.read()).status == NOT_SERVING
        await bench.server.set_ready(True)
        assert (await watch.read()).status == SERVING
    watch.cancel()


async def test_reflection_lists_every_service(bench: Bench) -> None:
    names = await reflected(bench.channel)
    assert {*NAMES[1:], "grpc.health.v1.Health"} < names


async def test_reflection_can_be_left_out(bench: Bench) -> None:
    server = bench.unstarted(reflect=False)
    port = await server.start("127.0.0.1:0")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reflected(channel)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await server.stop(0.1)


async def reflected(channel: grpc.aio.Channel) -> set[str]:
    async def ask() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    return {
        service.name
        async for answer in stub.ServerReflectionInfo(ask(), timeout=WAIT)
        for service in answer.list_services_response.service
    }
