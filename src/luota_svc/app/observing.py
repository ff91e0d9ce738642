"""Builds what a process tells about itself, in the same way for every kind of process."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from luota_svc.telemetry.loop_lag import LoopLag
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.tracing_setup import build_tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from luota_svc.app.lifecycle import Lifecycle
    from luota_svc.telemetry.logs import Logging
    from luota_svc.telemetry.traces import Tracing

# /healthz: a loop that is late by more can serve nobody.
_LOOP_LAG_SECONDS_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where a process leaves lines, numbers and spans."""

    logging: Logging
    metrics: Metrics
    tracing: Tracing


def build_telemetry(logging: Logging, lifecycle: Lifecycle) -> Telemetry:
    """Build the numbers and the spans beside the lines, which were there first; spans are told to the end."""
    metrics = Metrics(version=version("luota"))
    logging.sink.tell_dropped(metrics.log_lines_dropped)
    tracing = build_tracing(os.environ, version=version("luota"), on_spans=metrics.spans)
    lifecycle.on_stop("telemetry", lambda: asyncio.to_thread(tracing.shutdown), 4.0)
    return Telemetry(logging, metrics, tracing)


def watch_loop(metrics: Metrics, lifecycle: Lifecycle) -> Callable[[], bool]:
    """Measure from now on how late the event loop is; return what tells whether it is early enough to serve."""
    lag = LoopLag(metrics.loop_lagged)
    lag.start()
    lifecycle.on_stop("loop lag", lag.stop, 1.0)
    return lambda: lag.seconds < _LOOP_LAG_SECONDS_MAX
