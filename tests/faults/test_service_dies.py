"""The service dies or stops under load: nothing that got 202 is missing, and a retry finds its one run."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
import psycopg
from tests.faults.load import Load, make_fleet, require_nothing_lost, require_sound_incidents
from tests.faults.service import note, serving
from tests.waiting import until


async def test_a_killed_service_loses_nothing_that_got_202_and_a_retry_finds_its_one_run(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    load = Load(f"http://127.0.0.1:{0}", fleet, pace_seconds=0.0)
    async with serving(database_url, redis_url) as service:
        load.url = service.url
        for _ in range(20 if full else 2):
            seen = len(load.answers)
            async with load.running(workers=32):
                await until(lambda: load.answered(202) > seen + 200, 10)  # noqa: B023 - awaited here
                service.kill()
            await service.start()
        note(str(load))
        # Unanswered, or cut in mid-flight: either landed or not. 503 is no answer of a service that was killed.
        load.require_kept_promises(0, 202)
        kept = require_nothing_lost(database_url, load.answers)
        cut = [answer for answer in load.answers if answer.status == 0 and answer.path.endswith("start")]
        assert cut
        async with aiohttp.ClientSession() as session:
            retried = await asyncio.gather(*(load.send(session, answer.path, answer.sent) for answer in cut))
        assert {answer.status for answer in retried} == {202}
        fresh = sum(not answer.body["duplicate"] for answer in retried)
        note(f"{len(cut)} cut starts retried: {fresh} new, {len(cut) - fresh} had landed")
        assert require_nothing_lost(database_url, load.answers) == kept + fresh
    require_sound_incidents(database_url)


async def test_a_stop_under_load_keeps_exactly_what_got_202_and_cuts_nobody_who_was_accepted(database_url, redis_url):
    fleet = make_fleet(database_url)
    async with serving(database_url, redis_url) as service:
        load = Load(service.url, fleet, pace_seconds=0.005)
        async with load.running(workers=32):
            await until(lambda: load.answered(202) > 500, 10)
            assert await service.terminate() == 0
        note(str(load))
        load.require_kept_promises(0, 202, 503)
        # A request that crosses the closing of its idle connection, or finds the door shut, was never accepted.
        cut = [answer for answer in load.answers if answer.status == 0]
        note(str(Counter(answer.error.partition("(")[0] for answer in cut)))
        assert {answer.error.partition("(")[0] for answer in cut} >= {"ClientConnectorError"}
        with psycopg.connect(database_url) as database:
            (signals,) = database.execute("SELECT count(*) FROM signals").fetchone()
        assert signals == load.answered(202) == require_nothing_lost(database_url, load.answers)
        assert service.said("stopped")
        assert not service.said("stop_failed")
