"""Our own absence is kept: one row for each time in which nobody took signals, whoever is first to be back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.usecases.sweeping import time
from tests.waiting import until

from luota_svc.usecases.deadlines import Deadlines
from luota_svc.usecases.liveness import Liveness, forget_old_liveness

__all__ = ["time"]


def gaps(time):
    return time.world.rows("SELECT started_at, ended_at FROM ingest_gaps ORDER BY started_at")


async def test_the_very_first_word_makes_no_gap_and_words_in_time_neither(time):
    for _ in range(4):
        await time.liveness.beat()
        time.clock.advance(15)
    assert gaps(time) == []
    assert time.world.count("ingest_liveness") == 1


async def test_the_first_word_after_more_than_fifteen_seconds_keeps_the_gap_once(time):
    await time.liveness.beat()
    began = time.clock.now()
    time.clock.advance(15.1)
    replicas = [Liveness(time.process.database, time.clock, moving=lambda: True) for _ in range(4)]

    await asyncio.gather(*(replica.beat() for replica in replicas))

    (gap,) = gaps(time)
    assert (gap["started_at"], gap["ended_at"]) == (began, time.clock.now())


async def test_as_long_as_one_replica_speaks_there_is_no_gap(time):
    other = Liveness(time.process.database, time.clock, moving=lambda: True)
    await time.liveness.beat()
    for _ in range(10):
        time.clock.advance(10)
        await other.beat()
    await time.liveness.beat()
    assert gaps(time) == []


async def test_a_process_whose_signals_are_not_committed_says_nothing(time):
    silent = Liveness(time.process.database, time.clock, moving=lambda: False)
    await silent.beat()
    assert time.world.count("ingest_liveness") == 0


async def test_lanes_move_until_a_batch_is_in_flight_for_longer_than_anybody_waits(time):
    lanes = time.process.lanes
    monitor = time.monitor(kind="heartbeat")
    assert lanes.moving
    with time.world._connection.transaction():
        time.world.rows("SELECT 1 FROM monitors WHERE id = %s FOR UPDATE", monitor)
        sent = asyncio.create_task(time.process.ping(monitor))
        await until(lambda: lanes._main.began_at is not None)
        assert lanes.moving
        time.clock.advance(5)
        assert not lanes.moving
    await asyncio.gather(sent, return_exceptions=True)
    await lanes.stop()
    assert not lanes.moving


async def test_a_clock_that_is_set_back_takes_back_nothing(time):
    await time.liveness.beat()
    time.clock.step(-600)
    await time.liveness.beat()
    assert gaps(time) == []
    assert time.world.one("SELECT last_seen_at FROM ingest_liveness") == time.clock.now() + timedelta(minutes=10)


async def test_old_processes_and_gaps_are_forgotten_but_never_the_newest_word(time):
    await time.liveness.beat()
    await Liveness(time.process.database, time.clock, moving=lambda: True).beat()
    time.world.rows(
        "INSERT INTO ingest_gaps VALUES (%s, %s)",
        time.clock.now() - timedelta(days=91),
        time.clock.now() - timedelta(days=90, seconds=1),
    )
    time.clock.advance(2 * 86_400)
    await Liveness(time.process.database, time.clock, moving=lambda: True).beat()
    time.clock.advance(3 * 86_400)

    await forget_old_liveness(time.process.database, time.clock)

    assert time.world.count("ingest_liveness") == 1
    assert len(gaps(time)) == 1
    assert gaps(time)[0]["ended_at"] == time.clock.now() - timedelta(days=3)


async def test_that_nobody_takes_signals_is_said_once_and_not_at_every_start(time, caplog):
    sweeper = Deadlines(time.database, time.clock, time.metrics)

    def said():
        return [record.getMessage() for record in caplog.records].count("sweep_waits")

    await sweeper.sweep()
    assert said() == 0
    for _ in range(3):
        time.clock.advance(5)
        await sweeper.sweep()
    assert said() == 1
    await time.liveness.beat()
    await sweeper.sweep()
    time.clock.advance(16)
    for _ in range(2):
        await sweeper.sweep()
        time.clock.advance(5)
    assert said() == 2
