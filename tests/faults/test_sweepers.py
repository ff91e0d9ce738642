"""Two processes sweep the same overdue monitors, one of them is killed, and each promise that broke is told once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import psycopg
import pytest
from tests.faults.conftest import FULL
from tests.faults.load import Load, make_fleet, require_sound_incidents
from tests.faults.service import Service, note, serving
from tests.waiting import until

_SECONDS = 60.0


def overdue(database_url: str, count: int):
    """Make run monitors that were expected an hour ago, the next time in a day; nobody looks at them yet."""
    fleet = make_fleet(database_url, monitors=1)
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(
            """
            INSERT INTO monitors (id, workspace_id, slug, name, kind, interval_seconds, grace_seconds,
                                  failure_threshold, recovery_threshold, remind_every_seconds, severity, owner,
                                  runbook_url, environment, promise, tags, created_at, updated_at, judged_from,
                                  settled_until)
            SELECT gen_random_uuid(), %s, 'silent-' || n, 'M', 'run', 86400, 60, 1, 1, 0, 'error', '', '', '', '', '{}',
                   now(), now(), now() - interval '25 hours', now() - interval '25 hours'
            FROM generate_series(1, %s) AS n
            """,
            (fleet.workspace, count),
        )
        database.execute(
            """
            INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask,
                                      destination, fallback, after_seconds, enabled, state, created_at, updated_at)
            VALUES (gen_random_uuid(), %s, 'R', 'inbox', '{}', 'info', '', '', sha256('d'), false, 0, true, 'unproven',
                    now(), now())
            """,
            (fleet.workspace,),
        )
    return fleet


def make_due(database: psycopg.Connection) -> None:
    """Let all of them be looked at."""
    database.execute(
        "UPDATE monitors SET next_deadline_at = settled_until + interval '1 day 60 s' WHERE slug LIKE 'silent%'"
    )


def one(database: psycopg.Connection, question: str) -> int:
    return database.execute(question).fetchone()[0]


def require_told_once(database: psycopg.Connection, count: int) -> None:
    """Each has one late incident with one occurrence, one event, one packet and one duty; nothing is due any more."""
    assert one(database, "SELECT count(*) FROM incidents WHERE kind = 'late' AND occurrence_count = 1") == count
    assert one(database, "SELECT count(DISTINCT monitor_id) FROM incidents WHERE kind = 'late'") == count
    for table in ("incidents", "incident_events", "incident_packets", "deliveries"):
        assert one(database, f"SELECT count(*) FROM {table}") == count, table
    assert one(database, "SELECT count(*) FROM monitors WHERE next_deadline_at <= now()") == 0


@asynccontextmanager
async def two_services(database_url: str, redis_url: str):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(database_url, redis_url)) for _ in range(2)]


@pytest.mark.parametrize("killed", ["none", "first", *(["second"] if FULL else [])])
async def test_two_sweepers_open_each_incident_once_though_one_is_killed(database_url, redis_url, full, killed):
    count = 5_000 if full else 1_200
    overdue(database_url, count)
    with psycopg.connect(database_url, autocommit=True) as database:
        async with two_services(database_url, redis_url) as services:
            make_due(database)
            await until(lambda: one(database, "SELECT count(*) FROM incidents") > 0, _SECONDS)
            if killed != "none":
                services[killed == "second"].kill()
            at_kill = one(database, "SELECT count(*) FROM incidents")
            await until(lambda: one(database, "SELECT count(*) FROM incidents") >= count, _SECONDS)
            note(f"{at_kill} of {count} stood when {killed} was killed")
        require_told_once(database, count)


async def test_sweepers_and_the_fold_meet_on_the_same_monitors_and_nothing_is_lost(database_url, redis_url, full):
    count = 5_000 if full else 1_200
    fleet = overdue(database_url, count)
    with psycopg.connect(database_url, autocommit=True) as database:
        # A progress is a signal, but no start: it keeps nobody from being late.
        runs = [
            str(row[0])
            for row in database.execute(
                """
                INSERT INTO runs (id, workspace_id, monitor_id, external_run_id, state, started_at, start_occurred,
                                  start_seen, received_at, last_sign_at, request_id, timeout_at)
                SELECT gen_random_uuid(), workspace_id, id, 'alive', 'running', now(), false, true, now(), now(), 'req',
                       now() + interval '1 day'
                FROM monitors WHERE slug LIKE 'silent%' ORDER BY id LIMIT 400
                RETURNING id
                """
            ).fetchall()
        ]
        async with two_services(database_url, redis_url) as services:
            loads = [Load(service.url, fleet) for service in services]
            done = asyncio.Event()
            async with aiohttp.ClientSession() as session:
                senders = [
                    asyncio.create_task(_keep_alive(loads[number % 2], session, runs[number::16], done))
                    for number in range(16)
                ]
                await until(lambda: all(load.answered(202) > 50 for load in loads), _SECONDS)
                make_due(database)
                await until(lambda: one(database, "SELECT count(*) FROM incidents") > 0, _SECONDS)
                services[1].kill()
                await until(lambda: one(database, "SELECT count(*) FROM incidents") >= count, _SECONDS)
                done.set()
                await asyncio.gather(*senders)
            note(str(loads[0]))
            loads[0].require_kept_promises(202, 503)
            assert _errors(services[0]) == []
        require_told_once(database, count)
        landed = sum(load.answered(202) for load in loads)
        assert one(database, "SELECT count(*) FROM signals") >= landed
    require_sound_incidents(database_url)


async def _keep_alive(load: Load, session: aiohttp.ClientSession, runs: list[str], done: asyncio.Event) -> None:
    while not done.is_set():
        for run in runs:
            await load.send(session, f"/v1/runs/{run}/progress", {"summary": "alive"})
            if done.is_set():
                break


def _errors(service: Service) -> list[dict[str, object]]:
    return [line for line in service.lines() if line.get("level") in {"error", "critical"}]
