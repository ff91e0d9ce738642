"""The word that Luota works goes out while it does, and not a minute longer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.providers.vendor_receivers import Said, Vendor, clean, open_client, vendor
from tests.waiting import until

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers.deadman import DeadManPing
from luota_svc.workers.deadman import DeadMan

PATH = "/ping/0197b2c4-5ecr-7000-8000-000000000001"


@asynccontextmanager
async def pinging(monitor: Vendor, alive: Callable[[], bool]) -> AsyncIterator[DeadMan]:
    async with open_client() as client:
        ping = DeadManPing(client, monitor.url + PATH, clean=clean)
        dead_man = DeadMan(ping, alive=alive, every_seconds=0.02, again_seconds=0.01)
        dead_man.start()
        try:
            yield dead_man
        finally:
            await dead_man.stop()
            await dead_man.stop()


class Turning:
    """What says whether everything turns, and counts how often it was asked."""

    def __init__(self, *, turns: bool) -> None:
        self.turns = turns
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.turns

    async def is_asked(self, times: int) -> None:
        before = self.asked
        await until(lambda: self.asked >= before + times)


async def test_it_is_sent_again_and_again_while_everything_turns() -> None:
    async with vendor() as monitor, pinging(monitor, lambda: True):
        await until(lambda: len(monitor.seen) >= 3)
    assert {(seen.path, seen.body) for seen in monitor.seen} == {(PATH, b"")}


async def test_it_stops_with_what_should_turn_and_goes_on_with_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    turning = Turning(turns=False)
    async with vendor() as monitor, pinging(monitor, turning):
        await turning.is_asked(3)
        assert monitor.seen == []
        assert caplog.messages == [], "at the start nothing has turned yet: that is no news"
        turning.turns = True
        await until(lambda: bool(monitor.seen))
        turning.turns = False
        # One may have been on its way.
        await turning.is_asked(2)
        told = len(monitor.seen)
        await turning.is_asked(5)
        assert len(monitor.seen) == told
        turning.turns = True
        await until(lambda: len(monitor.seen) > told)
        await until(lambda: "deadman_restored" in caplog.messages)
    assert [message for message in caplog.messages if message.startswith("deadman")] == [
        "deadman_held",
        "deadman_restored",
    ]


async def test_a_monitor_that_does_not_take_it_is_logged_once_and_tried_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with vendor() as monitor:
        monitor.answer = Said(503)
        async with pinging(monitor, lambda: True):
            await until(lambda: len(monitor.seen) >= 4)
            monitor.answer = Said(200)
            await until(lambda: "deadman_restored" in caplog.messages)
    mine = [record for record in caplog.records if record.getMessage().startswith("deadman")]
    assert [record.getMessage() for record in mine] == ["deadman_failed", "deadman_restored"]
    assert "503" in mine[0].__dict__["reason"]
    assert "5ecr" not in repr([record.__dict__ for record in mine])


async def test_a_fault_of_our_own_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    async def broken() -> Outcome:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise RuntimeError(PATH)
        return Outcome(OutcomeKind.DELIVERED)

    dead_man = DeadMan(broken, alive=lambda: True, every_seconds=0.01, again_seconds=0.01)
    dead_man.start()
    await until(lambda: calls >= 4)
    await dead_man.stop()
    assert PATH not in caplog.text


async def test_a_stop_ends_it_in_mid_ping() -> None:
    async with vendor() as monitor:
        monitor.answer = Said(0)
        async with pinging(monitor, lambda: True) as dead_man:
            await until(lambda: bool(monitor.seen))
            async with asyncio.timeout(1):
                await dead_man.stop()
