"""A monitor whose runs fail, a route that is told of it, and what an operator does about its incidents."""

import pytest
from tests.management import Caller

from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.usecases import incidents
from luota_svc.usecases.keys import Scope, create_key
from luota_svc.usecases.monitors import create_monitor

BACKUP = MonitorSettings("backup", "Backup", MonitorKind.RUN, failure_threshold=2)


@pytest.fixture
async def monitor(installation, house):
    return await create_monitor(installation, house.olga.call(), house.ours, BACKUP, None)


@pytest.fixture
async def fail(installation, house, monitor, ingest):
    """Let runs of the monitor fail and return the incident that stands, if any."""
    scope = Scope(workspace_id=house.ours)
    made = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)
    numbers = iter(range(1_000))

    async def fail(times=1):
        for _ in range(times):
            report = Report(
                SignalType.FINISH,
                Evidence(exit_code=1),
                monitor_id=monitor.id,
                external_run_id=f"run-{next(numbers)}",
            )
            accepted = await ingest.report(Caller(installation, made.token).call(), report)
        return accepted.incident

    return fail


async def resolve(house, incident, caller=None, *, note="", version=None):
    call = (caller or house.olga).call()
    return await incidents.resolve_incident(house.installation, call, incident.id, note=note, version=version)
