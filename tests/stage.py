"""One workspace on a clock that is moved by hand: jobs that report, an operator, a service that looks when it must."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from tests.builders import Process, World, ingest_process, outcome_of
from tests.management import Caller, make_caller
from tests.servers import ENCRYPTION_KEY

from luota_svc.clock import StubClock
from luota_svc.limits.local import LocalBuckets
from luota_svc.model.incidents import Incident
from luota_svc.model.maintenance import WindowScope, WindowSettings, WindowTimes
from luota_svc.model.monitors import Monitor, MonitorKind, MonitorSettings
from luota_svc.model.operators import Role
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.usecases import incidents, maintenance, monitors
from luota_svc.usecases.deadlines import Deadlines
from luota_svc.usecases.incident_deadlines import sweep_incidents
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.liveness import Liveness

LOOKS_MAX = 10_000


class Stage:
    """What a test acts with; seconds throughout, instants by the stage's own clock."""

    def __init__(
        self,
        world: World,
        clock: StubClock,
        process: Process,
        installation: Installation,
        olga: Caller,
        sweeping: Database,
    ) -> None:
        self.world = world
        self.clock = clock
        self.process = process
        self.installation = installation
        self.olga = olga
        self._numbers = count()
        self._deadlines = Deadlines(sweeping, clock, process.metrics)
        self._liveness = Liveness(process.database, clock, moving=lambda: True)

    # --- operators -----------------------------------------------------------------------------------------------

    async def monitor(self, kind: str = "run", **settings: Any) -> UUID:
        slug = f"m-{self.clock.new_id().hex[-12:]}"
        wanted = MonitorSettings(slug, "M", MonitorKind(kind), **settings)
        made = await monitors.create_monitor(self.installation, self.olga.call(), self.world.workspace_id, wanted, None)
        return made.id

    async def read(self, monitor: UUID) -> Monitor:
        return await monitors.get_monitor(self.installation, self.olga.call(), monitor)

    async def pause(self, monitor: UUID, seconds: float) -> None:
        await monitors.pause_monitor(self.installation, self.olga.call(), monitor, self.after(seconds))

    async def resume(self, monitor: UUID) -> None:
        await monitors.resume_monitor(self.installation, self.olga.call(), monitor)

    async def mute(self, monitor: UUID, seconds: float) -> None:
        await monitors.mute_monitor(self.installation, self.olga.call(), monitor, self.after(seconds))

    async def unmute(self, monitor: UUID) -> None:
        await monitors.unmute_monitor(self.installation, self.olga.call(), monitor)

    async def window(self, seconds: float, *only: UUID) -> None:
        times = WindowTimes(self.clock.now(), self.after(seconds))
        settings = WindowSettings(WindowScope(frozenset(only)), times, "Move of the racks")
        await maintenance.create_window(self.installation, self.olga.call(), self.world.workspace_id, settings, None)

    async def delete(self, monitor: UUID) -> None:
        await monitors.delete_monitor(self.installation, self.olga.call(), monitor)

    async def acknowledge(self, incident: UUID, seconds: float | None = None) -> Incident:
        until = None if seconds is None else self.after(seconds)
        return await incidents.acknowledge_incident(
            self.installation, self.olga.call(), incident, until=until, note="", version=None
        )

    async def assign(self, incident: UUID, assignee: str) -> Incident:
        return await incidents.assign_incident(
            self.installation, self.olga.call(), incident, assignee=assignee, version=None
        )

    async def note(self, incident: UUID, text: str = "looking") -> Incident:
        return await incidents.add_note(self.installation, self.olga.call(), incident, note=text, version=None)

    async def resolve(self, incident: UUID) -> Incident:
        return await incidents.resolve_incident(self.installation, self.olga.call(), incident, note="", version=None)

    # --- jobs ----------------------------------------------------------------------------------------------------

    def name(self) -> str:
        """Return a run's name that nobody has used."""
        return f"run-{next(self._numbers)}"

    async def fails(self, monitor: UUID, **evidence: Any) -> UUID:
        """Let a whole run fail and return its id."""
        return (await self.process.finish(monitor, self.name(), 1, **evidence)).run.id

    async def succeeds(self, monitor: UUID, **evidence: Any) -> UUID:
        """Let a whole run succeed and return its id."""
        return (await self.process.finish(monitor, self.name(), **evidence)).run.id

    # --- time ----------------------------------------------------------------------------------------------------

    def after(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    async def pass_time(self, seconds: float) -> None:
        """Let time go by, with a look at each instant at which something is due, as the sweep's loop has."""
        await self.go_to(self.after(seconds))

    async def go_to(self, end: datetime) -> None:
        """Let time go by up to an instant."""
        for _ in range(LOOKS_MAX):
            due_at = self.due_at()
            if due_at is None or due_at > end:
                break
            self.clock.advance(max(0.0, (due_at - self.clock.now()).total_seconds()))
            await self.look()
        else:
            raise AssertionError("the service looks and looks")
        self.clock.advance((end - self.clock.now()).total_seconds())
        await self.look()

    def due_at(self) -> datetime | None:
        """Return when the service must look next; silence is judged a second after its deadline."""
        found: datetime | None = self.world.one(
            "SELECT least((SELECT min(next_deadline_at) + interval '1 second' FROM monitors WHERE deleted_at IS NULL),"
            " (SELECT min(next_deadline_at) + interval '1 second' FROM runs),"
            " (SELECT min(next_deadline_at) FROM incidents))"
        )
        return found

    async def look(self) -> None:
        """Look at everything that is due; the service has been here all the time."""
        self._here()
        while await self._deadlines.sweep():
            pass
        while await sweep_incidents(self.installation):
            pass

    def _here(self) -> None:
        self.world.rows(
            "INSERT INTO ingest_liveness (process_id, last_seen_at) VALUES (%s, %s)"
            " ON CONFLICT (process_id) DO UPDATE SET last_seen_at = excluded.last_seen_at",
            self.world.workspace_id,
            self.clock.now(),
        )

    async def be_away(self, seconds: float) -> None:
        """Be stopped for so long: nobody takes signals, nobody looks; then start again."""
        self._here()
        self.clock.advance(seconds)
        await self._liveness.beat()
        await self.look()

    def forget(self) -> None:
        """Let nothing be due any more and no window be open: the next test begins with nothing of its own."""
        self.world.rows("UPDATE monitors SET deleted_at = %s, next_deadline_at = NULL", self.clock.now())
        self.world.rows("UPDATE runs SET next_deadline_at = NULL WHERE next_deadline_at IS NOT NULL")
        self.world.rows("UPDATE incidents SET next_deadline_at = NULL WHERE next_deadline_at IS NOT NULL")
        self.world.rows("DELETE FROM maintenance_windows")
        self.world.rows("DELETE FROM ingest_gaps")

    # --- rows ----------------------------------------------------------------------------------------------------

    def runs(self, monitor: UUID) -> list[dict[str, Any]]:
        """Return a monitor's runs, the oldest first."""
        return self.world.rows("SELECT * FROM runs WHERE monitor_id = %s ORDER BY received_at, id", monitor)

    def incident(self, incident: UUID) -> Mapping[str, Any]:
        (row,) = self.world.rows("SELECT * FROM incidents WHERE id = %s", incident)
        return row

    def incidents(self, monitor: UUID) -> list[dict[str, Any]]:
        """Return a monitor's incidents, the oldest first."""
        return self.world.rows("SELECT * FROM incidents WHERE monitor_id = %s ORDER BY opened_at, id", monitor)

    def standing(self, monitor: UUID) -> dict[str, dict[str, Any]]:
        """Return what stands unresolved on a monitor, by kind."""
        return {row["kind"]: row for row in self.incidents(monitor) if row["resolved_at"] is None}

    def timeline(self, incident: UUID) -> list[str]:
        rows = self.world.rows("SELECT event FROM incident_events WHERE incident_id = %s ORDER BY number", incident)
        return [row["event"] for row in rows]

    def counters(self, monitor: UUID) -> tuple[int, int]:
        """Return failures and successes in a row."""
        (row,) = self.world.rows("SELECT failures_in_row, successes_in_row FROM monitors WHERE id = %s", monitor)
        return row["failures_in_row"], row["successes_in_row"]


@asynccontextmanager
async def stage(database_url: str) -> AsyncIterator[Stage]:
    """Set one up on a database of its own; it is noon of the stub's day."""
    clock = StubClock()
    world = World(database_url, clock)
    operating = Database(database_url, name="operators", sessions=2)
    # Of its own, for its statements are prepared by hand.
    sweeping = Database(database_url, name="sweep", sessions=1)
    async with AsyncExitStack() as stack:
        stack.callback(world.close)
        for database in (operating, sweeping):
            await database.open()
            stack.push_async_callback(database.close)
        limiter: Any = LocalBuckets(clock)
        installation = Installation(operating, clock, limiter, "https://luota.example", Vault([ENCRYPTION_KEY]))
        process = await stack.enter_async_context(ingest_process(world))
        olga = await make_caller(installation, Role.OPERATOR, world.workspace_id)
        yield Stage(world, clock, process, installation, olga, sweeping)


__all__ = ["Stage", "outcome_of", "stage"]
