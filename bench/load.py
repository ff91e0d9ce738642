"""The load generator: a process of its own, raw sockets on uvloop, closed loop or offered rate. Reads a plan on
stdin, writes an outcome on stdout; `generate` runs it for the benchmark.

It must cost far less than what it measures, for both share the machine: requests are prebuilt (bench.messages),
one object a connection, no task and no future per request, the answer's head is searched and not parsed.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from array import array
from collections import Counter, deque
from functools import partial
from typing import cast

import msgspec
import uvloop

from bench.messages import SCRIPTS, Script, Target, shares
from bench.outcomes import Outcome, percentiles
from bench.ticks import Ticks

_DRAIN_SECONDS = 6.0  # an answer comes within 5 s or never
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "


class Plan(msgspec.Struct, frozen=True):
    """What to send where. `rate` 0 is a closed loop: every connection sends as soon as it was answered."""

    port: int
    script: str
    connections: int
    seconds: float
    targets: list[Target]
    tag: str
    warm_seconds: float = 0.5
    rate: float = 0.0


class Load:
    """One plan under way."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.statuses: Counter[bytes] = Counter()
        self.latencies = array("d")
        self.stopping = False
        self.in_flight = 0
        self.done = asyncio.Event()
        self.idle: deque[Connection] = deque()
        self.overdue: deque[float] = deque()

    async def run(self) -> Outcome:
        """Connect, warm up, measure, wait for what is still in flight."""
        loop = asyncio.get_running_loop()
        dealt = shares(self.plan.targets, self.plan.connections, self.plan.tag)
        connections = []
        for share in dealt:
            script = SCRIPTS[self.plan.script](share)
            _, connection = await loop.create_connection(partial(Connection, self, script), "127.0.0.1", self.plan.port)
            connections.append(connection)
        pace = self._pace(connections)
        await asyncio.sleep(self.plan.warm_seconds)
        self.latencies = array("d")
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(self.plan.seconds)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        measured = self.latencies
        await self._stop(connections, pace)
        return Outcome(
            answers={status.decode(): count for status, count in self.statuses.items()},
            per_second=len(measured) / seconds,
            latency_ms=percentiles(measured),
            seconds=seconds,
            unanswered=self.in_flight,
            cpu_us_per_request=1e6 * cpu / max(len(measured), 1),
        )

    def _pace(self, connections: list[Connection]) -> Ticks | None:
        if self.plan.rate:
            self.idle.extend(connections)
            return Ticks(self.plan.rate, self._due)
        for connection in connections:
            connection.send(time.perf_counter())
        return None

    def _due(self, instant: float) -> None:
        if self.idle:
            self.idle.popleft().send(instant)
        else:
            self.overdue.append(instant)  # its wait for a connection is part of its latency

    async def _stop(self, connections: list[Connection], pace: Ticks | None) -> None:
        if pace:
            pace.stop()
        self.latencies = array("d")
        self.stopping = True
        if self.in_flight or self.overdue:
            with contextlib.suppress(TimeoutError):  # the outcome says how many were left
                await asyncio.wait_for(self.done.wait(), _DRAIN_SECONDS)
        for connection in connections:
            connection.transport.abort()


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight."""

    __slots__ = ("began", "load", "partial", "script", "started", "transport")

    transport: asyncio.Transport

    def __init__(self, load: Load, script: Script) -> None:
        self.load = load
        self.script = script
        self.started = False
        self.partial = b""
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only

    def send(self, instant: float, answer: bytes = b"") -> None:
        """Send the script's next request; its latency counts from `instant`."""
        self.began = instant
        self.load.in_flight += 1
        if self.started:
            self.transport.write(self.script.send(answer))
        else:
            self.started = True
            self.transport.write(next(self.script))

    def data_received(self, data: bytes) -> None:
        if self.partial:
            data = self.partial + data
        end = data.find(_HEAD_END)
        if end < 0:
            self.partial = data
            return
        at = data.find(_LENGTH, 0, end)
        if at < 0:
            at = data[:end].lower().index(_LENGTH)
        at += len(_LENGTH)
        body_end = end + 4 + int(data[at : data.find(b"\r", at)])
        if len(data) < body_end:
            self.partial = data
            return
        self.partial = b""
        self._answered(data[9:12], data[end + 4 : body_end])

    def _answered(self, status: bytes, body: bytes) -> None:
        load = self.load
        now = time.perf_counter()
        load.latencies.append(now - self.began)
        load.statuses[status] += 1
        load.in_flight -= 1
        if load.overdue:
            self.send(load.overdue.popleft(), body)
        elif load.stopping:
            if not load.in_flight:
                load.done.set()
        elif load.plan.rate:
            # What the script must know of the answer it is told now, for nobody knows when it sends again.
            self._park(body)
        else:
            self.send(now, body)

    def _park(self, body: bytes) -> None:
        if self.load.plan.script == "pairs":
            raise ValueError("pairs need a closed loop: " + body.decode(errors="replace")[:80])
        self.load.idle.append(self)


def generate(plan: Plan) -> Outcome:
    """Run a plan in a process of its own and return its outcome."""
    finished = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        timeout=plan.warm_seconds + plan.seconds + 30,
        check=True,
    )
    return msgspec.json.decode(finished.stdout, type=Outcome)


async def _main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(await Load(plan).run()))


if __name__ == "__main__":
    uvloop.run(_main())
