"""A real server on loopback over a core that a test scripts, and a real channel to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

import grpc.aio
import pytest
import uvloop
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from grpc_status import rpc_status

from luota.v1 import ingest_service_pb2 as ingest
from luota.v1.incident_service_pb2 import WatchIncidentsResponse
from luota_svc.clock import RealClock
from luota_svc.grpc_api import GrpcServer, Hooks
from luota_svc.grpc_api.methods import contract_services
from luota_svc.model.call import Call
from luota_svc.model.requests import RequestRecord
from luota_svc.telemetry.access import AccessLog
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.scrub import scrub
from luota_svc.telemetry.traces import Tracing
from luota_svc.telemetry.tracing_setup import build_tracing

START = "luota.v1.IngestService/StartRun"
PING = "luota.v1.IngestService/Ping"
BATCH = "luota.v1.IngestService/BatchIngest"
CREATE_MONITOR = "luota.v1.MonitorService/CreateMonitor"
GET_MONITOR = "luota.v1.MonitorService/GetMonitor"
WATCH = "luota.v1.IncidentService/WatchIncidents"
WAIT = 5.0


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """The loop that serves in production."""
    return {"uvloop": uvloop.new_event_loop}


class StubCore:
    """Answers every method of the contract with an empty message, until a test says otherwise."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Any]] = []
        self.called = asyncio.Event()
        self.scripts: dict[str, Callable[[Call, Any], Any]] = {}
        self.methods = {
            f"{service.full_name}/{method.name}": self._method(
                f"{service.full_name}/{method.name}", GetMessageClass(method.output_type)
            )
            for service in contract_services()
            for method in service.methods
            if not method.server_streaming
        }
        self.watch: list[Any] = []
        self.watch_ended = asyncio.Event()
        self.streams = {WATCH: self._stream}

    async def _stream(self, call: Call, request: Message) -> AsyncGenerator[Message, None]:
        """Play what a test wrote into `watch`: messages, errors to raise, events to wait for."""
        self.calls.append((call, request))
        self.called.set()
        try:
            for step in self.watch or [WatchIncidentsResponse(cursor="c0")]:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, BaseException):
                    raise step
                else:
                    yield step
        finally:
            self.watch_ended.set()

    def _method(self, name: str, answer: type[Message]) -> Any:
        async def call(call: Call, request: Message) -> Message:
            self.calls.append((call, request))
            self.called.set()
            script = self.scripts.get(name)
            if script is None:
                return answer()
            result = script(call, request)
            return await result if asyncio.iscoroutine(result) else result

        return call

    def raising(self, name: str, error: Exception) -> None:
        def script(_call: Call, _request: Message) -> Message:
            raise error

        self.scripts[name] = script

    @property
    def last_call(self) -> Call:
        return self.calls[-1][0]


class Lines:
    """A sink that keeps what was written."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def write(self, line: bytes) -> None:
        self.written.append(json.loads(line))


@dataclass
class Bench:
    """Everything that a test of this door touches."""

    core: StubCore
    server: GrpcServer
    port: int
    channel: grpc.aio.Channel
    hooks: Hooks
    records: list[RequestRecord]
    lines: Lines
    metrics: Metrics
    clock: RealClock

    def unstarted(self, *, tracing: Tracing | None = None, reflect: bool = True) -> GrpcServer:
        """Another server over the same core."""
        hooks = self.hooks if tracing is None else replace(self.hooks, tracing=tracing)
        return GrpcServer(self.core.methods, self.core.streams, hooks=hooks, clock=self.clock, reflect=reflect)

    def towards(self, port: int) -> Bench:
        """The same bench with a channel to another server, which the test closes."""
        return replace(self, channel=grpc.aio.insecure_channel(f"127.0.0.1:{port}"))

    async def quiet(self) -> None:
        """Wait until no call runs."""
        async with asyncio.timeout(WAIT):
            while self.server.running_count:  # noqa: ASYNC110 - the last turns of a task tell nobody
                await asyncio.sleep(0)

    async def send(self, method: str, request: Message | bytes, **metadata: str) -> bytes:
        """Call and return the bytes; keyword `x_request_id` becomes metadata `x-request-id`."""
        raw: bytes = await self.call(method, request, **metadata)
        return raw

    def call(self, method: str, request: Message | bytes, *, timeout: float | None = WAIT, **metadata: str) -> Any:
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        pairs = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
        return self.channel.unary_unary(f"/{method}")(raw, timeout=timeout, metadata=pairs)

    async def refused(self, method: str, request: Message | bytes, **metadata: str) -> Refusal:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.send(method, request, **metadata)
        return Refusal(caught.value)


class Refusal:
    """An error as a client sees it."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details()
        self.trailers = dict(error.trailing_metadata() or ())
        rich: status_pb2.Status | None = rpc_status.from_call(error)
        self.details = list(rich.details) if rich is not None else []

    def detail(self, kind: type[Any]) -> Any:
        """The one detail of this kind; more or fewer than one is a failure."""
        found = []
        for packed in self.details:
            message = kind()
            if packed.Unpack(message):
                found.append(message)
        assert len(found) == 1, [packed.type_url for packed in self.details]
        return found[0]

    @property
    def kinds(self) -> list[str]:
        return sorted(packed.type_url.rpartition(".")[2] for packed in self.details)


def start_request(external_run_id: str = "job-42", **evidence: Any) -> ingest.StartRunRequest:
    key = ingest.RunKey(monitor_id="22222222-2222-4222-8222-222222222222", external_run_id=external_run_id)
    return ingest.StartRunRequest(run_key=key, evidence=evidence)


@pytest.fixture
def core() -> StubCore:
    return StubCore()


@pytest.fixture
async def bench(core: StubCore) -> AsyncIterator[Bench]:
    async with running(core) as bench:
        yield bench


@pytest.fixture
async def bench_of_two(core: StubCore) -> AsyncIterator[Bench]:
    """A server that carries two calls at once and no more."""
    async with running(core, in_flight_max=2) as bench:
        yield bench


@asynccontextmanager
async def running(core: StubCore, **options: Any) -> AsyncIterator[Bench]:
    records: list[RequestRecord] = []
    lines, metrics, clock = Lines(), Metrics(), RealClock()
    access = AccessLog(lines, now=clock.now, scrub=scrub)  # type: ignore[arg-type]
    hooks = Hooks(tracing=build_tracing(), metrics=metrics, access=access, record=records.append)
    trusted = [ip_network("127.0.0.0/8")]
    server = GrpcServer(core.methods, core.streams, hooks=hooks, clock=clock, trusted_proxies=trusted, **options)
    port = await server.start("127.0.0.1:0")
    await server.set_ready(True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Bench(core, server, port, channel, hooks, records, lines, metrics, clock)
    await server.stop(0.0)
