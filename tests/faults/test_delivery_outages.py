"""PostgreSQL, Valkey or the worker itself stop while alerts are in flight: each is told, and none twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import aiohttp
import pytest
from tests.faults.conftest import FULL
from tests.faults.delivering import RESUMED_SECONDS, Post, require_told, scene, working
from tests.faults.load import Fleet, Load
from tests.faults.service import note, serving
from tests.faults.test_delivery_kills import count
from tests.postgres_proxy import Moment, postgres_proxy
from tests.waiting import until

# A settle that finds no PostgreSQL is tried again after at most so long.
_SETTLED_SECONDS = 6.0


async def until_all_told(post: Post, duties, *, full: bool) -> None:
    """Wait for all. A claim whose COMMIT was cut leaves leases that nobody holds; small tests don't wait for them."""
    if not full:
        try:
            await post.until_ended(duties, _SETTLED_SECONDS)
        except AssertionError:
            await asyncio.to_thread(
                post.world.rows, "UPDATE deliveries SET lease_until = now() WHERE state = 'sending'"
            )
    await post.until_ended(duties, RESUMED_SECONDS + 5 if full else 15)


@pytest.mark.parametrize("moment", [Moment.COMMITTING, *([Moment.SENT, Moment.SETTLED] if FULL else [])])
async def test_a_settle_that_is_cut_off_is_told_again_and_nobody_hears_twice(database_url, full, moment):
    async with scene(database_url) as (post, receiver), postgres_proxy(database_url) as (proxy, address):
        duties = []
        # Every other one fails at first: that a failure is told again must count once too.
        receiver.says = lambda path: 503 if path.endswith(("1", "3")) and receiver.came(path) == 0 else 200
        async with working(address, LUOTA_DELIVERY_RETRY_DELAYS="0,1,1,1,1") as (worker,):
            for number in range(50 if full else 4):
                proxy.hold_next(moment)
                duties += post.duties(receiver, 5, prefix=f"{number}-")
                async with asyncio.timeout(10):
                    await proxy.held.wait()
                proxy.cut()
                # One cut each: a result that nobody can write down for 45 s is told by somebody else, and twice.
                await until(lambda: post.world.count("delivery_attempts") == len(receiver.receipts), 10)
            await post.until_ended(duties, 15)
            assert worker.troubles() == worker.said("lease_lost") == []
        require_told(post, receiver, duties)
        assert post.world.count("delivery_attempts", "late") == 0
        assert post.world.count("delivery_attempts") == len(receiver.receipts)
        assert post.world.one("SELECT max(failures_in_row) FROM destinations") == 0


async def test_sessions_ended_all_the_time_delay_alerts_and_repeat_none(database_url, full):
    async with scene(database_url) as (post, receiver):
        receiver.takes = lambda path: len(path) % 5 / 20
        duties = []
        async with working(database_url, 2) as workers:
            for number in range(60 if full else 8):
                duties += post.duties(receiver, 8, prefix=f"{number}-")
                post.terminate_sessions()
                await asyncio.sleep(1.0 if full else 0.4)  # the rhythm of the fault
            began = time.monotonic()
            await until_all_told(post, duties, full=full)
            note(f"all told {time.monotonic() - began:.1f} s after the last cut")
            assert [worker.troubles() for worker in workers] == [[], []]
        # Whoever was in flight was settled on another session; a claim that was cut told nobody.
        require_told(post, receiver, duties)


@pytest.mark.parametrize("death", [signal.SIGKILL, *([signal.SIGINT] if FULL else [])])
async def test_a_postgres_that_restarts_while_receivers_think_costs_no_alert_and_repeats_none(hurt, full, death):
    async with scene(hurt.database_url()) as (post, receiver):
        duties = post.duties(receiver, count(full))
        receiver.hold()
        async with working(hurt.database_url()) as (worker,):
            for _ in range(3 if full else 1):
                await until(lambda: receiver.waiting >= 16, 15)
                post.world.close()
                os.kill(hurt.postgres.pid, death)
                await until(lambda: hurt.postgres.pid is None, 10)
                receiver.answer()  # their results find no PostgreSQL
                await until(lambda: receiver.waiting == 0, 5)
                receiver.hold()
                await asyncio.to_thread(hurt.postgres.start)
                post.reconnect()
                # Two claims may have taken all that there were.
                duties += post.duties(receiver, 20, prefix=f"{len(duties)}-")
            receiver.answer()
            await until_all_told(post, duties, full=full)
            assert worker.troubles() == []
        require_told(post, receiver, duties)


async def test_alerts_go_out_while_valkey_is_away(hurt, full):
    async with scene(hurt.database_url()) as (post, receiver):
        monitors = [post.world.monitor() for _ in range(200 if full else 30)]
        for place, monitor in enumerate(monitors):
            post.route(receiver.url(place), monitor_ids=[monitor])
        fleet = Fleet(str(post.world.workspace_id), post.world.token, list(map(str, monitors)), "")
        async with (
            working(hurt.database_url()) as (worker,),
            serving(hurt.database_url(), hurt.redis_url) as service,
            aiohttp.ClientSession() as session,
        ):
            hurt.valkey.kill()
            load = Load(service.url, fleet, pace_seconds=0.0)
            fails = [{"monitorId": each, "externalRunId": "run-1", "exitCode": 1} for each in fleet.monitors]
            await asyncio.gather(*(load.send(session, "/v1/runs/finish", fail) for fail in fails))
            load.require_kept_promises(202)
            await until(lambda: len(receiver.times()) >= len(monitors), 15)
            duties = [row["id"] for row in post.world.rows("SELECT id FROM deliveries")]
            await post.until_ended(duties, 10)
            assert len(duties) == len(monitors)
            assert worker.troubles() == []
        require_told(post, receiver, duties)


async def test_a_worker_that_is_asked_to_stop_settles_what_is_in_flight_and_leaves_the_rest(database_url, full):
    async with scene(database_url) as (post, receiver):
        duties = post.duties(receiver, count(full))
        receiver.hold()
        for _ in range(3 if full else 1):
            async with working(database_url) as (worker,):
                await until(lambda: receiver.waiting >= 16, 15)
                stopping = asyncio.create_task(worker.terminate())
                await until(lambda: worker.said("draining"), 5)
                receiver.answer()
                assert await stopping == 0
                assert worker.troubles() == []
                assert post.in_flight() == 0
                heard = receiver.times()
                assert post.states().get("delivered") == len(heard)
                note(f"{len(heard)} of {len(duties)} told when it had stopped")
            receiver.hold()
            duties += post.duties(receiver, 20, prefix=f"{len(duties)}-")
        receiver.answer()
        async with working(database_url):
            await post.until_ended(duties, 15)
        require_told(post, receiver, duties)


async def test_a_worker_that_is_asked_to_stop_waits_for_receivers_that_hang_no_longer_than_an_attempt(
    database_url, full
):
    if not full:
        pytest.skip("takes an attempt's 15 s: full size alone")
    async with scene(database_url) as (post, receiver):
        duties = post.duties(receiver, 30)
        receiver.hold()
        async with working(database_url) as (worker,):
            await until(lambda: receiver.waiting == 30, 15)
            began = time.monotonic()
            assert await worker.terminate(25) == 0
            note(f"stopped after {time.monotonic() - began:.1f} s")
            assert worker.troubles() == []
        rows = post.world.rows("SELECT outcome FROM delivery_attempts")
        assert [row["outcome"] for row in rows] == ["timed_out"] * 30
        assert post.states() == {"failed_retrying": 30}
        assert post.ended(duties) == 0


async def test_a_worker_that_sleeps_beyond_its_leases_overrules_nobody(database_url, full):
    async with scene(database_url) as (post, receiver):
        duties = post.duties(receiver, count(full) // 2)
        # Every other one fails the sleeper, and is taken from the worker that takes over.
        receiver.says = lambda path: 503 if int(path) % 2 and receiver.came(path) == 0 else 200
        receiver.hold()
        async with working(database_url) as (sleeper,):
            await until(lambda: receiver.waiting == len(duties), 15)
            os.kill(sleeper.process.pid, signal.SIGSTOP)
            receiver.answer()
            if not full:
                post.end_leases(sleeper.name)
            async with working(database_url) as (other,):
                await post.until_ended(duties, RESUMED_SECONDS + 5 if full else 15)
                before = post.world.rows("SELECT id, state, provider_id, settled_at FROM deliveries ORDER BY id")
                os.kill(sleeper.process.pid, signal.SIGCONT)
                await until(lambda: post.world.count("delivery_attempts", "late") == len(duties), 15)
                assert (
                    post.world.rows("SELECT id, state, provider_id, settled_at FROM deliveries ORDER BY id") == before
                )
                assert [worker.troubles() for worker in (sleeper, other)] == [[], []]
        require_told(post, receiver, duties, duplicates_most=len(duties) // 2)
        assert {row["state"] for row in post.world.rows("SELECT state FROM alert_routes")} == {"proven"}
        assert post.world.one("SELECT max(failures_in_row) FROM destinations") == 0
