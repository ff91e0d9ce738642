"""Two processes, an operator and a sweep on the same twenty monitors: no deadlock, no broken invariant."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from itertools import groupby
from random import Random

import psycopg
import pytest
from psycopg import AsyncConnection
from tests.builders import Process, World, finish, outcome_of, start
from tests.management import Caller, make_caller
from tests.servers import ENCRYPTION_KEY

from luota_svc.limits.local import LocalBuckets
from luota_svc.model.operators import Role
from luota_svc.model.signals import Accepted
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.usecases.incidents import resolve_incident
from luota_svc.usecases.installation import Installation

FULL = os.environ.get("LUOTA_FAULTS") == "full"
SIGNALS = 20_000 if FULL else 1_200
MONITORS, WORKERS = 20, 16
FAIL_AT, HEAL_AT = 3, 2

# Numbers what is written under a monitor's lock, so that the commit order of each monitor can be read afterwards.
NUMBERED = """
CREATE SEQUENCE order_of_writes;
ALTER TABLE signals ADD COLUMN seq bigint DEFAULT nextval('order_of_writes');
ALTER TABLE incident_events ADD COLUMN seq bigint DEFAULT nextval('order_of_writes');
"""


@dataclass
class Stress:
    """What goes on at once, until enough signals have landed."""

    world: World
    monitors: list
    over: asyncio.Event = field(default_factory=asyncio.Event)
    landed: int = 0
    resolved_by_hand: int = 0
    swept: int = 0
    failures: list = field(default_factory=list)

    async def job(self, process: Process, number: int) -> None:
        dice = Random(number)
        for n in range(1_000_000):
            if self.landed >= SIGNALS:
                self.over.set()
            if self.over.is_set():
                return
            monitor, run = dice.choice(self.monitors), f"{number}-{n}"
            answer = await outcome_of(process.start(monitor, run))
            if isinstance(answer, Accepted) and dice.random() < 0.3:
                answer = await outcome_of(process.progress(monitor, answer.run.id))
            if dice.random() < 0.2:
                reports = [finish(other, f"{run}-b", dice.randrange(2)) for other in dice.sample(self.monitors, 5)]
                self.count(await process.send_many([*reports, start(monitor, run)]))
            self.count([answer, await outcome_of(process.finish(monitor, run, dice.randrange(2)))])

    def count(self, answers: list) -> None:
        self.landed += sum(isinstance(answer, Accepted) for answer in answers)
        self.failures += [answer for answer in answers if not isinstance(answer, Accepted)]

    async def operator(self, caller: Caller) -> None:
        """Resolve by hand whatever stands, one after the other."""
        dice = Random(99)
        async with await AsyncConnection.connect(self.world.url, autocommit=True) as reader:
            while not self.over.is_set():
                cursor = await reader.execute(
                    "SELECT id FROM incidents WHERE resolved_at IS NULL AND kind = 'failed' ORDER BY id"
                )
                standing = [row[0] for row in await cursor.fetchall()]
                if standing:
                    incident_id = dice.choice(standing)
                    before = await resolve_incident(
                        caller.installation, caller.call(), incident_id, note="by hand", version=None
                    )
                    self.resolved_by_hand += before.resolution == "by_hand"
                await asyncio.sleep(0.005)

    async def sweep(self) -> None:
        """Find what is due unlocked, lock its monitors SKIP LOCKED, recompute, write: as the deadline sweep does."""
        async with await AsyncConnection.connect(self.world.url) as connection:
            while not self.over.is_set():
                async with connection.transaction():
                    cursor = await connection.execute(
                        "SELECT DISTINCT monitor_id FROM runs WHERE next_deadline_at IS NOT NULL LIMIT 10"
                    )
                    due = [row[0] for row in await cursor.fetchall()]
                    cursor = await connection.execute(
                        "SELECT id FROM monitors WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED", (due,)
                    )
                    locked = [row[0] for row in await cursor.fetchall()]
                    await connection.execute(
                        "UPDATE runs SET next_deadline_at = next_deadline_at + interval '1 second'"
                        " WHERE state = 'running' AND monitor_id = ANY(%s)",
                        (locked,),
                    )
                    await connection.execute(
                        "UPDATE incidents SET version = version + 1, next_reminder_at = now()"
                        " WHERE resolved_at IS NULL AND monitor_id = ANY(%s)",
                        (locked,),
                    )
                    self.swept += len(locked)
                await asyncio.sleep(0.005)


def replay(writes: list[dict]) -> tuple[tuple[int, int], list[tuple[str, int]]]:
    """Say what one monitor's counters and incidents must be, told again from its writes in commit order."""
    failures = successes = 0
    incidents: list[tuple[str, int]] = []
    for write in writes:
        stands = bool(incidents) and incidents[-1][0] == "open"
        if write["what"] == "by_hand":
            failures = 0
            incidents[-1] = ("by_hand", incidents[-1][1])
        elif write["what"] == "good":
            failures, successes = 0, successes + 1
            if stands and successes >= HEAL_AT:
                incidents[-1] = ("recovered", incidents[-1][1])
        else:
            failures, successes = failures + 1, 0
            if stands:
                incidents[-1] = ("open", incidents[-1][1] + 1)
            elif failures >= FAIL_AT:
                incidents.append(("open", 1))
    return (failures, successes), incidents


def check(world: World) -> None:
    writes = world.rows(
        "SELECT monitor_id, seq, CASE WHEN coalesce(exit_code, 0) = 0 THEN 'good' ELSE 'bad' END AS what"
        " FROM signals WHERE type IN ('finish', 'success', 'fail')"
        " UNION ALL SELECT i.monitor_id, e.seq, 'by_hand'"
        " FROM incident_events e JOIN incidents i ON i.id = e.incident_id"
        " WHERE e.event = 'resolved' AND e.actor <> 'rule' ORDER BY 1, 2"
    )
    by_monitor = {key: list(group) for key, group in groupby(writes, key=lambda row: row["monitor_id"])}
    for monitor in world.rows("SELECT id, failures_in_row, successes_in_row FROM monitors"):
        counters, incidents = replay(by_monitor.get(monitor["id"], []))
        assert (monitor["failures_in_row"], monitor["successes_in_row"]) == counters
        stands = world.rows(
            "SELECT coalesce(resolution, 'open') AS end, occurrence_count FROM incidents i WHERE monitor_id = %s"
            " ORDER BY (SELECT min(seq) FROM incident_events e WHERE e.incident_id = i.id)",
            monitor["id"],
        )
        assert [(row["end"], row["occurrence_count"]) for row in stands] == incidents
    gaps = (
        "SELECT i.id FROM incidents i JOIN incident_events e ON e.incident_id = i.id GROUP BY i.id"
        " HAVING count(*) <> i.event_count OR max(e.number) <> i.event_count OR min(e.number) <> 1"
        " OR count(e.occurrence_number) <> i.occurrence_count"
    )
    assert not world.rows(gaps)
    assert not world.rows(
        "SELECT 1 FROM incidents WHERE resolved_at IS NULL GROUP BY monitor_id, kind HAVING count(*) > 1"
    )
    # Each incident that stands is told by one live word to the one route; one that ended, by a last one.
    assert not world.rows(
        "SELECT i.id FROM incidents i LEFT JOIN (delivery_incidents di JOIN deliveries d ON d.id = di.delivery_id)"
        " ON di.incident_id = i.id AND di.live GROUP BY i.id"
        " HAVING count(di.*) <> 1 OR min(d.reason) <> CASE WHEN i.resolved_at IS NULL THEN 'opened' ELSE 'resolved' END"
    )
    assert world.count("signals") == world.one("SELECT count(DISTINCT id) FROM signals")
    assert world.count("runs") == world.count("run_keys")
    assert not world.rows("SELECT 1 FROM runs r WHERE NOT EXISTS (SELECT 1 FROM signals s WHERE s.run_id = r.id)")


@pytest.mark.faults
@pytest.mark.timeout(1_200 if FULL else 120)
async def test_two_processes_an_operator_and_a_sweep_on_the_same_monitors_break_nothing(world, two_processes):
    world.rows(NUMBERED)
    world.route()
    monitors = [world.monitor(failure_threshold=FAIL_AT, recovery_threshold=HEAL_AT) for _ in range(MONITORS)]
    stress = Stress(world, monitors)
    database = Database(world.url, name="operator", sessions=2)
    await database.open()
    try:
        limiter = LocalBuckets(world.clock)
        vault = Vault([ENCRYPTION_KEY])
        installation = Installation(database, world.clock, limiter, "https://luota.example", vault)
        caller = await make_caller(installation, Role.ADMIN)
        async with asyncio.timeout(1_000 if FULL else 60), asyncio.TaskGroup() as group:
            for number in range(WORKERS):
                group.create_task(stress.job(two_processes[number % 2], number))
            group.create_task(stress.operator(caller))
            group.create_task(stress.sweep())
    finally:
        await database.close()
    assert not stress.failures
    assert world.count("signals") >= SIGNALS
    assert stress.swept
    assert stress.resolved_by_hand
    with psycopg.connect(world.url, autocommit=True) as fresh:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert fresh.execute(deadlocks).fetchone() == (0,)
    check(world)
