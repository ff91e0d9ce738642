"""Numbers: right, bounded, on a registry of their own."""

from __future__ import annotations

import time

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from luota_svc.telemetry import metrics as module
from luota_svc.telemetry.metrics import Metrics


def values(metrics: Metrics) -> dict[tuple, float]:
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_everything_told_is_shown():
    metrics = Metrics(version="1.2.3")
    metrics.request("http", "POST /v1/runs/start", "202", 0.003)
    metrics.request("http", "POST /v1/runs/start", "202", 0.003)
    metrics.batch(17, 0.01)
    metrics.batch_waited(0.002)
    metrics.batch_outcome("committed")
    metrics.batch_outcome("lane", 3)
    metrics.queue(5, 4_096)
    metrics.bucket_refused("ingest.workspace.minute")
    metrics.ratelimit_degraded(True)
    metrics.loop_lagged(0.3)
    metrics.request_records_dropped()
    metrics.log_lines_dropped(2)
    metrics.spans("exported", 7)
    metrics.gauge("luota_database_pool_idle", "Idle connections.", lambda: 4)
    shown = values(metrics)
    labels = (("code", "202"), ("door", "http"), ("method", "POST /v1/runs/start"))
    assert shown["luota_requests_total", *labels] == 2
    assert shown["luota_request_duration_seconds_count", *labels[1:]] == 2
    assert shown["luota_batch_members_sum",] == 17
    assert shown["luota_batch_wait_seconds_count",] == 1
    assert shown["luota_batch_outcomes_total", ("outcome", "committed")] == 1
    assert shown["luota_batch_outcomes_total", ("outcome", "lane")] == 3
    assert shown["luota_batch_outcomes_total", ("outcome", "commit_unknown")] == 0
    assert shown["luota_ingest_queue_members",] == 5
    assert shown["luota_ingest_queue_bytes",] == 4_096
    assert shown["luota_bucket_refusals_total", ("policy", "ingest.workspace.minute")] == 1
    assert shown["luota_ratelimit_degraded",] == 1
    assert shown["luota_ratelimit_degradations_total",] == 1
    assert shown["luota_loop_lag_seconds_sum",] == 0.3
    assert shown["luota_request_records_dropped_total",] == 1
    assert shown["luota_log_lines_dropped_total",] == 2
    assert shown["luota_spans_total", ("outcome", "exported")] == 7
    assert shown["luota_build", ("version", "1.2.3")] == 1
    assert shown["luota_database_pool_idle",] == 4
    assert shown["process_resident_memory_bytes",] > 1_000_000


def test_how_the_outbox_stands_is_not_shown_before_somebody_read_it():
    metrics = Metrics()
    names = ("luota_delivery_oldest_due_seconds", "luota_deliveries_waiting", "luota_delivery_breakers")
    assert not any(name.startswith(names) for name, *_ in values(metrics))
    metrics.outbox(oldest_due_seconds=0, waiting=0, breakers_open=0, breakers_half_open=0)
    metrics.outbox(oldest_due_seconds=7.5, waiting=3, breakers_open=1, breakers_half_open=0)
    shown = values(metrics)
    assert shown["luota_delivery_oldest_due_seconds",] == 7.5
    assert shown["luota_deliveries_waiting",] == 3
    assert shown["luota_delivery_breakers", ("state", "open")] == 1


def test_redis_back_clears_the_gauge_and_keeps_the_count():
    metrics = Metrics()
    for degraded in (True, False, True, False):
        metrics.ratelimit_degraded(degraded)
    shown = values(metrics)
    assert shown["luota_ratelimit_degraded",] == 0
    assert shown["luota_ratelimit_degradations_total",] == 2


def test_two_sets_of_metrics_do_not_meet_and_none_is_global():
    before = set(REGISTRY._names_to_collectors)
    registry = CollectorRegistry()
    first, second = Metrics(registry), Metrics()
    first.request_records_dropped()
    assert first.registry is registry
    assert values(second)["luota_request_records_dropped_total",] == 0
    assert set(REGISTRY._names_to_collectors) == before


def test_a_method_that_is_no_template_cannot_make_series_without_end(monkeypatch):
    monkeypatch.setattr(module, "_SERIES_MAX", 10)
    metrics = Metrics()
    for count in range(1_000):
        metrics.request("http", f"GET /made/up/{count}", "404", 0.001)
    shown = values(metrics)
    assert sum(1 for key in shown if key[0] == "luota_requests_total") <= 11
    assert shown["luota_requests_total", ("code", "404"), ("door", "http"), ("method", "other")] == 990


def test_counting_a_request_costs_microseconds():
    metrics = Metrics()

    def round_of(count: int) -> float:
        began = time.thread_time()
        for _ in range(count):
            metrics.request("http", "POST /v1/runs/start", "202", 0.003)
        return (time.thread_time() - began) / count

    assert min(round_of(2_000) for _ in range(5)) < 5e-6
