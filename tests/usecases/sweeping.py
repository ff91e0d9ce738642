"""A stub clock, an ingest process and sweepers on one database: time moves by hand, everything else is real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.builders import Process, World, ingest_process

from luota_svc.clock import StubClock
from luota_svc.store.database import Database
from luota_svc.telemetry.metrics import Metrics
from luota_svc.usecases.deadlines import Deadlines
from luota_svc.usecases.liveness import Liveness


@dataclass
class Time:
    """Signals by `process`, silence by `sweep`, both by one clock; the process is alive whenever time passes."""

    world: World
    clock: StubClock
    process: Process
    database: Database
    liveness: Liveness
    metrics: Metrics = field(default_factory=Metrics)
    alive: bool = True

    def monitor(self, **settings: Any) -> UUID:
        """Make a monitor as the management does: silence counts from now on, and it is looked at at once."""
        now = self.clock.now()
        if "interval_seconds" not in settings and settings.get("kind") == "heartbeat":
            settings.setdefault("schedule_cron", "0 * * * *")
        return self.world.monitor(judged_from=now, settled_until=now, next_deadline_at=now, **settings)

    async def passes(self, **span: float) -> int:
        """Let time pass and judge what is due at its end; return how much was looked at."""
        self.clock.advance(timedelta(**span).total_seconds())
        if self.alive:  # and was all the while
            self.world.rows("UPDATE ingest_liveness SET last_seen_at = %s", self.clock.now())
        return await self.look()

    async def until(self, at: datetime) -> int:
        """Let time pass up to an instant."""
        return await self.passes(seconds=(at - self.clock.now()).total_seconds())

    async def look(self) -> int:
        """Judge all that is due now."""
        if self.alive:
            await self.liveness.beat()
        looked_at = 0
        sweeper = Deadlines(self.database, self.clock, self.metrics)
        while found := await sweeper.sweep():
            looked_at += found
        return looked_at

    def incidents(self, monitor: UUID) -> list[tuple[str, str, str, int]]:
        """Return kind, state, reason and occurrences of a monitor's incidents, oldest first."""
        rows = self.world.rows(
            "SELECT kind, state, reason, occurrence_count FROM incidents WHERE monitor_id = %s ORDER BY opened_at, id",
            monitor,
        )
        return [(row["kind"], row["state"], row["reason"], row["occurrence_count"]) for row in rows]

    def row(self, monitor: UUID) -> dict[str, Any]:
        (row,) = self.world.rows("SELECT * FROM monitors WHERE id = %s", monitor)
        return row

    def run(self, run_id: UUID) -> dict[str, Any]:
        (row,) = self.world.rows("SELECT * FROM runs WHERE id = %s", run_id)
        return row


@asynccontextmanager
async def time_on(url: str) -> AsyncIterator[Time]:
    """Begin at noon UTC of 2026-05-25, a Monday."""
    clock = StubClock()
    world = World(url, clock)
    database = Database(url, name="sweep", sessions=2, prepare_threshold=None)
    await database.open()
    try:
        async with ingest_process(world) as process:
            liveness = Liveness(process.database, clock, moving=lambda: process.lanes.moving)
            yield Time(world, clock, process, database, liveness)
    finally:
        await database.close()
        world.close()


@pytest.fixture
async def time(database_url) -> AsyncIterator[Time]:
    async with time_on(database_url) as time:
        yield time
