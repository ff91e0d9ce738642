"""Reads OpenTelemetry's own OTEL_* variables and builds `Tracing`. Off by default; a hanging collector harms nobody."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased

from luota_svc.telemetry import names
from luota_svc.telemetry.traces import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from luota_svc.telemetry.metrics import SpanOutcome

log = logging.getLogger(__name__)

RATIO_DEFAULT: Final = 0.05
QUEUE_MAX: Final = 8_192
BATCH_MAX: Final = 512
_SCHEDULE_MILLIS: Final = 2_000
# Under the drain's three seconds, so that one export in flight at a dead collector may end by itself.
_EXPORT_SECONDS: Final = 2.5
_TRACE_ID_SPAN: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """What the OTEL_* variables ask for, and what of them was not understood."""

    exporting: bool
    ratio: float
    follow_unsampled: bool
    service_name: str
    ignored: tuple[str, ...] = field(default=())


def read_trace_settings(env: Mapping[str, str]) -> TraceSettings:
    """Read OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER(_ARG), OTEL_SDK_DISABLED, the name.

    A value that is not understood is named in `ignored` and the default stands: tracing never stops a start.
    """
    ignored: list[str] = []
    exporting = _read_exporting(env, ignored)
    ratio, follow_unsampled = _read_sampler(env, ignored)
    service_name = env.get("OTEL_SERVICE_NAME", "").strip() or "luota"
    return TraceSettings(exporting, ratio, follow_unsampled, service_name, tuple(ignored))


def build_tracing(
    env: Mapping[str, str] | None = None,
    *,
    version: str = "unknown",
    exporter: SpanExporter | None = None,
    processor: SpanProcessor | None = None,
    ids: IdGenerator | None = None,
    on_spans: Callable[[SpanOutcome, int], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Tracing:
    """Build the process's `Tracing`.

    `exporter` (tests) or `processor` (tests that want no thread) switch exporting on whatever `env` says. `on_spans`
    counts sampled spans by outcome. Call `Tracing.shutdown` in a thread when stopping.
    """
    settings = read_trace_settings(env or {})
    for reason in settings.ignored:
        log.warning(names.LOG_TRACES_SETTING_IGNORED, extra={"reason": reason})
    base_ids = ids or RandomIdGenerator()
    if processor is None and exporter is None and not settings.exporting:
        return Tracing(None, sampled_below=0, ids=base_ids)
    count = on_spans or _count_nothing
    batching: _Batching | None = None
    if processor is None:
        processor = batching = _Batching(_CountedExporter(exporter or _otlp_exporter(env or {}), count), count)
    sampler = sampler_of(settings)
    sampled_below = TraceIdRatioBased.get_bound_for_rate(settings.ratio)
    provider = TracerProvider(
        sampler=sampler,
        resource=Resource.create({"service.name": settings.service_name, "service.version": version}),
        shutdown_on_exit=False,
        id_generator=_SampledIds(base_ids, sampled_below),
    )
    provider.add_span_processor(processor)
    return Tracing(
        provider.get_tracer("luota", version),
        sampled_below=sampled_below,
        follow_unsampled=settings.follow_unsampled,
        ids=base_ids,
        stop=batching.stop if batching else None,
        monotonic=monotonic,
    )


def sampler_of(settings: TraceSettings) -> Sampler:
    """Return the SDK sampler of these settings: a remote parent's flag never samples more than the ratio does."""
    ratio = TraceIdRatioBased(settings.ratio)
    unsampled_parent = ALWAYS_OFF if settings.follow_unsampled else ratio
    return ParentBased(root=ratio, remote_parent_sampled=ratio, remote_parent_not_sampled=unsampled_parent)


def _read_exporting(env: Mapping[str, str], ignored: list[str]) -> bool:
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    wanted = env.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    endpoint = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if wanted not in {"", "none", "otlp"}:
        ignored.append(f"OTEL_TRACES_EXPORTER: only none and otlp are known, not {wanted!r}")
        return False
    protocol = env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or env.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    exporting = wanted == "otlp" or (wanted == "" and bool(endpoint))
    if exporting and protocol and protocol != "http/protobuf":
        ignored.append(f"OTEL_EXPORTER_OTLP_PROTOCOL: only http/protobuf is spoken, not {protocol!r}")
    return exporting


def _read_sampler(env: Mapping[str, str], ignored: list[str]) -> tuple[float, bool]:
    sampler = env.get("OTEL_TRACES_SAMPLER", "").strip().lower() or "parentbased_traceidratio"
    follow_unsampled = sampler.startswith("parentbased_")
    base = sampler.removeprefix("parentbased_")
    if base == "always_on":
        return 1.0, follow_unsampled
    if base == "always_off":
        return 0.0, follow_unsampled
    if base != "traceidratio":
        ignored.append(f"OTEL_TRACES_SAMPLER: {sampler!r} is not known")
        return RATIO_DEFAULT, True
    text = env.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    if not text:
        return RATIO_DEFAULT, follow_unsampled
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        ignored.append(f"OTEL_TRACES_SAMPLER_ARG: {text!r} is no number from 0 to 1")
        ratio = RATIO_DEFAULT
    return ratio, follow_unsampled


def _otlp_exporter(env: Mapping[str, str]) -> SpanExporter:
    # Imported here: it brings an HTTP client, and most processes export nothing.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    set_by_operator = env.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") or env.get("OTEL_EXPORTER_OTLP_TIMEOUT")
    return OTLPSpanExporter(timeout=None if set_by_operator else _EXPORT_SECONDS)


def _count_nothing(outcome: SpanOutcome, count: int) -> None:
    """Stand in where nobody counts."""


class _SampledIds(IdGenerator):
    """Draws trace ids that the ratio samples. Asked for roots only, after `Tracing` threw the dice."""

    def __init__(self, ids: IdGenerator, sampled_below: int) -> None:
        self._ids = ids
        self._sampled_below = max(1, sampled_below)

    def generate_span_id(self) -> int:
        return self._ids.generate_span_id()

    def generate_trace_id(self) -> int:
        drawn = self._ids.generate_trace_id()
        high, low = divmod(drawn, _TRACE_ID_SPAN)
        return high * _TRACE_ID_SPAN + low * self._sampled_below // _TRACE_ID_SPAN


class _CountedExporter(SpanExporter):
    """Counts what the exporter said."""

    def __init__(self, exporter: SpanExporter, count: Callable[[SpanOutcome, int], None]) -> None:
        self._exporter = exporter
        self._count = count

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self._count("exported" if result is SpanExportResult.SUCCESS else "failed", len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Batching(SpanProcessor):
    """The SDK's batch processor with a bounded stop; its own would wait 30 seconds for a dead collector."""

    def __init__(self, exporter: SpanExporter, count: Callable[[SpanOutcome, int], None]) -> None:
        self._inner = BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE_MAX,
            schedule_delay_millis=_SCHEDULE_MILLIS,
            max_export_batch_size=BATCH_MAX,
        )
        self._count = count

    def on_end(self, span: ReadableSpan) -> None:
        self._count("ended", 1)
        self._inner.on_end(span)

    def stop(self, timeout_seconds: float) -> None:
        """Wait at most so long for the queue to be exported. The worker is a daemon thread and dies with us."""
        # Only the inner processor takes a bound (the public shutdown passes none), and the exporter's own shutdown
        # may wait for a lock of an export in flight: hence a thread that is abandoned at the deadline.
        processor = self._inner._batch_processor  # noqa: SLF001 - the one way to give the wait a bound
        worker = threading.Thread(
            target=processor.shutdown, args=(int(timeout_seconds * 1000),), name="luota-traces-stop", daemon=True
        )
        worker.start()
        worker.join(timeout_seconds + 0.2)
