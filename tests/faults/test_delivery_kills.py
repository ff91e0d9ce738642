"""Workers are killed at chosen moments and at any: every duty is delivered, and what came twice came alike."""

from __future__ import annotations

import asyncio
import random
import time

import aiohttp
import pytest
from tests.faults.conftest import FULL
from tests.faults.delivering import RESUMED_SECONDS, Post, Worker, require_told, scene, working
from tests.faults.load import Fleet, Load, require_sound_incidents
from tests.faults.receiver import named
from tests.faults.service import note, serving
from tests.postgres_proxy import Moment, postgres_proxy
from tests.waiting import until

_START_SECONDS = 15.0


def count(full: bool) -> int:  # noqa: FBT001 - the fixture's own value
    return 240 if full else 24


def kills(full: bool) -> int:  # noqa: FBT001 - the fixture's own value
    return 6 if full else 1


async def kill(post: Post, worker: Worker, *, full: bool) -> int:
    """Kill it; return how many attempts it takes with it. Small tests don't wait for its leases."""
    name = worker.name
    worker.kill()
    # PostgreSQL may still be about to hear of it, through a proxy in this loop.
    held = await asyncio.to_thread(post.held_by, name)
    if not full:
        await asyncio.to_thread(post.end_leases, name)
    return len(held)


# In every run those at which something may have arrived; the others at full size.
MOMENTS = [Moment.SENT, Moment.COMMITTING, *([Moment.CLAIMED, Moment.SETTLED] if FULL else [])]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_worker_killed_at_its_worst_moment_loses_nothing(database_url, full, moment):
    async with scene(database_url) as (post, receiver), postgres_proxy(database_url) as (proxy, address):
        duties = []
        worker = Worker(address)
        try:
            in_flight = 0
            for number in range(kills(full)):
                duties += post.duties(receiver, count(full) // kills(full), prefix=f"{number}-")
                proxy.hold_next(moment)
                await worker.start()
                async with asyncio.timeout(_START_SECONDS):
                    await proxy.held.wait()
                heard = len(receiver.receipts)
                in_flight += await kill(post, worker, full=full)
                note(f"{moment.name}: {heard} heard when it was killed, {in_flight} in flight so far")
            began = time.monotonic()
            async with working(database_url) as (last,):
                await post.until_ended(duties, RESUMED_SECONDS + 5 if full else 15)
                note(f"all ended {time.monotonic() - began:.1f} s after the last kill")
                await post.until_noted()
                assert last.troubles() == []
        finally:
            worker.close()
        # What was not sent yet comes once.
        require_told(post, receiver, duties, duplicates_most=0 if moment is Moment.CLAIMED else in_flight)


async def test_a_worker_killed_while_receivers_think_loses_nothing(database_url, full):
    async with scene(database_url) as (post, receiver):
        duties = []
        worker = Worker(database_url)
        try:
            in_flight = 0
            for number in range(kills(full)):
                duties += post.duties(receiver, count(full) // kills(full), prefix=f"{number}-")
                receiver.hold()
                await worker.start()
                await until(lambda: receiver.waiting >= 10, _START_SECONDS)
                in_flight += await kill(post, worker, full=full)
                receiver.answer()
            died = post.clock.now()
            held = [row["id"] for row in post.world.rows("SELECT id FROM deliveries WHERE state = 'sending'")]
            async with working(database_url) as (last,):
                await post.until_ended(duties, RESUMED_SECONDS + 5 if full else 15)
                await post.until_noted()
                assert last.troubles() == []
        finally:
            worker.close()
        require_told(post, receiver, duties, duplicates_most=in_flight)
        assert sum(receiver.times().values()) > len(duties)
        resumed = (post.next_attempt_after(held, died) - died).total_seconds()
        note(f"resumed {resumed:.1f} s after the last kill")
        assert resumed <= (RESUMED_SECONDS if full else 5 + _START_SECONDS)


async def test_an_ingest_killed_after_its_commit_is_told_once_though_its_client_asks_again(
    database_url, redis_url, full
):
    async with scene(database_url) as (post, receiver), postgres_proxy(database_url) as (proxy, address):
        number = 200 if full else 30
        monitors = [post.world.monitor() for _ in range(number)]
        for place, monitor in enumerate(monitors):
            post.route(receiver.url(place), monitor_ids=[monitor])
        fleet = Fleet(str(post.world.workspace_id), post.world.token, list(map(str, monitors)), "")
        load = Load("", fleet, pace_seconds=0.0)
        async with (
            working(database_url) as (worker,),
            serving(address, redis_url) as service,
            aiohttp.ClientSession() as session,
        ):
            load.url = service.url
            rounds = kills(full)
            for each in range(rounds):
                failures = [
                    {"monitorId": monitor, "externalRunId": "run-1", "exitCode": 1}
                    for monitor in fleet.monitors[each::rounds]
                ]
                proxy.hold_next(Moment.LANDED)
                sending = asyncio.gather(*(load.send(session, "/v1/runs/finish", failure) for failure in failures))
                async with asyncio.timeout(_START_SECONDS):
                    await proxy.held.wait()
                service.kill()
                cut = [answer for answer in await sending if answer.status == 0]
                assert cut
                await service.start()
                again = await asyncio.gather(*(load.send(session, answer.path, answer.sent) for answer in cut))
                assert {answer.status for answer in again} == {202}
                assert any(answer.body["duplicate"] for answer in again)
            await until(lambda: len(receiver.times()) >= number, 15)
            duties = [row["id"] for row in post.world.rows("SELECT id FROM deliveries")]
            await post.until_ended(duties, 10)
            assert len(duties) == number
            require_told(post, receiver, duties)
            await until(lambda: post.world.count("deliveries", "unnoted") == 0, 10)
            require_sound_incidents(database_url)
            assert worker.troubles() == []


async def test_workers_killed_at_any_instant_under_load_lose_nothing(database_url, full):
    dice = random.Random(4)
    async with scene(database_url) as (post, receiver):
        receiver.takes = lambda _path: dice.uniform(0.0, 0.1)
        duties = []
        done = asyncio.Event()
        lost = []

        async def load() -> None:
            while not done.is_set():
                duties.extend(post.duties(receiver, 4, prefix=f"{len(duties)}-"))
                await asyncio.sleep(0.2)  # the rhythm of the load

        async def kill_again_and_again(times: int) -> None:
            worker = Worker(database_url)
            try:
                for _ in range(times):
                    await worker.start()
                    await asyncio.sleep(dice.uniform(0.0, 0.7))  # any instant
                    lost.append(await kill(post, worker, full=full))
            finally:
                worker.close()

        loading = asyncio.create_task(load())
        await asyncio.gather(*(kill_again_and_again(50 if full else 2) for _ in range(2)))
        done.set()
        await loading
        async with working(database_url) as (last,):
            await post.until_ended(duties, RESUMED_SECONDS + 15 if full else 20)
            await post.until_noted()
            assert last.troubles() == []
        note(f"{len(lost)} kills took {sum(lost)} attempts with them")
        require_told(post, receiver, duties, duplicates_most=sum(lost))


async def test_a_storm_whose_teller_is_killed_again_and_again_is_told_whole_in_the_same_words(database_url, full):
    async with scene(database_url) as (post, receiver), postgres_proxy(database_url) as (proxy, address):
        route = post.route(receiver.url("team"))
        incidents = {str(post.incident()) for _ in range(200 if full else 40)}
        for incident in incidents:
            post.duty(route, incident)
        worker = Worker(address)
        try:
            for moment in (Moment.CLAIMED, Moment.SENT, Moment.COMMITTING):
                proxy.hold_next(moment)
                await worker.start()
                async with asyncio.timeout(RESUMED_SECONDS + 5 if full else _START_SECONDS):
                    await proxy.held.wait()
                await kill(post, worker, full=full)
            async with working(database_url) as (last,):
                await post.until_ended(post.every(), RESUMED_SECONDS + 5 if full else 15)
                await post.until_noted()
                assert last.troubles() == []
        finally:
            worker.close()
        assert post.states() == {"delivered": 1, "cancelled": len(incidents) - 1}
        (heard,) = receiver.by_id().values()
        assert {named(receipt) for receipt in heard} == {frozenset(incidents)}
        assert len({receipt.digest for receipt in heard}) == 1
        assert len(heard) <= 3  # once it never left, once a dying COMMIT may have told
