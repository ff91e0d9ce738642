"""Somebody else holds rows or tables for long: those who need them hear 503 in time, the others do not notice."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import psycopg
from tests.faults.load import ANSWER_SECONDS, Load, make_fleet, require_nothing_lost, require_sound_incidents
from tests.faults.service import note, serving
from tests.waiting import until


async def test_a_monitor_row_held_for_long_stops_its_own_callers_only(database_url, redis_url, full):
    fleet = make_fleet(database_url, monitors=21)
    held, fleet.monitors[:] = fleet.monitors[0], fleet.monitors[1:]
    async with (
        serving(database_url, redis_url) as service,
        aiohttp.ClientSession() as session,
        await psycopg.AsyncConnection.connect(database_url) as holder,
    ):
        load, own = Load(service.url, fleet), Load(service.url, fleet)
        async with load.running():
            await until(lambda: load.answered(202) > 300, 10)
            calm_p99 = load.percentile(0.99)
            await holder.execute("SELECT 1 FROM monitors WHERE id = %s FOR NO KEY UPDATE", [held])
            began = time.monotonic()
            number = 0
            while time.monotonic() - began < (60 if full else 5):
                number += 4
                starts = [{"monitorId": held, "externalRunId": f"held-{number - nth}"} for nth in range(4)]
                await asyncio.gather(*(own.send(session, "/v1/runs/start", start) for start in starts))
            held_p99, held_most = (load.percentile(share, since=began) for share in (0.99, 1.0))
            # Somebody is still waiting when the row comes free; from then on its callers are served.
            last = asyncio.create_task(
                own.send(session, "/v1/runs/start", {"monitorId": held, "externalRunId": "last"})
            )
            await holder.rollback()
            freed = time.monotonic()
            assert (await last).status == 202
            note(f"free again after {time.monotonic() - freed:.2f} s")
            assert (await own.send(session, "/v1/runs/start", {"monitorId": held, "externalRunId": "x"})).seconds < 1
            await until(lambda: load.answered(202, since=freed) > 200, 10)
        note(f"others: {load}; p99 calm {calm_p99:.3f} s, held {held_p99:.3f} s, most {held_most:.3f} s")
        note(f"own: {own}")
        load.require_kept_promises(202)
        own.require_kept_promises(202, 503)
        assert own.answered(503) >= 4
        assert held_most < 2.0
        require_nothing_lost(database_url, load.answers + own.answers)
    require_sound_incidents(database_url)


async def test_a_table_held_by_somebody_else_costs_503s_in_time_and_no_more(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    async with (
        serving(database_url, redis_url) as service,
        await psycopg.AsyncConnection.connect(database_url) as holder,
    ):
        load = Load(service.url, fleet)
        async with load.running():
            await until(lambda: load.answered(202) > 100, 10)
            await holder.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            # The bound of an answer, and a second for another round of them.
            await until(lambda: time.monotonic() - began > (30 if full else ANSWER_SECONDS + 1), 40)
            await holder.rollback()
            freed = time.monotonic()
            await until(lambda: load.answered(202, since=freed) > 100, 6)
            back = time.monotonic() - freed
        note(f"{load}; 100 accepted {back:.2f} s after the table was free")
        load.require_kept_promises(202, 503)
        assert load.answered(503, since=began) > 0
        require_nothing_lost(database_url, load.answers)
    require_sound_incidents(database_url)


async def test_a_session_idle_in_its_transaction_is_cut_by_the_server_and_harms_nobody_for_long(
    database_url, redis_url
):
    """Somebody's forgotten transaction that holds a monitor; the server's own setting ends it."""
    fleet = make_fleet(database_url, monitors=4)
    async with serving(database_url, redis_url) as service:
        load = Load(service.url, fleet)
        forgetful = await psycopg.AsyncConnection.connect(database_url)
        async with load.running(8):
            await until(lambda: load.answered(202) > 50, 10)
            await forgetful.execute("SET LOCAL idle_in_transaction_session_timeout = '1500ms'")
            await forgetful.execute("SELECT 1 FROM monitors FOR NO KEY UPDATE")
            held = time.monotonic()
            await until(lambda: load.answered(202, since=held + 1.5) > 100, 8)
        await forgetful.close()
        note(str(load))
        load.require_kept_promises(202, 503)
        require_nothing_lost(database_url, load.answers)
