"""One monitor with two routes, and what operators, jobs and time do to it."""

from datetime import timedelta

import pytest
from tests.management import Caller

from luota_svc.model.maintenance import WindowScope, WindowSettings, WindowTimes
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.usecases import incidents, maintenance
from luota_svc.usecases.incident_deadlines import sweep_incidents
from luota_svc.usecases.keys import Scope, create_key
from luota_svc.usecases.monitors import create_monitor, mute_monitor, unmute_monitor, update_monitor

BACKUP = MonitorSettings("backup", "Backup", MonitorKind.RUN, tags={"db": "main"})


class Scene:
    """One monitor, two routes, and whatever happens to it."""

    def __init__(self, installation, house, ingest, token, monitor):
        self.at, self.house, self.monitor, self.clock = installation, house, monitor, installation.clock
        self._ingest, self._token = ingest, token
        self._runs = iter(range(10_000))

    async def _report(self, type_, **words):
        call = Caller(self.at, self._token).call()
        return await self._ingest.report(call, Report(type_, monitor_id=self.monitor.id, **words))

    async def start(self, run):
        return await self._report(SignalType.START, evidence=Evidence(), external_run_id=run)

    async def finish(self, exit_code, run=None):
        evidence = Evidence(exit_code=exit_code)
        return await self._report(
            SignalType.FINISH, evidence=evidence, external_run_id=run or f"run-{next(self._runs)}"
        )

    async def fail(self, run=None):
        return (await self.finish(1, run)).incident

    async def succeed(self):
        return (await self.finish(0)).incident

    async def mute(self, seconds):
        return await mute_monitor(self.at, self.call(), self.monitor.id, self.later(seconds))

    async def unmute(self):
        return await unmute_monitor(self.at, self.call(), self.monitor.id)

    async def window(self, begin, end, scope=None):
        times = WindowTimes(self.later(begin), self.later(end))
        settings = WindowSettings(scope or WindowScope(), times, "New disks")
        return await maintenance.create_window(self.at, self.call(), self.house.ours, settings, None)

    def later(self, seconds):
        return self.clock.now() + timedelta(seconds=seconds)

    def call(self):
        return self.house.olga.call()

    async def sweep(self, seconds=0):
        """Let time pass and look."""
        self.clock.advance(seconds)
        return await sweep_incidents(self.at)

    async def rows(self, statement, **words):
        async with self.at.database.unit() as unit:
            return await unit.rows(statement, words)

    async def row(self, incident):
        (row,) = await self.rows("SELECT * FROM incidents WHERE id = %(id)s", id=incident.id)
        return row

    async def told(self):
        """Which words were said, in order."""
        rows = await self.rows(
            "SELECT d.reason, d.state FROM deliveries d JOIN delivery_incidents di ON di.delivery_id = d.id"
            " ORDER BY d.created_at, di.sequence, d.id"
        )
        return [row["reason"] for row in rows if row["state"] != "cancelled"]

    async def deliver(self):
        """Let the provider take what waits."""
        await self.rows(
            "WITH done AS (UPDATE deliveries SET state = 'delivered', next_attempt_at = NULL, settled_at = now()"
            " WHERE state = 'pending' RETURNING id)"
            " UPDATE delivery_incidents SET live = false WHERE delivery_id IN (SELECT id FROM done) RETURNING 1"
        )

    async def events(self, incident):
        rows = await self.rows(
            "SELECT event FROM incident_events WHERE incident_id = %(id)s ORDER BY number", id=incident.id
        )
        return [row["event"] for row in rows]

    async def acknowledge(self, incident, seconds=None):
        until = self.later(seconds) if seconds is not None else None
        return await incidents.acknowledge_incident(
            self.at, self.call(), incident.id, until=until, note="", version=None
        )

    async def remind(self, seconds):
        changes = {"remind_every_seconds": seconds}
        await update_monitor(self.at, self.call(), self.monitor.id, changes, None)


@pytest.fixture
async def scene(installation, house, ingest):
    monitor = await create_monitor(installation, house.olga.call(), house.ours, BACKUP, None)
    scope = Scope(workspace_id=house.ours)
    key = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)
    async with installation.database.unit() as unit:
        await unit.run(
            "INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask,"
            " destination, fallback, after_seconds, enabled, state, created_at, updated_at) VALUES (%(id)s,"
            " %(workspace)s, 'r', 'webhook', '{}', 'info', '', '', decode(repeat('00', 32), 'hex'), false, 0, true,"
            " 'unproven', now(), now())",
            {"id": installation.clock.new_id(), "workspace": house.ours},
        )
    return Scene(installation, house, ingest, key.token, monitor)
