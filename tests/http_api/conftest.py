"""A real server on loopback over a core that a test scripts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
import uvloop
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from tests.http_api.wire import Connection, Response, request_bytes

from luota.v1 import ingest_service_pb2 as ingest
from luota.v1.incident_service_pb2 import WatchIncidentsResponse
from luota_svc.clock import RealClock
from luota_svc.http_api.app import HttpDoor, build_app
from luota_svc.http_api.bindings import services
from luota_svc.http_api.journal import Journal
from luota_svc.http_api.probes import Probes
from luota_svc.http_api.protocol import Bounds
from luota_svc.http_api.server import HttpServer
from luota_svc.model.call import Call
from luota_svc.model.requests import RequestRecord
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.tracing_setup import build_tracing

RUN = "0190163d-8694-739b-aea5-966c26f8ad91"
MONITOR = "0190163d-8694-739b-aea5-966c26f8ad92"
SLOW_SECONDS = 0.3


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """The loop that serves in production: what a closed side means differs between loops."""
    return {"uvloop": uvloop.new_event_loop}


def run_receipt(**changes: Any) -> ingest.RunReceipt:
    summary = ingest.RunSummary(
        id=RUN,
        monitor_id=MONITOR,
        external_run_id="job-42",
        state="RUN_STATE_RUNNING",
        started_at=Timestamp(seconds=1_790_000_000, nanos=5_999_999),
    )
    return ingest.RunReceipt(run=summary, **changes)


def ping_receipt(**changes: Any) -> ingest.PingReceipt:
    signal = ingest.SignalSummary(id=RUN, monitor_id=MONITOR, received_at=Timestamp(seconds=1_790_000_000))
    return ingest.PingReceipt(signal=signal, **changes)


class StubCore:
    """Answers every method of the contract, and says what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call, Any]] = []
        self.scripts: dict[str, Callable[[Call, Any], Any]] = {
            "Ping": lambda _call, _request: ping_receipt(),
            **dict.fromkeys(
                ("StartRun", "SucceedRun", "FailRun", "FinishRun", "ReportProgress"),
                lambda _call, _request: run_receipt(),
            ),
        }
        self.methods = {
            f"{service.full_name}/{method.name}": self._method(method.name, GetMessageClass(method.output_type))
            for service in services()
            for method in service.methods
            if not method.server_streaming
        }
        self.watch: list[Any] = []
        self.watch_ended = asyncio.Event()
        self.streams = {"luota.v1.IncidentService/WatchIncidents": self._stream}

    async def _stream(self, call: Call, request: Message) -> AsyncGenerator[Message, None]:
        """Play what a test wrote into `watch`: messages, errors to raise, events to wait for."""
        self.calls.append(("WatchIncidents", call, request))
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
        async def method(call: Call, request: Message) -> Message:
            self.calls.append((name, call, request))
            script = self.scripts.get(name)
            result = answer() if script is None else script(call, request)
            return await result if asyncio.iscoroutine(result) else result

        return method

    def fail_with(self, error: BaseException) -> None:
        def script(_call: Call, _request: Any) -> Any:
            raise error

        for name in ("StartRun", "Ping", "BatchIngest", "GetMonitor"):
            self.scripts[name] = script

    @property
    def request(self) -> Any:
        return self.calls[-1][2]

    @property
    def call(self) -> Call:
        return self.calls[-1][1]


@dataclass
class Door:
    """The server under test and what it leaves behind."""

    core: StubCore = field(default_factory=StubCore)
    lines: list[dict[str, Any]] = field(default_factory=list)
    records: list[RequestRecord] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    live: bool = True
    ready: bool = True
    server: HttpServer = field(init=False)

    def app(self, trusted: tuple[str, ...] = ()) -> HttpDoor:
        clock = RealClock()
        journal = Journal(
            clock=clock,
            tracing=build_tracing(),
            metrics=self.metrics,
            access=lambda **line: self.lines.append(line),
            record=self.records.append,
        )
        probes = Probes(lambda: self.live, lambda: self.ready, self.metrics.render)
        return build_app(
            self.core.methods,
            self.core.streams,
            clock=clock,
            journal=journal,
            probes=probes,
            trusted_proxies=[ip_network(network) for network in trusted],
        )

    async def connect(self) -> Connection:
        return await Connection.open(self.server.port)

    async def ask(self, method: str, path: str, body: Any = b"", **headers: str) -> Response:
        """Send one request on a connection of its own. A body that is not bytes is sent as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return await self.send(request_bytes(method, path, body, **headers))

    async def send(self, raw: bytes, method: str = "") -> Response:
        connection = await self.connect()
        try:
            await connection.send(raw)
            return await connection.response(head_only=method == "HEAD")
        finally:
            await connection.close()


@pytest.fixture
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    made = Door()
    bounds = Bounds(head_seconds=SLOW_SECONDS, body_seconds=SLOW_SECONDS)
    trusted = getattr(request, "param", ())
    made.server = HttpServer(made.app(trusted), host="127.0.0.1", port=0, clock=RealClock(), bounds=bounds)
    await made.server.start()
    yield made
    await made.server.stop(1.0)
