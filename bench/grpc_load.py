"""The load generator for gRPC: a process of its own, closed loop, prebuilt bytes, no serializer on the way.

grpc.aio costs a client about what it costs a server, so a rate measured with it is as much the client's: compare it
with the floor of the same run and with nothing else, or read the server's own CPU.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from array import array
from collections import Counter

import grpc
import msgspec
import uvloop

from bench.messages import Target, shares
from bench.outcomes import Outcome, percentiles
from luota.v1 import ingest_service_pb2, signals_pb2

_CHANNELS = 2
_DEADLINE_SECONDS = 6.0
_METHOD = "/luota.v1.IngestService/StartRun"


class GrpcPlan(msgspec.Struct, frozen=True):
    """What to send where: run starts, `in_flight` at a time."""

    port: int
    in_flight: int
    seconds: float
    targets: list[Target]
    tag: str
    warm_seconds: float = 0.5


class _Load:
    def __init__(self) -> None:
        self.latencies = array("d")
        self.statuses: Counter[str] = Counter()
        self.stopping = False

    async def caller(self, channel: grpc.aio.Channel, targets: tuple[Target, ...], prefix: str) -> None:
        start: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
        evidence = signals_pb2.Evidence(
            host="worker-7.example.net", deploy_sha="8f14e45fceea167a5a36dedd4bea2543f3a4c1d0"
        )
        for number, target in enumerate(itertools.cycle(targets)):
            if self.stopping:
                return
            key = ingest_service_pb2.RunKey(monitor_id=target.monitor_id, external_run_id=f"{prefix}{number:010d}")
            request = ingest_service_pb2.StartRunRequest(run_key=key, evidence=evidence).SerializeToString()
            began = time.perf_counter()
            try:
                await start(request, metadata=(("x-luota-key", target.token),), timeout=_DEADLINE_SECONDS)
                self.statuses["OK"] += 1
            except grpc.aio.AioRpcError as error:
                self.statuses[error.code().name] += 1
            self.latencies.append(time.perf_counter() - began)


async def run(plan: GrpcPlan) -> Outcome:
    """Connect, warm up, measure, wait for what is still in flight."""
    load = _Load()
    # Without a pool of its own each channel would share one connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{plan.port}", options) for _ in range(_CHANNELS)]
    callers = [
        asyncio.create_task(load.caller(channel, share.targets, share.prefix))
        for channel, share in zip(
            itertools.cycle(channels), shares(plan.targets, plan.in_flight, plan.tag), strict=False
        )
    ]
    await asyncio.sleep(plan.warm_seconds)
    load.latencies = array("d")
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(plan.seconds)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    measured, load.latencies = load.latencies, array("d")
    load.stopping = True
    await asyncio.gather(*callers)
    for channel in channels:
        await channel.close()
    return Outcome(
        answers=dict(load.statuses),
        per_second=len(measured) / seconds,
        latency_ms=percentiles(measured),
        seconds=seconds,
        unanswered=0,
        cpu_us_per_request=1e6 * cpu / max(len(measured), 1),
    )


def generate_grpc(plan: GrpcPlan) -> Outcome:
    """Run a plan in a process of its own and return its outcome."""
    finished = subprocess.run(
        [sys.executable, "-m", "bench.grpc_load"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        timeout=plan.warm_seconds + plan.seconds + 30,
        check=True,
    )
    return msgspec.json.decode(finished.stdout, type=Outcome)


async def _main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=GrpcPlan)
    sys.stdout.buffer.write(msgspec.json.encode(await run(plan)))


if __name__ == "__main__":
    uvloop.run(_main())
