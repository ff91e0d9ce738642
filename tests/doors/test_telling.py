"""From a job's request to the provider's own log: one request id and one trace, sampled or not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.doors.conftest import Luota, running_luota
from tests.servers import empty
from tests.waiting import until

from luota_svc.app import build as composition
from luota_svc.app import observing
from luota_svc.telemetry.tracing_setup import build_tracing

ALLOWED = {
    "LUOTA_DELIVERY_ALLOW_HTTP": "yes",
    "LUOTA_DELIVERY_ALLOWED_SUBNETS": "127.0.0.0/8",
    "LUOTA_DELIVERY_RETRY_DELAYS": "0,1",
}


class Receiver:
    """A webhook's other end: keeps the headers and body of each request, fails the first."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], Any]] = []
        self.statuses = [503]

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append((headers, await request.json()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


def lines_of(luota: Luota, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in bytes(luota.lines.data).splitlines() if line.startswith(b"{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("sampler", ["parentbased_always_on", "always_off"])
async def test_a_request_is_followed_to_the_provider_that_took_its_alert(
    module_database_url, servers, monkeypatch, sampler
):
    spans = InMemorySpanExporter()
    monkeypatch.setattr(
        observing,
        "build_tracing",
        lambda *_args, **_words: build_tracing({"OTEL_TRACES_SAMPLER": sampler}, processor=SimpleSpanProcessor(spans)),
    )
    empty(servers.redis_url)
    receiver = Receiver()
    build = composition.build_with_workers
    async with (
        receiving(receiver) as url,
        running_luota(module_database_url, servers.redis_url, build=build, **ALLOWED) as luota,
    ):
        scene = luota.scene()
        known_as = scene.values
        operator = {"authorization": f"Bearer {known_as['operator']}"}
        route = {"name": "Ops", "kind": "webhook", "webhook": {"url": url, "secret": "a-secret-of-the-route"}}
        made = await luota.ask(
            "POST", f"/v1/workspaces/{known_as['workspace']}/routes", json.dumps(route).encode(), **operator
        )
        assert made.status == 201, made.body
        run = {"monitorId": known_as["run_monitor"], "externalRunId": "r-1", "exitCode": 1, "summary": "disk full"}
        headers = {"x-luota-key": known_as["workspace_key"], "x-request-id": "job-7f3a-1"}
        failed = await luota.ask("POST", "/v1/runs/finish", json.dumps(run).encode(), **headers)
        request_id = failed.request_id

        await until(lambda: len(receiver.heard) == 2)
        lines = await until(lambda: (found := lines_of(luota, "attempt")) and len(found) == 2 and found)
        attempts = await until(
            lambda: (
                (rows := luota.database.execute("SELECT number, outcome, trace_id, request_id FROM delivery_attempts a"
                " WHERE request_id = %s ORDER BY number", (request_id,)).fetchall())
                and len(rows) == 2
                and rows
            )
        )  # fmt: skip
        (first, second) = receiver.heard
        # The header, the body, the row, the log line: one request id, on every attempt.
        assert [headers["x-request-id"] for headers, _ in receiver.heard] == [request_id] * 2
        assert first[1] == second[1]
        assert first[1]["metadata"]["requestId"] == request_id
        assert first[0]["x-luota-delivery-id"] == second[0]["x-luota-delivery-id"]
        assert [line["request_id"] for line in lines] == [request_id] * 2
        assert [row[1] for row in attempts] == ["overloaded", "delivered"]
        # The trace that the receiver was given is the one on the row and on the line.
        traces = [headers["traceparent"].split("-")[1] for headers, _ in receiver.heard]
        assert traces == [row[2] for row in attempts] == [line["trace_id"] for line in lines]
        (access,) = [line for line in lines_of(luota, "access") if line["request_id"] == request_id]
        assert traces[0] == access["trace_id"]
        # Support follows it by either id.
        for known in (request_id, "job-7f3a-1"):
            told = (await luota.ask("GET", f"/v1/requests/{known}", **operator)).json
            (record,) = told["requests"]
            (delivery,) = record["deliveries"]
            assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["overloaded", "delivered"]

    if sampler == "always_off":
        assert spans.get_finished_spans() == ()
    else:
        require_two_linked_attempts(spans, traces, request_id)


def require_two_linked_attempts(spans: InMemorySpanExporter, traces: list[str], request_id: str) -> None:
    """The first attempt is within the request's own trace; the second is a trace of its own that links to both."""
    deliver = sorted((s for s in spans.get_finished_spans() if s.name == "luota.deliver"), key=lambda s: s.start_time)
    one, two = deliver
    trace_of = {span.name: span.context.trace_id for span in spans.get_finished_spans()}
    assert one.context.trace_id == trace_of["POST /v1/runs/finish"] == int(traces[0], 16)
    assert one.parent is not None
    assert [link.context.span_id for link in one.links] == [one.parent.span_id]
    assert two.parent is None
    assert two.context.trace_id == int(traces[1], 16) != one.context.trace_id
    assert {link.context.span_id for link in two.links} == {one.parent.span_id, one.context.span_id}
    for number, span in enumerate(deliver, 1):
        assert span.attributes["luota.request_id"] == request_id
        assert span.attributes["luota.attempt.number"] == number


class Desk:
    """An operator with one route to a receiver, and a job that fails when it is told to."""

    def __init__(self, luota: Luota, url: str) -> None:
        self.luota = luota
        self.words = luota.scene().values
        self.url = url
        self.operator = {"authorization": f"Bearer {self.words['operator']}"}

    async def post(self, path: str, content: dict[str, Any], method: str = "POST") -> Any:
        answer = await self.luota.ask(method, path, json.dumps(content).encode(), **self.operator)
        assert answer.status in {200, 201}, answer.body
        return answer.json

    async def get(self, path: str) -> Any:
        return (await self.luota.ask("GET", path, **self.operator)).json

    async def fail(self, run: str) -> str:
        """Make the route, let a run fail, and return its incident."""
        route = {"name": "Ops", "kind": "webhook", "webhook": {"url": self.url}}
        await self.post(f"/v1/workspaces/{self.words['workspace']}/routes", route)
        content = {"monitorId": self.words["run_monitor"], "externalRunId": run, "exitCode": 1}
        headers = {"x-luota-key": self.words["workspace_key"]}
        answer = await self.luota.ask("POST", "/v1/runs/finish", json.dumps(content).encode(), **headers)
        assert answer.status == 202, answer.body
        return answer.json["incident"]["id"]

    async def packet(self, incident: str, state: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Wait until the packet's only delivery is in this state; return the packet and the delivery."""

        async def look() -> Any:
            packet = await self.get(f"/v1/incidents/{incident}/packet")
            deliveries = packet["ownerRoute"]["routes"][0]["deliveries"]
            return (packet, deliveries[-1]) if deliveries and deliveries[-1]["state"] == state else None

        return await until(look)


async def test_a_packet_says_that_its_route_is_retrying_and_then_what_the_provider_called_it(
    module_database_url, servers
):
    receiver = Receiver()
    receiver.statuses = [503]
    build = composition.build_with_workers
    delays = ALLOWED | {"LUOTA_DELIVERY_RETRY_DELAYS": "0,2,4"}
    async with (
        receiving(receiver) as url,
        running_luota(module_database_url, servers.redis_url, build=build, **delays) as luota,
    ):
        desk = Desk(luota, url)
        incident = await desk.fail("drill")
        packet, delivery = await desk.packet(incident, "failed_retrying")
        assert packet["alertState"] == "retrying"
        assert delivery["nextAttemptAt"] > delivery["attempts"][0]["startedAt"]
        assert delivery["attempts"][0]["httpStatus"] == 503
        wrong = "Fix the route if the destination is wrong; otherwise watch the next attempt time."
        assert packet["ownerRoute"]["nextAction"] == delivery["nextAction"] == wrong
        packet, delivery = await desk.packet(incident, "delivered")
        assert packet["alertState"] == "delivered"
        assert delivery["providerId"] == receiver.heard[-1][0]["x-luota-delivery-id"]
        assert delivery["nextAction"] == "Keep the provider id and incident id in the packet."


@pytest.mark.parametrize("answers", [[410], [500, 500]], ids=["gone for good", "exhausted"])
async def test_a_packet_says_that_its_route_is_dead_and_what_to_do(module_database_url, servers, answers):
    receiver = Receiver()
    receiver.statuses = list(answers)
    build = composition.build_with_workers
    async with (
        receiving(receiver) as url,
        running_luota(module_database_url, servers.redis_url, build=build, **ALLOWED) as luota,
    ):
        desk = Desk(luota, url)
        incident = await desk.fail("dead")
        packet, delivery = await desk.packet(incident, "failed_terminal")
        assert packet["alertState"] == "blocked"
        assert delivery["nextAttemptAt"] is None
        assert [attempt["httpStatus"] for attempt in delivery["attempts"]] == answers
        repair = "Repair the destination and send a test alert before trusting the monitor."
        assert packet["ownerRoute"]["nextAction"] == delivery["nextAction"] == repair
        timeline = [entry["event"] for entry in packet["auditTrail"]["timeline"]]
        assert timeline[0] == "opened"
        route = packet["ownerRoute"]["routes"][0]
        # Repaired: a test alert goes through, and the route may be trusted again.
        await desk.post(f"/v1/routes/{route['id']}:test", {})

        async def is_proven() -> bool:
            return (await desk.get(f"/v1/routes/{route['id']}"))["state"] == "proven"

        await until(is_proven)
        assert receiver.heard[-1][1]["metadata"]["reason"] == "test"
