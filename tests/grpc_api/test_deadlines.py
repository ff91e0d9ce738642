"""How long a call may take, and what happens to one whose caller has gone."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from tests.grpc_api.conftest import START, WAIT, Bench, start_request

from luota.v1 import ingest_service_pb2 as ingest
from luota_svc.grpc_api import unary


@pytest.mark.parametrize(("wait", "least", "most"), [(None, 4.3, 4.5), (60.0, 4.3, 4.5), (2.0, 1.5, 2.1)])
async def test_an_answer_is_due_at_the_callers_deadline_or_ours(
    bench: Bench, wait: float | None, least: float, most: float
) -> None:
    left: list[float] = []

    def script(call: Any, _request: object) -> ingest.RunReceipt:
        left.append(call.expires_at - bench.clock.monotonic())
        return ingest.RunReceipt()

    bench.core.scripts[START] = script
    await bench.call(START, start_request(), timeout=wait)
    assert least < left[0] <= most


async def test_a_caller_whose_deadline_passes_ends_its_call_without_noise(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    ended = hang(bench)
    with caplog.at_level(logging.INFO), pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.call(START, start_request(), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(ended.wait(), WAIT)
    await bench.quiet()
    assert bench.lines.written[-1]["status"] in {"DEADLINE_EXCEEDED", "CANCELLED"}
    assert caplog.records == []
    assert bench.records == []


@pytest.mark.parametrize("deadline", [WAIT, None])
async def test_a_caller_that_hangs_up_ends_its_call_without_noise(
    bench: Bench, caplog: pytest.LogCaptureFixture, deadline: float | None
) -> None:
    ended = hang(bench)
    call = bench.call(START, start_request(), timeout=deadline)
    await asyncio.wait_for(bench.core.called.wait(), WAIT)
    call.cancel()
    await asyncio.wait_for(ended.wait(), WAIT)
    await bench.quiet()
    assert bench.lines.written[-1]["status"] == "CANCELLED"
    assert caplog.records == []
    bench.core.scripts.clear()
    await bench.send(START, start_request())


async def test_a_core_that_never_answers_is_answered_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unary, "_BACKSTOP_SECONDS", -4.3)
    ended = hang(bench)
    refusal = await bench.refused(START, start_request())
    assert refusal.code is grpc.StatusCode.UNAVAILABLE
    assert refusal.detail(rpc.RetryInfo).retry_delay.seconds == 1
    assert ended.is_set()
    assert bench.records[-1].status == "UNAVAILABLE"


async def test_a_flood_is_told_to_come_again(bench_of_two: Bench) -> None:
    bench = bench_of_two
    released = hang(bench, release=asyncio.Event())
    waiting = [asyncio.ensure_future(bench.send(START, start_request())) for _ in range(2)]
    while len(bench.core.calls) < 2:
        bench.core.called.clear()
        await asyncio.wait_for(bench.core.called.wait(), WAIT)
    refusal = await bench.refused(START, start_request())
    assert refusal.code is grpc.StatusCode.UNAVAILABLE
    assert refusal.trailers["grpc-retry-pushback-ms"] == "1000"
    released.set()
    await asyncio.wait_for(asyncio.gather(*waiting), WAIT)


def hang(bench: Bench, release: asyncio.Event | None = None) -> asyncio.Event:
    """Let StartRun wait until it is released or cancelled; return the event that says which came."""
    ended = release or asyncio.Event()

    async def wait() -> ingest.RunReceipt:
        try:
            await (release or asyncio.Event()).wait()
        finally:
            ended.set()
        return ingest.RunReceipt()

    bench.core.scripts[START] = lambda _call, _request: wait()
    return ended
