"""Loop lag: seen while it lasts and for a while after."""

from __future__ import annotations

import asyncio
import time

from luota_svc.telemetry import loop_lag
from luota_svc.telemetry.loop_lag import LoopLag


async def test_a_blocked_loop_is_seen_at_once_and_remembered(monkeypatch):
    monkeypatch.setattr(loop_lag, "INTERVAL_SECONDS", 0.01)
    sampled = asyncio.Event()
    samples: list[float] = []

    def observe(lag: float) -> None:
        samples.append(lag)
        sampled.set()

    lag = LoopLag(observe)
    lag.start()
    lag.start()
    await asyncio.wait_for(sampled.wait(), 5)
    time.sleep(0.2)  # noqa: ASYNC251 - the blocked loop is what is measured
    assert lag.seconds >= 0.15
    sampled.clear()
    await asyncio.wait_for(sampled.wait(), 5)
    assert max(samples) >= 0.15
    assert lag.seconds >= 0.15
    lag.stop()
    lag.stop()
    assert lag.seconds == 0.0


async def test_nothing_is_measured_before_the_start():
    assert LoopLag().seconds == 0.0
