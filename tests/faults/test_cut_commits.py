"""The answer to a COMMIT is cut: whoever was in the batch hears 202 for what landed, and nothing lands twice."""

from __future__ import annotations

import asyncio
import itertools

import aiohttp
import psycopg
from tests.faults.load import Load, make_fleet, require_nothing_lost, require_sound_incidents
from tests.faults.service import note, serving
from tests.postgres_proxy import Moment, postgres_proxy
from tests.waiting import until

CUTS = (Moment.LANDING, Moment.LANDING_UNHEARD, Moment.LANDED)


async def test_a_cut_commit_is_asked_about_so_that_nothing_is_lost_or_doubled(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    async with (
        postgres_proxy(database_url) as (proxy, address),
        serving(address, redis_url) as service,
        aiohttp.ClientSession() as session,
    ):
        load = Load(service.url, fleet, pace_seconds=0.0)
        numbers = itertools.count()
        by_cut = {cut: [] for cut in CUTS}
        rounds = 300 if full else 51
        for number in range(rounds):
            how = CUTS[number % 3]
            proxy.cut_next(how)
            starts = [{"monitorId": monitor, "externalRunId": f"cut-{next(numbers)}"} for monitor in fleet.monitors[:5]]
            by_cut[how] += await asyncio.gather(*(load.send(session, "/v1/runs/start", start) for start in starts))
        note(str(load))
        for how, answers in by_cut.items():
            note(f"{how.value}: {sum(answer.status == 202 for answer in answers)} of {len(answers)} got 202")
        assert proxy.cuts == rounds
        load.require_kept_promises(202, 503)
        # Another session could be asked each time, so each answer is known: what did not land was run once more.
        assert load.counts()[202] == len(load.answers)
        kept = require_nothing_lost(database_url, load.answers)
        assert kept == len(load.answers)
        assert len(service.said("commit_unknown")) == rounds
    require_sound_incidents(database_url)


async def test_cut_commits_under_load_lose_and_double_nothing(database_url, redis_url, full):
    fleet = make_fleet(database_url, monitors=5)
    async with postgres_proxy(database_url) as (proxy, address), serving(address, redis_url) as service:
        load = Load(service.url, fleet)
        async with load.running():
            for number in range(200 if full else 20):
                proxy.cut_next(CUTS[number % 3])
                await until(lambda: proxy.cuts > number, 10)  # noqa: B023 - awaited here
        note(str(load))
        load.require_kept_promises(202, 503)
        require_nothing_lost(database_url, load.answers)
    require_sound_incidents(database_url)
    with psycopg.connect(database_url) as database:
        counted = database.execute("SELECT count(*) FROM incidents").fetchone()
    note(f"{counted[0]} incidents")
