"""Two processes fold, an operator resolves and a sweep-like writer locks, all on the same monitors."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import aiohttp
import psycopg
from tests.faults.load import Load, make_fleet, require_nothing_lost, require_sound_incidents
from tests.faults.service import note, serving
from tests.waiting import until


async def test_two_processes_an_operator_and_a_sweep_on_the_same_monitors_break_nothing(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("UPDATE monitors SET failure_threshold = 2, recovery_threshold = 2 WHERE slug LIKE '%5'")
    async with serving(database_url, redis_url) as one, serving(database_url, redis_url) as two:
        loads = [Load(one.url, fleet, name="one"), Load(two.url, fleet, name="two")]
        done = asyncio.Event()
        async with loads[0].running(12), loads[1].running(12):
            others = [
                asyncio.create_task(_resolve(one.url, fleet, done)),
                asyncio.create_task(_resolve(two.url, fleet, done)),
                asyncio.create_task(_sweep(database_url, done)),
            ]
            wanted = 8_000 if full else 500
            await until(lambda: all(load.answered(202) > wanted for load in loads), 600 if full else 30)
            done.set()
            resolved, resolved_too, swept = await asyncio.gather(*others)
        for load in loads:
            note(str(load))
            load.require_kept_promises(202, 503)
            # A deadlock or a guard that held is run again unseen; what surfaces is rare.
            assert load.counts()[503] <= len(load.answers) // 100
        statuses = Counter(resolved + resolved_too)
        note(f"resolves {dict(statuses)}, {swept} rows swept")
        assert statuses.keys() <= {200, 503}
        assert statuses[200] > 5
        assert swept > 50
        assert not [line for service in (one, two) for line in service.lines() if line.get("level") == "error"]
    require_nothing_lost(database_url, loads[0].answers + loads[1].answers)
    require_sound_incidents(database_url)
    _require_counters(database_url, fleet.monitors)


async def _resolve(url: str, fleet, done: asyncio.Event) -> list[int]:
    """Resolve by hand whatever is open, as an operator in a hurry."""
    statuses: list[int] = []
    headers = {"Authorization": f"Bearer {fleet.root}"}
    async with aiohttp.ClientSession(url, headers=headers) as session:
        while not done.is_set():
            async with session.get(f"/v1/workspaces/{fleet.workspace}/incidents", params={"state": "open"}) as reply:
                found = json.loads(await reply.read())
                if reply.status != 200:
                    statuses.append(reply.status)
                    continue
            for incident in found["incidents"][:5]:
                async with session.post(f"/v1/incidents/{incident['id']}:resolve", json={"note": "enough"}) as reply:
                    statuses.append(reply.status)
            await asyncio.sleep(0.01)
    return statuses


async def _sweep(database_url: str, done: asyncio.Event) -> int:
    """Lock monitors as the sweep will, in id order and past what others hold, and write to them."""
    swept = 0
    async with await psycopg.AsyncConnection.connect(database_url) as database:
        while not done.is_set():
            cursor = await database.execute(
                "SELECT id FROM monitors WHERE next_deadline_at IS NULL ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
            )
            due = [row[0] for row in await cursor.fetchall()]
            await database.execute(
                "SELECT id FROM runs WHERE monitor_id = ANY(%s) AND state = 'running' ORDER BY id FOR NO KEY UPDATE",
                [due],
            )
            await database.execute("UPDATE monitors SET updated_at = now() WHERE id = ANY(%s)", [due])
            await database.commit()
            swept += len(due)
            await asyncio.sleep(0.01)
    return swept


def _require_counters(database_url: str, monitors: list[str]) -> None:
    """A monitor of threshold 1 has an open `failed` incident exactly if its closes ended in failures in a row.

    A resolve by hand consumes the breach, so a counter of 0 may stand with no incident; the reverse never.
    """
    with psycopg.connect(database_url) as database:
        rows = database.execute(
            """
            SELECT m.id FROM monitors m JOIN incidents i ON i.monitor_id = m.id AND i.resolved_at IS NULL
            WHERE m.id = ANY(%s::uuid[]) AND m.recovery_threshold = 1 AND m.successes_in_row > 0
            """,
            [monitors],
        ).fetchall()
    assert rows == []
