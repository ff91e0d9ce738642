"""The composition root of `work`: a process that judges silence and tells people, and that no caller reaches."""

from __future__ import annotations

import logging as stdlib_logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luota_svc.app.delivery import build_delivery
from luota_svc.app.lifecycle import Lifecycle
from luota_svc.app.observing import build_telemetry, watch_loop
from luota_svc.app.readiness import Readiness
from luota_svc.app.sweeping import build_sweeper
from luota_svc.http_api.app import build_app
from luota_svc.http_api.journal import Journal
from luota_svc.http_api.probes import Probes
from luota_svc.http_api.server import HttpServer
from luota_svc.limits.absent import AbsentLimiter
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.store.wake import Bell
from luota_svc.telemetry.names import LOG_PUBLIC_URL_UNSET, METRIC_POOL_WAITING
from luota_svc.usecases.installation import Installation

if TYPE_CHECKING:
    from luota_svc.clock import Clock
    from luota_svc.settings import Settings
    from luota_svc.telemetry.logs import Logging

_LOG = stdlib_logging.getLogger(__name__)
# The sweep of incidents runs on them; telling has sessions of its own.
_SESSIONS = 3


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker."""

    lifecycle: Lifecycle
    http_port: int

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens, for the log."""
        return {"http_port": self.http_port}

    async def stop(self) -> None:
        """Stop everything, newest first, bounded; safe to repeat. Raises ExceptionGroup with what failed."""
        await self.lifecycle.stop()


async def build_worker(settings: Settings, clock: Clock, logging: Logging) -> Worker:
    """Build and start every room that work needs. A failure stops what was started and leaves as it came (OSError)."""
    lifecycle = Lifecycle(total_seconds=settings.stop.stop_seconds)
    try:
        return await _build(settings, clock, logging, lifecycle)
    except BaseException:
        await lifecycle.stop()
        raise


async def _build(settings: Settings, clock: Clock, logging: Logging, lifecycle: Lifecycle) -> Worker:
    assert settings.database.url is not None, "work requires LUOTA_DATABASE_URL"
    for warning in settings.worker_warnings():
        _LOG.warning(LOG_PUBLIC_URL_UNSET, extra={"reason": warning})
    telemetry = build_telemetry(logging, lifecycle)
    metrics, tracing = telemetry.metrics, telemetry.tracing

    url = settings.database.url.reveal()
    database = Database(url, name="luota-work", sessions=_SESSIONS)
    lifecycle.on_stop("database", database.close, 5.0)
    metrics.gauge(METRIC_POOL_WAITING, "Callers that wait for a database session.", lambda: database.waiting)
    bell = Bell(database)
    database.on_duties = bell.ring
    lifecycle.on_stop("bell", bell.stop, 1.0)
    bell.start()
    await database.begin()
    installation = Installation(
        database=database,
        clock=clock,
        limiter=AbsentLimiter(),
        public_url=settings.doors.public_url,
        vault=Vault([key.reveal() for key in settings.encryption.keys]),
    )
    sweeper = await build_sweeper(url, installation, metrics, lifecycle)
    delivery = await build_delivery(settings, installation, sweeper, telemetry, lifecycle)

    async def prepare() -> None:
        """Begin as soon as the tables stand."""
        sweeper.start()
        delivery.start()

    async def tell_nobody(_ready: bool) -> None:  # noqa: FBT001 - a callback of one bool
        """Nothing but the probe asks."""

    is_live = watch_loop(metrics, lifecycle)
    readiness = Readiness(database, tell_nobody, prepare=prepare)
    door = build_app(
        {},
        {},
        clock=clock,
        journal=Journal(
            clock=clock, tracing=tracing, metrics=metrics, access=logging.access.access, record=lambda _record: None
        ),
        probes=Probes(
            is_live=is_live,
            is_ready=lambda: readiness.is_ready,
            render_metrics=metrics.render,
        ),
        surfaces=(),
    )
    listen = settings.doors.http_listen
    http = HttpServer(door, host=listen.host, port=listen.port, clock=clock)
    lifecycle.on_stop("probes", lambda: http.stop(1.0), 3.0)
    await http.start()
    lifecycle.on_stop("readiness", readiness.drain, 1.0)
    readiness.start()
    return Worker(lifecycle, http.port)
