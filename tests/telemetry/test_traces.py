"""Spans: ids always, the SDK for sampled ones only, nobody outside decides."""

from __future__ import annotations

import random
import socket
import threading
import time

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, StatusCode

from luota_svc.telemetry import names
from luota_svc.telemetry.traces import LINKS_MAX, REMOTE_SAMPLED_PER_SECOND_MAX, Tracing
from luota_svc.telemetry.tracing_setup import build_tracing, read_trace_settings, sampler_of

INBOUND = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LOW_INBOUND = "00-4bf92f3577b34da60000000000000001-00f067aa0ba902b7-01"
ALL = {"OTEL_TRACES_SAMPLER": "parentbased_always_on"}


class SeededIds(IdGenerator):
    def __init__(self) -> None:
        self._dice = random.Random(7)

    def generate_span_id(self) -> int:
        return self._dice.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._dice.getrandbits(128) or 1


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def tracing_of(spans: InMemorySpanExporter, env: dict[str, str] | None = None) -> Tracing:
    return build_tracing(env or {}, processor=SimpleSpanProcessor(spans), ids=SeededIds())


def http(tracing: Tracing, traceparent: str | None = None):
    return tracing.http_span(method="POST", traceparent=traceparent, path="/v1/runs/start", request_id="req-1")


def test_without_an_exporter_every_span_still_has_valid_ids():
    tracing = build_tracing({})
    span = http(tracing)
    assert not span.sampled
    assert len(span.traceparent) == 55
    assert span.traceparent.endswith("-00")
    assert span.traceparent[3:35] == span.trace_id != "0" * 32
    assert http(tracing).trace_id != span.trace_id
    assert tracing.child_span("x", span.traceparent).trace_id == span.trace_id


def test_a_callers_trace_id_is_kept_and_its_span_id_is_not():
    span = http(build_tracing({}), INBOUND)
    assert span.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.traceparent[36:52] != "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "00",
        INBOUND.upper(),
        INBOUND + "-x",
        "ff" + INBOUND[2:],
        INBOUND.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        INBOUND.replace("00f067aa0ba902b7", "0" * 16),
        INBOUND + "\n",
        "x" * 10_000,
    ],
)
def test_a_traceparent_that_is_not_well_formed_starts_a_new_trace(bad):
    span = http(build_tracing({}), bad)
    assert span.trace_id not in bad or not bad
    assert len(span.traceparent) == 55


def test_a_sampled_request_shows_door_use_case_and_batch_as_the_conventions_ask(spans):
    tracing = tracing_of(spans, ALL)
    door = http(tracing, INBOUND)
    with tracing.child_span(names.SPAN_INGEST, door.traceparent, {names.ATTR_BATCH_MEMBERS: 1}):
        pass
    with tracing.batch_span(names.SPAN_BATCH, [door.traceparent, None, http(build_tracing({})).traceparent]) as batch:
        batch.set(names.ATTR_BATCH_MEMBERS, 3)
    door.end_http(method="POST", route="/v1/runs/start", status=202)
    child, fold, server = spans.get_finished_spans()
    assert server.name == "POST /v1/runs/start"
    assert server.kind is SpanKind.SERVER
    assert dict(server.attributes or {}) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "url.path": "/v1/runs/start",
        "luota.request_id": "req-1",
        "http.response.status_code": 202,
        "http.route": "/v1/runs/start",
    }
    assert server.parent is not None
    assert server.parent.is_remote
    assert f"{server.context.trace_id:032x}" == door.trace_id == INBOUND[3:35]
    assert child.parent is not None
    assert child.parent.span_id == server.context.span_id
    assert [link.context.span_id for link in fold.links] == [server.context.span_id]
    assert fold.parent is None
    assert fold.context.trace_id != server.context.trace_id


def test_a_grpc_span_carries_the_stable_rpc_attributes(spans):
    tracing = tracing_of(spans, ALL)
    span = tracing.rpc_span(method="/luota.v1.IngestService/StartRun", traceparent=None, request_id="req-2")
    span.end_rpc(status="UNAVAILABLE")
    (server,) = spans.get_finished_spans()
    assert server.name == "luota.v1.IngestService/StartRun"
    assert dict(server.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": "luota.v1.IngestService/StartRun",
        "luota.request_id": "req-2",
        "rpc.response.status_code": "UNAVAILABLE",
        "error.type": "UNAVAILABLE",
    }
    assert server.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize(("status", "failed"), [(202, False), (401, False), (429, False), (500, True), (503, True)])
def test_only_faults_of_ours_mark_a_span_failed(spans, status, failed):
    http(tracing_of(spans, ALL)).end_http(method="POST", route=None, status=status)
    (server,) = spans.get_finished_spans()
    assert (server.status.status_code is StatusCode.ERROR) is failed


def test_an_exception_is_marked_by_its_type_and_its_text_stays_out(spans):
    tracing = tracing_of(spans, ALL)
    with pytest.raises(ValueError, match="wfmn1"), tracing.child_span("x", http(tracing).traceparent):
        raise ValueError("wfmn1.key.secret")
    (child,) = spans.get_finished_spans()
    assert dict(child.attributes or {}) == {"error.type": "ValueError"}
    assert not child.events
    assert "secret" not in child.to_json()


def test_a_secret_in_a_path_never_reaches_a_span(spans):
    span = tracing_of(spans, ALL).http_span(method="GET", traceparent=None, path="/wfmn1.key.hush", request_id="r")
    span.end_http(method="GET", route=None, status=404)
    (server,) = spans.get_finished_spans()
    assert "hush" not in server.to_json()


def test_ended_spans_take_no_more_and_end_once(spans):
    span = http(tracing_of(spans, ALL))
    span.end()
    span.set("late", "x")
    span.end_http(method="POST", route=None, status=500)
    assert len(spans.get_finished_spans()) == 1


def test_five_percent_of_new_traces_are_sampled_by_default(spans):
    tracing = tracing_of(spans)
    sampled = 0
    for _ in range(4_000):
        span = http(tracing)
        sampled += span.sampled
        assert span.traceparent.endswith("-01") is span.sampled
        span.end()
    assert 140 <= sampled <= 260
    assert len(spans.get_finished_spans()) == sampled


def test_a_sampled_parent_is_sampled_at_our_ratio_not_at_its_will(spans):
    tracing = tracing_of(spans)
    dice = random.Random(3)
    parents = [f"00-{dice.getrandbits(128):032x}-00f067aa0ba902b7-01" for _ in range(1_000)]
    assert 20 <= sum(http(tracing, parent).sampled for parent in parents) <= 90


def test_an_unsampled_parent_is_followed_unless_the_operator_says_otherwise(spans):
    unsampled = LOW_INBOUND[:-2] + "00"
    assert not http(tracing_of(spans), unsampled).sampled
    assert http(tracing_of(spans, {"OTEL_TRACES_SAMPLER": "always_on"}), unsampled).sampled


def test_a_trace_id_made_to_be_sampled_is_believed_so_often_a_second(spans):
    seconds = [5.0]
    tracing = build_tracing({}, processor=SimpleSpanProcessor(spans), monotonic=lambda: seconds[0])
    sampled = sum(http(tracing, LOW_INBOUND).sampled for _ in range(3 * REMOTE_SAMPLED_PER_SECOND_MAX))
    assert sampled == REMOTE_SAMPLED_PER_SECOND_MAX
    seconds[0] = 6.0
    assert http(tracing, LOW_INBOUND).sampled


@pytest.mark.parametrize("ratio", ["0", "0.05", "0.5", "1"])
def test_our_quick_decision_is_the_sdk_samplers(spans, ratio):
    env = {"OTEL_TRACES_SAMPLER_ARG": ratio}
    tracing, sampler = tracing_of(spans, env), sampler_of(read_trace_settings(env))
    for _ in range(300):
        span = http(tracing)
        decision = sampler.should_sample(None, int(span.trace_id, 16), "x").decision
        assert decision.is_sampled() is span.sampled
        span.end()


def test_a_batch_links_at_most_so_many_and_counts_the_rest(spans):
    tracing = tracing_of(spans, ALL)
    members = [http(tracing).traceparent for _ in range(LINKS_MAX + 5)]
    tracing.batch_span("b", members).end()
    (batch,) = spans.get_finished_spans()
    assert len(batch.links) == LINKS_MAX
    assert (batch.attributes or {})[names.ATTR_BATCH_LINKS_DROPPED] == 5


def test_a_batch_of_unsampled_members_is_not_sampled(spans):
    tracing = tracing_of(spans, ALL)
    assert not tracing.batch_span("b", [None, "00-" + "1" * 32 + "-" + "2" * 16 + "-00"]).sampled


@pytest.mark.parametrize(
    ("env", "exporting", "ratio", "ignored"),
    [
        ({}, False, 0.05, 0),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False, 0.05, 0),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, 0.05, 0),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True, 0.05, 0),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True, 0.05, 0),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, False, 0.05, 0),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, False, 0.05, 1),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True, 0.05, 1),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, False, 0.0, 0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, False, 0.25, 0),
        ({"OTEL_TRACES_SAMPLER_ARG": "many"}, False, 0.05, 1),
        ({"OTEL_TRACES_SAMPLER_ARG": "nan"}, False, 0.05, 1),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, False, 0.05, 1),
    ],
)
def test_opentelemetrys_variables_are_honoured(env, exporting, ratio, ignored):
    settings = read_trace_settings(env)
    assert (settings.exporting, settings.ratio, len(settings.ignored)) == (exporting, ratio, ignored)


def test_exported_spans_are_counted_and_stop_exports_what_is_queued(spans):
    counted: list[tuple[str, int]] = []
    tracing = build_tracing(ALL, exporter=spans, on_spans=lambda outcome, count: counted.append((outcome, count)))
    for _ in range(3):
        http(tracing).end()
    tracing.shutdown()
    tracing.shutdown()
    assert len(spans.get_finished_spans()) == 3
    assert counted == [("ended", 1)] * 3 + [("exported", 3)]
    assert not http(tracing).sampled


def test_a_collector_that_accepts_and_never_answers_delays_neither_requests_nor_the_stop(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as collector:
        held: list[socket.socket] = []
        connected = threading.Event()

        def accept() -> None:
            while True:
                try:
                    held.append(collector.accept()[0])
                except OSError:
                    return
                connected.set()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        endpoint = f"http://127.0.0.1:{collector.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        tracing = build_tracing({**ALL, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
        for _ in range(600):
            http(tracing).end()
        assert connected.wait(10), "no export was tried"
        slowest = 0.0
        for _ in range(600):
            began = time.perf_counter()
            http(tracing).end()
            slowest = max(slowest, time.perf_counter() - began)
        assert slowest < 1.0
        began = time.perf_counter()
        tracing.shutdown(0.2)
        assert time.perf_counter() - began < 2.0
        for connection in held:
            connection.close()
        collector.shutdown(socket.SHUT_RDWR)
    accepting.join(5)


def test_an_unsampled_request_costs_less_than_eight_microseconds(spans):
    tracing = tracing_of(spans, {"OTEL_TRACES_SAMPLER": "always_off"})

    def one() -> None:
        span = http(tracing, INBOUND)
        tracing.child_span("x", span.traceparent).end()
        span.end_http(method="POST", route="/v1/runs/start", status=202)

    def round_of(count: int) -> float:
        began = time.thread_time()
        for _ in range(count):
            one()
        return (time.thread_time() - began) / count

    assert min(round_of(2_000) for _ in range(5)) < 8e-6
