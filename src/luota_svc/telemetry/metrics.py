"""Numbers for /metrics: one class of small typed methods, children bound once. No tenant and no URL is ever a label."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

BatchOutcome = Literal["committed", "retried", "bisected", "lane", "commit_unknown", "failed"]
SpanOutcome = Literal["ended", "exported", "failed"]

_OTHER: Final = "other"
# Methods are templates out of our own tables, a few dozen; the cap holds should a door ever pass a caller's word.
_SERIES_MAX: Final = 1_024
_REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_WAIT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 4.5)
_MEMBER_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SWEEP_LAG_BUCKETS: Final = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_ATTEMPT_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
_WAITED_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Luota's own counters. Every method is cheap (under 2 us), never raises and may be called from any thread."""

    def __init__(self, registry: CollectorRegistry | None = None, *, version: str = "unknown") -> None:
        """Register everything on `registry`, a new one by default; never on the library's global one."""
        self.registry = registry or CollectorRegistry(auto_describe=True)
        self._outbox_lock = threading.Lock()
        self._outbox_shown = False
        ProcessCollector(registry=self.registry)
        self._register_doors()
        self._register_ingest()
        self._register_sweep()
        self._register_delivery()
        self._register_limits()
        self._register_process(version)

    def request(self, door: str, method: str, code: str, seconds: float) -> None:
        """Count one answered request. `method` is a route template or full gRPC method, `code` a status word."""
        key = (door, method, code)
        bound = self._bound_requests.get(key)
        if bound is None:
            bound = self._bind_request(key)
        counter, histogram = bound
        counter.inc()
        histogram.observe(seconds)

    def batch(self, members: int, seconds: float) -> None:
        """Note one batch that was run: how many members it took and how long its transaction lasted."""
        self._batch_members.observe(members)
        self._batch_seconds.observe(seconds)

    def batch_waited(self, seconds: float) -> None:
        """Note how long one member, the oldest of its batch, stood in the queue."""
        self._batch_wait.observe(seconds)

    def batch_outcome(self, outcome: BatchOutcome, count: int = 1) -> None:
        """Count what became of a batch (`lane`: of members sent to the second lane)."""
        self._batch_outcomes[outcome].inc(count)

    def queue(self, members: int, size_bytes: int) -> None:
        """Set how much stands in the ingest queue now."""
        self._queue_members.set(members)
        self._queue_bytes.set(size_bytes)

    def bucket_refused(self, policy: str, count: int = 1) -> None:
        """Count a refusal by the policy's wire name."""
        bound = self._bound_refusals.get(policy)
        if bound is None:
            bound = self._bound_refusals[policy] = self._refusals.labels(policy)
        bound.inc(count)

    def ratelimit_degraded(self, degraded: bool) -> None:  # noqa: FBT001 - passed as a callback of one bool
        """Say that the buckets fell back to this process's memory, or that Redis is back."""
        self._degraded.set(1 if degraded else 0)
        if degraded:
            self._degradations.inc()

    def swept(self, outcomes: Mapping[str, int], lags: Iterable[float]) -> None:
        """Count what a sweep found, and how many seconds after its deadline each broken promise was found."""
        for outcome, count in outcomes.items():
            if count:
                self._judged.labels(outcome).inc(count)
        for seconds in lags:
            self._sweep_lag.observe(seconds)

    def sweep_behind(self, seconds: float) -> None:
        """Set for how long the oldest unjudged deadline has been due."""
        self._sweep_behind.set(seconds)

    def attempted(self, kind: str, outcome: str, seconds: float, waited: float | None) -> None:
        """Count one attempt by the route's kind and its outcome; `waited` is how long a first one was due before it."""
        bound = self._bound_attempts.get((kind, outcome))
        if bound is None:
            bound = self._attempts.labels(kind, outcome), self._attempt_seconds.labels(kind)
            self._bound_attempts[kind, outcome] = bound
        counter, histogram = bound
        counter.inc()
        histogram.observe(seconds)
        if waited is not None:
            self._delivery_wait.observe(waited)

    def outbox(self, *, oldest_due_seconds: float, waiting: int, breakers_open: int, breakers_half_open: int) -> None:
        """Set how the outbox stands; what waits is counted up to 10,001. Before it was read none of it is shown."""
        with self._outbox_lock:
            if not self._outbox_shown:
                # A 0 of nobody who looked would say that nothing waits.
                self.registry.register(self._oldest_due)
                self.registry.register(self._waiting)
                self._outbox_shown = True
        self._oldest_due.set(oldest_due_seconds)
        self._waiting.set(waiting)
        self._breakers.labels("open").set(breakers_open)
        self._breakers.labels("half_open").set(breakers_half_open)

    def route_failures_untold(self, count: int) -> None:
        """Count failing routes that no fallback route was left to tell of."""
        self._route_failures_untold.inc(count)

    def loop_lagged(self, seconds: float) -> None:
        """Note how late the event loop ran a callback."""
        self._loop_lag.observe(seconds)

    def request_records_dropped(self, count: int = 1) -> None:
        """Count support records that found their buffer full."""
        self._records_dropped.inc(count)

    def log_lines_dropped(self, count: int = 1) -> None:
        """Count log lines that found their buffer full because nobody read stdout."""
        self._log_lines_dropped.inc(count)

    def spans(self, outcome: SpanOutcome, count: int = 1) -> None:
        """Count sampled spans; what ended and was neither exported nor failed was dropped by a full queue."""
        self._spans[outcome].inc(count)

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read when somebody scrapes; `read` must be quick and must not block."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def render(self) -> tuple[bytes, str]:
        """Return the body and the content type of /metrics."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _register_doors(self) -> None:
        labels = ("door", "method", "code")
        self._requests = Counter(names.METRIC_REQUESTS, "Answered requests.", labels, registry=self.registry)
        self._request_seconds = Histogram(
            names.METRIC_REQUEST_SECONDS,
            "Time from receipt to answer.",
            ("door", "method"),
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._bound_requests: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}

    def _register_ingest(self) -> None:
        self._batch_members = self._histogram(names.METRIC_BATCH_MEMBERS, "Members of a batch.", _MEMBER_BUCKETS)
        self._batch_seconds = self._histogram(names.METRIC_BATCH_SECONDS, "Time of a batch.", _WAIT_BUCKETS)
        self._batch_wait = self._histogram(names.METRIC_BATCH_WAIT_SECONDS, "Wait of a batch's oldest.", _WAIT_BUCKETS)
        outcomes = Counter(names.METRIC_BATCH_OUTCOMES, "What became of batches.", ("outcome",), registry=self.registry)
        self._batch_outcomes = {outcome: outcomes.labels(outcome) for outcome in get_args(BatchOutcome)}
        self._queue_members = Gauge(names.METRIC_QUEUE_MEMBERS, "Members waiting for a batch.", registry=self.registry)
        self._queue_bytes = Gauge(names.METRIC_QUEUE_BYTES, "Bytes waiting for a batch.", registry=self.registry)

    def _register_sweep(self) -> None:
        self._sweep_lag = self._histogram(
            names.METRIC_SWEEP_LAG_SECONDS, "Time from a deadline to its judgement.", _SWEEP_LAG_BUCKETS
        )
        self._sweep_behind = Gauge(
            names.METRIC_SWEEP_BEHIND_SECONDS, "Age of the oldest unjudged deadline.", registry=self.registry
        )
        self._judged = Counter(
            names.METRIC_JUDGED, "What looks at silence found, by outcome.", ("outcome",), registry=self.registry
        )

    def _register_delivery(self) -> None:
        labels = ("kind", "outcome")
        self._bound_attempts: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._attempts = Counter(names.METRIC_ATTEMPTS, "Attempts to tell.", labels, registry=self.registry)
        self._attempt_seconds = Histogram(
            names.METRIC_ATTEMPT_SECONDS,
            "Time of one attempt.",
            ("kind",),
            buckets=_ATTEMPT_BUCKETS,
            registry=self.registry,
        )
        self._delivery_wait = self._histogram(
            names.METRIC_DELIVERY_WAIT_SECONDS, "Time from when a duty was due to its first attempt.", _WAITED_BUCKETS
        )
        self._oldest_due = Gauge(
            names.METRIC_OLDEST_DUE_SECONDS, "For how long the oldest duty has been due.", registry=None
        )
        self._route_failures_untold = Counter(
            names.METRIC_ROUTE_FAILURES_UNTOLD,
            "Failing routes that nobody was left to tell of.",
            registry=self.registry,
        )
        self._waiting = Gauge(names.METRIC_DELIVERIES_WAITING, "Duties that wait.", registry=None)
        self._breakers = Gauge(
            names.METRIC_BREAKERS, "Destinations whose breaker is not closed.", ("state",), registry=self.registry
        )

    def _register_limits(self) -> None:
        self._refusals = Counter(
            names.METRIC_BUCKET_REFUSALS, "Refusals by policy.", ("policy",), registry=self.registry
        )
        self._bound_refusals: dict[str, Counter] = {}
        self._degraded = Gauge(
            names.METRIC_RATELIMIT_DEGRADED, "1 while buckets are in process memory.", registry=self.registry
        )
        self._degradations = Counter(
            names.METRIC_RATELIMIT_DEGRADATIONS, "Times that Redis went away.", registry=self.registry
        )

    def _register_process(self, version: str) -> None:
        self._loop_lag = self._histogram(names.METRIC_LOOP_LAG_SECONDS, "Lateness of the event loop.", _LAG_BUCKETS)
        self._records_dropped = Counter(
            names.METRIC_RECORDS_DROPPED, "Support records dropped.", registry=self.registry
        )
        self._log_lines_dropped = Counter(names.METRIC_LOG_LINES_DROPPED, "Log lines dropped.", registry=self.registry)
        spans = Counter(names.METRIC_SPANS, "Sampled spans.", ("outcome",), registry=self.registry)
        self._spans = {outcome: spans.labels(outcome) for outcome in get_args(SpanOutcome)}
        build = Gauge(
            names.METRIC_BUILD, "Always 1; the label tells the version.", ("version",), registry=self.registry
        )
        build.labels(version).set(1)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, help_text, buckets=buckets, registry=self.registry)

    def _bind_request(self, key: tuple[str, str, str]) -> tuple[Counter, Histogram]:
        if len(self._bound_requests) >= _SERIES_MAX:
            key = (key[0], _OTHER, key[2])
        door, method, code = key
        bound = self._requests.labels(door, method, code), self._request_seconds.labels(door, method)
        self._bound_requests[key] = bound
        return bound
