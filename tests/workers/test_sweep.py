"""The loops where time knocks: they look again at once after a full batch, and no failure ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from luota_svc.model.errors import Unavailable
from luota_svc.workers import sweep
from luota_svc.workers.sweep import Pulse, Sweeper


class Work:
    """Plays a list of outcomes, then nothing is due; tells when each was called."""

    def __init__(self, *outcomes: int | Exception) -> None:
        self._outcomes = list(outcomes)
        self.times: list[float] = []
        self.called = asyncio.Condition()

    async def __call__(self) -> int:
        async with self.called:
            self.times.append(asyncio.get_running_loop().time())
            self.called.notify_all()
        outcome = self._outcomes.pop(0) if self._outcomes else 0
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def calls(self, count: int) -> None:
        async with asyncio.timeout(10), self.called:
            await self.called.wait_for(lambda: len(self.times) >= count)


@pytest.fixture
def quick(monkeypatch) -> Callable[[], None]:
    """Failures are waited for as briefly as looks."""
    monkeypatch.setattr(sweep, "_FAILURE_SECONDS", 0.01)
    monkeypatch.setattr(sweep, "_FAILURE_SECONDS_MAX", 0.04)


async def test_after_a_full_batch_it_looks_again_at_once_and_else_a_quarter_of_a_second_later():
    work = Work(500, 500, 499)
    sweeper = Sweeper({"silence": work}, full=500)
    sweeper.start()
    await work.calls(4)
    await sweeper.stop()

    gaps = [after - before for before, after in zip(work.times, work.times[1:], strict=False)]
    assert max(gaps[:2]) < 0.2
    assert 0.2 < gaps[2] < 2.0


async def test_no_failure_ends_it_and_one_sweep_does_not_wait_for_another(quick, caplog):
    failing = Work(Unavailable("away"), RuntimeError("a fault"), 0)
    other = Work()
    sweeper = Sweeper({"silence": failing, "incidents": other}, full=500)
    sweeper.start()
    await failing.calls(4)
    await other.calls(2)
    await sweeper.stop()

    said = [record.getMessage() for record in caplog.records if record.name.startswith("luota_svc")]
    assert said == ["sweep_failed", "sweep_failed"]


async def test_a_stop_ends_it_in_mid_sweep_and_may_be_repeated():
    begun = asyncio.Event()

    async def endless() -> int:
        begun.set()
        await asyncio.Event().wait()
        return 0

    sweeper = Sweeper({"silence": endless}, full=500)
    sweeper.start()
    await begun.wait()
    async with asyncio.timeout(2):
        await sweeper.stop()
        await sweeper.stop()


async def test_the_pulse_goes_on_after_a_failure_and_ends_when_asked():
    beaten = Work(Unavailable("away"), RuntimeError("a fault"))

    async def beat() -> None:
        await beaten()

    pulse = Pulse(beat, every_seconds=0.01)
    pulse.start()
    await beaten.calls(4)
    await pulse.stop()
    await pulse.stop()
    count = len(beaten.times)
    await asyncio.sleep(0)
    assert len(beaten.times) == count
