"""The queue in front of PostgreSQL: bounded, drained at a stop, never waiting for a caller that left."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest
from tests.builders import World, ingest_process, outcome_of, start
from tests.waiting import until

from luota_svc.model.errors import Unavailable
from luota_svc.model.signals import Accepted
from luota_svc.usecases import lanes


@pytest.fixture
def monitor(world: World):
    return world.monitor("nightly")


@pytest.fixture
def holder(world: World, monitor):
    """Somebody who holds the monitor until the test rolls them back."""
    with psycopg.connect(world.url) as holder:
        holder.execute("SELECT 1 FROM monitors WHERE id = %s FOR UPDATE", (monitor,))
        yield holder


async def test_what_arrives_while_a_batch_is_in_flight_shares_the_next_transaction(world, process, monitor):
    await process.start(monitor, "warm")
    before = process.outcomes("committed")
    await asyncio.gather(*(process.start(monitor, f"r-{n}") for n in range(100)))
    assert process.outcomes("committed") - before <= 3
    assert world.count("runs") == 101


async def test_a_full_queue_is_unavailable_at_once_and_whole_calls_are_refused(
    world, process, monitor, holder, monkeypatch
):
    monkeypatch.setattr(lanes, "QUEUE_MEMBERS_MAX", 10)
    await process.start(world.monitor(), "warm")
    stuck = [asyncio.create_task(process.start(monitor, f"r-{n}")) for n in range(8)]
    await until(lambda: process.lanes._members == 8)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="full"):
        await process.send_many([start(monitor, f"m-{n}") for n in range(3)])
    assert time.monotonic() - began < 0.5
    fits = asyncio.create_task(process.send_many([start(monitor, f"m-{n}") for n in range(2)]))
    holder.rollback()
    assert all(isinstance(answer, Accepted) for answer in [*await asyncio.gather(*stuck), *await fits])
    assert (process.lanes._members, process.lanes._bytes) == (0, 0)
    await process.start(monitor, "after")


async def test_the_queue_counts_bytes_too(process, monitor, holder, monkeypatch):
    monkeypatch.setattr(lanes, "QUEUE_BYTES_MAX", 100_000)
    stuck = asyncio.create_task(process.start(monitor, "r", output="x" * 60_000))
    await until(lambda: process.lanes._members == 1)
    with pytest.raises(Unavailable, match="full"):
        await process.start(monitor, "q", payload='"' + "x" * 60_000 + '"')
    small = asyncio.create_task(process.start(monitor, "s"))
    holder.rollback()
    await asyncio.gather(stuck, small)
    assert process.lanes._bytes == 0


async def test_a_stop_commits_what_was_taken_and_refuses_what_comes(world, monitor):
    async with ingest_process(world) as process:
        await process.start(monitor, "warm")
        calls = [asyncio.create_task(outcome_of(process.start(monitor, f"r-{n}"))) for n in range(300)]
        await until(lambda: process.lanes._members)
        await process.lanes.stop()
        answers = await asyncio.gather(*calls)
        accepted = [answer for answer in answers if isinstance(answer, Accepted)]
        assert all(isinstance(answer, Accepted | Unavailable) for answer in answers)
        # Under a graceful stop rows and answers are equal.
        assert world.count("runs") == len(accepted) + 1
        with pytest.raises(Unavailable):
            await process.start(monitor, "late")
        await process.lanes.stop()


async def test_a_stop_that_is_bounded_answers_whoever_still_waits(process, monitor, holder):
    calls = [asyncio.create_task(outcome_of(process.start(monitor, f"r-{n}"))) for n in range(3)]
    await until(lambda: process.lanes._held_monitors)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await process.lanes.stop()
    async with asyncio.timeout(1):
        assert {type(answer) for answer in await asyncio.gather(*calls)} == {Unavailable}
    assert not holder.closed


async def test_a_caller_that_leaves_the_queue_leaves_nothing_and_is_not_waited_for(world, process, monitor, holder):
    gone = [asyncio.create_task(process.start(monitor, f"gone-{n}")) for n in range(3)]
    await until(lambda: process.lanes._held_monitors)
    gone += [asyncio.create_task(process.send_many([start(monitor, f"many-{n}") for n in range(3)]))]
    stays = asyncio.create_task(process.start(monitor, "stays"))
    await until(lambda: process.lanes._members == 7)
    for task in gone:
        task.cancel()
    results = await asyncio.gather(*gone, return_exceptions=True)
    assert {type(result) for result in results} == {asyncio.CancelledError}
    holder.rollback()
    await stays
    # Only those that were in flight already, waiting for the row, may still land.
    assert world.count("runs", "external_run_id LIKE 'many%'") == 0
    await until(lambda: process.lanes._members == 0)
    assert process.lanes._bytes == 0


async def test_a_caller_with_little_time_left_is_answered_by_then(process, monitor, holder):
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await process.send(start(monitor, "r"), patience=0.3)
    assert time.monotonic() - began < 0.8
    holder.rollback()


async def test_the_first_call_of_a_process_whose_database_is_away_is_unavailable_in_time(world):
    url = world.url.replace("host=", "host=%2Fnowhere")
    async with ingest_process(world, url=url, ready=False) as process:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await process.start(world.clock.new_id(), "r")
        assert time.monotonic() - began < 4.0


async def test_a_fault_in_the_fold_is_its_own_members_alone_and_ends_no_lane(world, process, monitor, caplog):
    from tests.builders import finish

    broken = finish(monitor, "bad")
    object.__setattr__(broken, "external_run_id", None)
    reports = [start(monitor, "a"), broken, start(monitor, "b")]
    answers = await asyncio.gather(*(process.send(report) for report in reports), return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["Accepted", "AssertionError", "Accepted"]
    assert "ingest" in caplog.text or caplog.records
    await process.start(monitor, "c")
    assert world.count("runs") == 3
