"""When a batch's transaction fails: held rows, deadlocks, poison, cut sessions, a server that is gone."""

from __future__ import annotations

import asyncio
import os
import time

import psycopg
import pytest
from tests.builders import World, close, finish, ingest_process, outcome_of, start
from tests.postgres_proxy import Moment, postgres_proxy
from tests.waiting import until

from luota_svc.model.errors import InvalidRequest, RunConflict, Unavailable
from luota_svc.model.signals import Accepted, SignalType
from luota_svc.store.migrations import migrate


@pytest.fixture
def monitor(world: World):
    return world.monitor("nightly")


def hold(holder: psycopg.Connection, *monitors) -> None:
    holder.execute("SELECT 1 FROM monitors WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (list(monitors),))


# --- rows that somebody else holds ---------------------------------------------------------------------------------


async def test_a_held_monitor_stops_its_own_callers_alone_and_works_again_afterwards(world, process, monitor):
    others = [world.monitor() for _ in range(20)]
    with psycopg.connect(world.url) as holder:
        hold(holder, monitor)
        stuck = [
            asyncio.create_task(outcome_of(process.send(start(monitor, f"stuck-{n}"), patience=1.5))) for n in range(3)
        ]
        await until(lambda: process.lanes._held_monitors)
        began = time.monotonic()
        for n, other in enumerate(others):
            await process.start(other, f"r-{n}")
        assert time.monotonic() - began < 0.5
        # Neither the held one's newcomers nor those that name it by slug cost the others a wait.
        stuck += [
            asyncio.create_task(outcome_of(process.send(start("nightly", f"slug-{n}"), patience=1.0))) for n in range(3)
        ]
        began = time.monotonic()
        answers = await asyncio.gather(*(process.finish(other, "q", 0) for other in others))
        assert time.monotonic() - began < 0.5
        assert len(answers) == 20
        began = time.monotonic()
        assert {type(answer) for answer in await asyncio.gather(*stuck)} == {Unavailable}
        assert time.monotonic() - began < 2.5
        holder.rollback()
    assert (await process.start(monitor, "after")).run.state == "running"
    # What was answered 503 may have landed when the row came free; a retry finds it, and nothing stands twice.
    again = [await process.start(monitor, f"{word}-{n}") for word in ("stuck", "slug") for n in range(3)]
    assert len({answer.run.id for answer in again}) == 6
    assert world.count("runs", "monitor_id = %s", monitor) == world.count("signals", "monitor_id = %s", monitor) == 7
    assert not process.lanes._held_monitors


async def test_a_member_that_waited_for_a_held_monitor_lands_when_it_comes_free(world, process, monitor):
    with psycopg.connect(world.url) as holder:
        hold(holder, monitor)
        calls = [asyncio.create_task(process.start(monitor, f"r-{n}")) for n in range(5)]
        await until(lambda: process.lanes._held_monitors)
        holder.rollback()
    assert len({answer.run.id for answer in await asyncio.gather(*calls)}) == 5


async def test_of_many_held_monitors_the_one_that_comes_free_does_not_wait_for_the_others(world, process):
    monitors = [world.monitor() for _ in range(8)]
    with psycopg.connect(world.url) as holder, psycopg.connect(world.url) as brief:
        hold(holder, *monitors[:-1])
        hold(brief, monitors[-1])
        calls = [asyncio.create_task(outcome_of(process.start(monitor, "r"))) for monitor in monitors]
        await until(lambda: len(process.lanes._held_monitors) == 8)
        brief.rollback()
        began = time.monotonic()
        assert isinstance(await calls[-1], Accepted)
        assert time.monotonic() - began < 2.0
        holder.rollback()
    assert all(isinstance(answer, Accepted) for answer in await asyncio.gather(*calls))


async def test_a_fault_while_asking_who_is_held_ends_no_lane(world, process, monitor, monkeypatch):
    other = world.monitor()
    with psycopg.connect(world.url) as holder:
        hold(holder, monitor)
        with monkeypatch.context() as patch:

            async def faulty(_members):
                raise RuntimeError("a fault of ours")

            patch.setattr(process.lanes._batch, "find_locked", faulty)
            assert isinstance(await outcome_of(process.start(monitor, "r")), Unavailable)
        assert (await process.start(other, "r")).run.state == "running"
        holder.rollback()
    assert (await process.start(monitor, "r")).run.state == "running"


async def test_a_held_row_that_is_no_monitors_stops_its_own_monitor_alone(world, process, monitor):
    """A worker that hangs with a delivery in its hands: the resolve that would cancel it waits, others do not."""
    world.route()
    other = world.monitor()
    await process.finish(monitor, "bad", 1)
    with psycopg.connect(world.url) as holder:
        holder.execute("SELECT 1 FROM deliveries FOR UPDATE")
        calls = [
            asyncio.create_task(outcome_of(process.send(finish(monitor, "good", 0), patience=2.5))),
            asyncio.create_task(outcome_of(process.send(finish(other, "r", 0), patience=2.5))),
        ]
        began = time.monotonic()
        assert isinstance(await calls[1], Accepted)
        assert time.monotonic() - began < 1.8
        began = time.monotonic()
        await process.finish(other, "again", 0)
        assert time.monotonic() - began < 0.5
        assert isinstance(await calls[0], Unavailable)
        holder.rollback()
    assert (await process.finish(monitor, "good", 0)).incident.state == "resolved"


# --- deadlocks, guards, poison -------------------------------------------------------------------------------------


async def test_a_deadlock_is_run_again_and_never_reaches_the_caller(world):
    low, high = sorted([world.monitor(), world.monitor()])
    world.rows(f"ALTER DATABASE {world.one('SELECT current_database()')} SET deadlock_timeout = '50ms'")
    async with ingest_process(world, lock_timeout_ms=5_000) as process:
        await process.start(low, "warm")
        with psycopg.connect(world.url) as holder:
            holder.execute("SET deadlock_timeout = '10min'")
            hold(holder, high)
            call = asyncio.create_task(process.send_many([start(low, "r"), start(high, "r")]))
            await until(world.waiting)
            # The batch holds the low one and waits for the high one: now the other way round.
            await asyncio.to_thread(hold, holder, low)
            holder.rollback()
        assert all(isinstance(answer, Accepted) for answer in await call)
        assert process.outcomes("retried") == 1


ONCE = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') = 1 THEN
        RAISE EXCEPTION 'at first' USING ERRCODE = '{state}';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fail_at_first AFTER INSERT ON runs FOR EACH STATEMENT EXECUTE FUNCTION fail_at_first();
"""


@pytest.mark.parametrize("state", ["40001", "40P01", "LU001"])
async def test_what_may_be_rerun_is_rerun_once_for_everybody(world, process, monitor, state):
    world.rows(ONCE.format(state=state))
    answers = await process.send_many([finish(monitor, f"r-{n}", n % 2) for n in range(6)])
    assert all(isinstance(answer, Accepted) and not answer.duplicate for answer in answers)
    assert (world.count("runs"), world.count("signals"), world.one("SELECT last_value FROM tries")) == (6, 6, 2)


POISON = """
CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.external_run_id = 'poison' THEN
        RAISE EXCEPTION 'poison' USING ERRCODE = '{state}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_poison BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION refuse_poison();
"""


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("22003", InvalidRequest),
        ("54000", InvalidRequest),
        ("23514", psycopg.Error),
        ("LU001", psycopg.Error),
        ("XX000", psycopg.Error),
        ("53200", Unavailable),
        ("40001", Unavailable),
    ],
)
async def test_a_member_that_cannot_be_written_is_refused_alone(world, process, monitor, state, refusal):
    world.rows(POISON.format(state=state))
    names = [*(f"a-{n}" for n in range(5)), "poison", *(f"b-{n}" for n in range(5))]
    answers = await asyncio.gather(*(process.start(monitor, name) for name in names), return_exceptions=True)
    assert isinstance(answers[5], refusal)
    if refusal is not Unavailable:
        assert all(isinstance(answer, Accepted) for answer in answers[:5] + answers[6:])
        assert world.count("runs") == 10
    assert world.count("runs") == sum(isinstance(answer, Accepted) for answer in answers)
    assert isinstance(await process.start(monitor, "after"), Accepted)


async def test_a_value_that_postgresql_refuses_harms_nobody_else(world, process, monitor):
    reports = [start(monitor, "a"), start(monitor, "b", host="nul\x00"), start(monitor, "c"), start(monitor, "d")]
    answers = await process.send_many(reports)
    assert [type(answer).__name__ for answer in answers] == ["Accepted", "InvalidRequest", "Accepted", "Accepted"]
    assert sorted(row["external_run_id"] for row in world.rows("SELECT * FROM runs")) == ["a", "c", "d"]


async def test_what_cannot_even_be_packed_is_a_fault_of_its_own_member_alone(world, process, monitor):
    reports = [start(monitor, "a"), finish(monitor, "b", 2**40), start(monitor, "c")]
    answers = await asyncio.gather(*(process.send(report) for report in reports), return_exceptions=True)
    assert [isinstance(answer, Accepted) for answer in answers] == [True, False, True]
    assert world.count("runs") == 2
    # Nor does it hide from a batch call that its neighbours landed.
    answers = await process.send_many([*reports, start(monitor, "d")])
    assert [isinstance(answer, Accepted) for answer in answers] == [True, False, True, True]


async def test_a_run_that_vanished_under_the_fold_hurts_nobody_else(world, process, monitor):
    """Retention takes a run between load and write only by breaking the lock rule; even then only its close fails."""
    run = (await process.start(monitor, "gone")).run.id
    world.rows(
        "CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM runs WHERE external_run_id ="
        " 'gone'; RETURN NULL; END $$;"
        "CREATE TRIGGER vanish AFTER INSERT ON run_keys FOR EACH STATEMENT EXECUTE FUNCTION vanish();"
    )
    calls = [process.start(monitor, "a"), process.success(monitor, run), process.start(monitor, "b")]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[0], Accepted)
    assert isinstance(answers[2], Accepted)


# --- a COMMIT whose answer was cut ---------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [Moment.LANDING, Moment.LANDED])
@pytest.mark.parametrize("every", [False, True], ids=["one session", "every session"])
async def test_a_cut_commit_is_accepted_once(world, monitor, moment, every):
    world.route()
    async with postgres_proxy(world.url) as (proxy, url), ingest_process(world, url=url) as process:
        await process.start(monitor, "warm")
        proxy.cut_next(moment, every=every)
        answers = await process.send_many(
            [
                finish(monitor, "bad", 1),
                start(monitor, "r"),
                close(SignalType.SUCCESS, monitor, "r"),
                close(SignalType.FAIL, monitor, "r"),
            ]
        )
        assert proxy.cuts == 1
        counted = process.metrics.registry.get_sample_value("luota_batch_outcomes_total", {"outcome": "commit_unknown"})
        assert counted == 1
        assert [isinstance(answer, Accepted) for answer in answers] == [True, True, True, False]
        assert isinstance(answers[3], RunConflict)
        assert not any(answer.duplicate for answer in answers[:3])
        assert (world.count("runs"), world.count("signals"), world.count("incidents")) == (3, 4, 1)
        assert world.one("SELECT occurrence_count FROM incidents") == 1
        assert (await process.finish(monitor, "bad", 1)).duplicate


async def test_a_stalled_network_is_unavailable_in_time_and_recovers_by_itself(world, monitor):
    async with postgres_proxy(world.url) as (proxy, url), ingest_process(world, url=url) as process:
        await process.start(monitor, "warm")
        proxy.stall()
        began = time.monotonic()
        calls = [outcome_of(process.send(start(monitor, f"r-{n}"), patience=0.5)) for n in range(5)]
        assert {type(answer) for answer in await asyncio.gather(*calls)} == {Unavailable}
        assert time.monotonic() - began < 1.5
        proxy.flow()
        assert isinstance(await process.start(monitor, "after"), Accepted)


# --- a server that is gone -----------------------------------------------------------------------------------------


async def test_sessions_that_the_server_ends_under_load_lose_nothing_that_was_accepted(world, process):
    monitors = [world.monitor() for _ in range(10)]
    over = asyncio.Event()

    async def job(number: int) -> list[str]:
        landed = []
        for n in range(10_000):
            if over.is_set():
                break
            name = f"{number}-{n}"
            if isinstance(await outcome_of(process.start(monitors[number], name)), Accepted):
                landed.append(name)
        return landed

    jobs = [asyncio.create_task(job(number)) for number in range(10)]
    for killed in range(10):
        before = world.count("signals")
        world.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ingest' AND datname = current_database()"
        )
        await until(lambda before=before: world.count("signals") > before + 20)
        assert killed < 10
    over.set()
    accepted = {name for names in await asyncio.gather(*jobs) for name in names}
    kept = {row["external_run_id"] for row in world.rows("SELECT external_run_id FROM runs")}
    assert accepted <= kept
    assert world.count("signals") == world.count("runs") == world.count("run_keys")


async def test_a_killed_server_is_unavailable_within_five_seconds_and_recovery_needs_nobody(killable_servers):
    url = killable_servers.database_url()
    await migrate(url)
    world = World(url)
    monitors = [world.monitor() for _ in range(8)]
    async with ingest_process(world) as process:
        accepted: set[str] = set()
        slowest = 0.0
        refused = asyncio.Event()
        back = asyncio.Event()

        async def job(number: int) -> None:
            nonlocal slowest
            for n in range(100_000):
                name, began = f"{number}-{n}", time.monotonic()
                answer = await outcome_of(process.start(monitors[number], name))
                slowest = max(slowest, time.monotonic() - began)
                if isinstance(answer, Accepted):
                    accepted.add(name)
                    if back.is_set():
                        return
                else:
                    assert isinstance(answer, Unavailable)
                    refused.set()

        jobs = [asyncio.create_task(job(number)) for number in range(8)]
        await until(lambda: len(accepted) > 100)
        await asyncio.to_thread(killable_servers.postgres.kill)
        await refused.wait()
        await asyncio.to_thread(killable_servers.postgres.start)
        back.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*jobs)
        assert slowest < 5.0
    world.close()
    world = World(url)
    kept = {row["external_run_id"] for row in world.rows("SELECT external_run_id FROM runs")}
    world.close()
    assert accepted <= kept


@pytest.mark.faults
@pytest.mark.skipif(os.environ.get("LUOTA_FAULTS") != "full", reason="twenty seconds of outage")
async def test_after_a_long_outage_recovery_takes_no_longer_than_after_a_short_one(killable_servers):
    url = killable_servers.database_url()
    await migrate(url)
    world = World(url)
    monitor = world.monitor()
    async with ingest_process(world) as process:
        await process.start(monitor, "warm")
        await asyncio.to_thread(killable_servers.postgres.kill)
        began = time.monotonic()
        while time.monotonic() - began < 20:
            assert isinstance(await outcome_of(process.start(monitor, "down")), Unavailable)
        await asyncio.to_thread(killable_servers.postgres.start)
        began = time.monotonic()
        while not isinstance(await outcome_of(process.start(monitor, "up")), Accepted):
            assert time.monotonic() - began < 5
    world.close()
