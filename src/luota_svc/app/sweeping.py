"""Builds what time does to monitors, incidents and duties, apart from whoever calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from luota_svc.store.database import Database
from luota_svc.usecases.deadlines import SWEEP_BATCH, Deadlines
from luota_svc.usecases.incident_deadlines import sweep_incidents
from luota_svc.workers.sweep import Sweeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from luota_svc.app.lifecycle import Lifecycle
    from luota_svc.telemetry.metrics import Metrics
    from luota_svc.usecases.installation import Installation

# One that sweeps, one that takes its place when it is cut.
_SESSIONS = 2


async def build_sweeper(url: str, installation: Installation, metrics: Metrics, lifecycle: Lifecycle) -> Sweeper:
    """Build the judgement of silence and of incidents' deadlines; it begins when the tables stand."""
    database = Database(url, name="luota-sweep", sessions=_SESSIONS, prepare_threshold=None)
    database.on_duties = installation.database.on_duties
    lifecycle.on_stop("sweep sessions", database.close, 5.0)
    await database.begin()
    deadlines = Deadlines(database, installation.clock, metrics)
    sweeps: dict[str, Callable[[], Awaitable[int]]] = {
        "silence": deadlines.sweep,
        "incidents": partial(sweep_incidents, installation),
    }
    sweeper = Sweeper(sweeps, full=SWEEP_BATCH)
    lifecycle.on_stop("sweep", sweeper.stop, 3.0)
    return sweeper
