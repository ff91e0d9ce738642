"""The composition root: a straight line that builds every room; each cleanup stands on the line after its maker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from luota_svc.app.first_admin import bring_first_admin
from luota_svc.app.lifecycle import Lifecycle
from luota_svc.app.observing import build_telemetry, watch_loop
from luota_svc.app.readiness import Readiness
from luota_svc.app.route_policy import target_policy
from luota_svc.app.sweeping import build_sweeper
from luota_svc.core.drills import DrillReceiver
from luota_svc.core.inbox import Inbox
from luota_svc.core.ingest import IngestCore
from luota_svc.core.local import LocalCore
from luota_svc.core.provider_webhooks import ProviderWebhooks
from luota_svc.grpc_api.observing import Hooks
from luota_svc.grpc_api.server import GrpcServer
from luota_svc.http_api.app import build_app
from luota_svc.http_api.journal import Journal
from luota_svc.http_api.probes import Probes
from luota_svc.http_api.protocol import Bounds
from luota_svc.http_api.server import HttpServer
from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.store.wake import Bell
from luota_svc.telemetry.names import METRIC_POOL_WAITING
from luota_svc.usecases.admission import Admission
from luota_svc.usecases.batch import Batch
from luota_svc.usecases.ingest import Ingest
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.key_usage import KeyUsage
from luota_svc.usecases.lanes import IngestLanes
from luota_svc.usecases.liveness import BEAT_SECONDS, Liveness, forget_old_liveness
from luota_svc.usecases.memories import MonitorSlugs, RunOwners
from luota_svc.usecases.partitions import ensure_partitions
from luota_svc.usecases.requests import RequestRecorder
from luota_svc.usecases.watching import Watching
from luota_svc.workers.sweep import Pulse
from luota_svc.workers.upkeep import Upkeep

if TYPE_CHECKING:
    from luota_svc.app.delivery import Delivery
    from luota_svc.app.observing import Telemetry
    from luota_svc.clock import Clock
    from luota_svc.settings import Settings
    from luota_svc.telemetry.logs import Logging
    from luota_svc.web.pages import Page
    from luota_svc.workers.sweep import Sweeper

# The batch's own bounds (design: performance): above them a batch is a 503, so they stay under a caller's patience.
_BATCH_STATEMENT_TIMEOUT_MS = 2_000
_BATCH_LOCK_TIMEOUT_MS = 500
# One session for each lane, one to ask after a cut COMMIT, one for looking up keys.
_BATCH_SESSIONS = 4


@dataclass(frozen=True, slots=True)
class Application:
    """A running Luota."""

    installation: Installation
    readiness: Readiness
    lifecycle: Lifecycle
    http_port: int
    grpc_port: int

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens, for the log."""
        return {"http_port": self.http_port, "grpc_port": self.grpc_port}

    async def stop(self) -> None:
        """Stop everything, newest first, bounded; safe to repeat. Raises ExceptionGroup with what failed."""
        await self.lifecycle.stop()


@dataclass(frozen=True, slots=True)
class _Service:
    """What stands behind the doors."""

    installation: Installation
    admission: Admission
    core: LocalCore
    recorder: RequestRecorder
    upkeep: Upkeep
    pulse: Pulse
    sweeper: Sweeper
    # Of a process that also tells people.
    delivery: Delivery | None


async def build(settings: Settings, clock: Clock, logging: Logging) -> Application:
    """Build and start the doors. A failure stops what was started and leaves as it came (OSError, AddressTaken).

    Nothing waits for PostgreSQL or Redis: the doors open not ready and answer 503 until the database is there.
    """
    return await _build_or_stop(settings, clock, logging, with_workers=False)


async def build_with_workers(settings: Settings, clock: Clock, logging: Logging) -> Application:
    """Build and start the doors and a worker in one process, as `dev` has them; else as `build`."""
    return await _build_or_stop(settings, clock, logging, with_workers=True)


async def _build_or_stop(settings: Settings, clock: Clock, logging: Logging, *, with_workers: bool) -> Application:
    lifecycle = Lifecycle(total_seconds=settings.stop.stop_seconds)
    try:
        return await _build(settings, clock, logging, lifecycle, with_workers=with_workers)
    except BaseException:
        await lifecycle.stop()
        raise


async def _build(
    settings: Settings, clock: Clock, logging: Logging, lifecycle: Lifecycle, *, with_workers: bool
) -> Application:
    """First what serves, then the doors in front of it: they open last and close first."""
    telemetry = build_telemetry(logging, lifecycle)
    behind = await _build_service(settings, clock, telemetry, lifecycle, with_workers=with_workers)
    return await _open_doors(settings, clock, telemetry, lifecycle, behind)


async def _build_service(
    settings: Settings,
    clock: Clock,
    telemetry: Telemetry,
    lifecycle: Lifecycle,
    *,
    with_workers: bool,
) -> _Service:
    assert settings.database.url is not None, "serve requires LUOTA_DATABASE_URL"
    assert settings.redis.url is not None, "serve requires LUOTA_REDIS_URL"
    assert settings.encryption.keys, "serve requires LUOTA_ENCRYPTION_KEYS"
    url = settings.database.url.reveal()
    database = Database(url, name="luota", sessions=settings.database.pool_size)
    lifecycle.on_stop("database", database.close, 5.0)
    batches = Database(
        url,
        name="luota-ingest",
        sessions=_BATCH_SESSIONS,
        statement_timeout_ms=_BATCH_STATEMENT_TIMEOUT_MS,
        lock_timeout_ms=_BATCH_LOCK_TIMEOUT_MS,
        prepare_threshold=None,
    )
    lifecycle.on_stop("ingest sessions", batches.close, 5.0)
    telemetry.metrics.gauge(METRIC_POOL_WAITING, "Callers that wait for a database session.", lambda: database.waiting)
    bell = Bell(database)
    database.on_duties = batches.on_duties = bell.ring
    lifecycle.on_stop("bell", bell.stop, 1.0)
    bell.start()
    await database.begin()
    await batches.begin()

    limiter = RedisLimiter(settings.redis.url.reveal(), clock, on_degraded=telemetry.metrics.ratelimit_degraded)
    lifecycle.on_stop("limiter", limiter.aclose, 2.0)
    await limiter.open()

    installation = Installation(
        database=database,
        clock=clock,
        limiter=limiter,
        public_url=settings.doors.public_url,
        vault=Vault([key.reveal() for key in settings.encryption.keys]),
        targets=target_policy(settings),
    )
    return await _build_core(settings, installation, limiter, batches, telemetry, lifecycle, with_workers=with_workers)


async def _build_core(
    settings: Settings,
    installation: Installation,
    limiter: RedisLimiter,
    batches: Database,
    telemetry: Telemetry,
    lifecycle: Lifecycle,
    *,
    with_workers: bool,
) -> _Service:
    """Build the use cases over what is open, and what time does."""
    assert settings.database.url is not None
    database, clock = installation.database, installation.clock
    metrics, tracing = telemetry.metrics, telemetry.tracing
    recorder = RequestRecorder(database, on_drop=metrics.request_records_dropped)
    lifecycle.on_stop("request records", recorder.stop, 3.0)
    recorder.start()
    key_usage = KeyUsage(database, clock)
    kept_days = settings.support.requests_kept_days
    upkeep = Upkeep(
        ensure_partitions=partial(ensure_partitions, database, requests_kept_days=kept_days),
        write_key_usage=key_usage.write,
        forget_liveness=partial(forget_old_liveness, database, clock),
    )
    lifecycle.on_stop("upkeep", upkeep.stop, 3.0)

    owners, slugs = RunOwners(), MonitorSlugs()
    admission = Admission(
        database=batches, limiter=limiter, limits=settings.limits, owners=owners, slugs=slugs, metrics=metrics
    )
    batch = Batch(
        database=batches,
        clock=clock,
        tracing=tracing,
        owners=owners,
        slugs=slugs,
        on_limits=admission.remember_limits,
        on_dead=admission.remember_dead,
        on_commit_unknown=partial(metrics.batch_outcome, "commit_unknown"),
    )
    lanes = IngestLanes(batch, owners=owners, clock=clock, metrics=metrics)
    await lanes.start()
    lifecycle.on_stop("ingest lanes", lanes.stop, 5.0)
    ingest = Ingest(admission=admission, lanes=lanes, clock=clock, on_key_used=key_usage.note)
    reporting = IngestCore(ingest, public_url=installation.public_url)
    watching = Watching(installation)
    lifecycle.on_stop("watching", watching.stop, 1.0)
    core = LocalCore(installation, ingest=reporting.methods(), watching=watching, tracing=tracing)
    pulse = Pulse(Liveness(batches, clock, moving=lambda: lanes.moving).beat, every_seconds=BEAT_SECONDS)
    lifecycle.on_stop("pulse", pulse.stop, 3.0)
    sweeper = await build_sweeper(settings.database.url.reveal(), installation, metrics, lifecycle)
    delivery = None
    if with_workers:
        # Not above: a `serve` that tells nobody starts a fifth sooner without what speaks to vendors.
        from luota_svc.app.delivery import build_delivery

        delivery = await build_delivery(settings, installation, sweeper, telemetry, lifecycle)
    return _Service(installation, admission, core, recorder, upkeep, pulse, sweeper, delivery)


async def _open_doors(
    settings: Settings,
    clock: Clock,
    telemetry: Telemetry,
    lifecycle: Lifecycle,
    behind: _Service,
) -> Application:
    drain_seconds = settings.stop.drain_seconds
    metrics, tracing, access = telemetry.metrics, telemetry.tracing, telemetry.logging.access
    core, record, database = behind.core, behind.recorder.record, behind.installation.database
    is_live = watch_loop(metrics, lifecycle)

    grpc = GrpcServer(
        core.methods,
        core.streams,
        hooks=Hooks(tracing=tracing, metrics=metrics, access=access, record=record),
        clock=clock,
        trusted_proxies=settings.doors.trusted_proxies,
    )

    async def prepare() -> None:
        """Do what needs the tables, as soon as they stand."""
        await bring_first_admin(database, clock, settings.bootstrap.token)
        behind.upkeep.start()
        # The first word that this process takes signals also keeps the time in which nobody did.
        behind.pulse.start()
        behind.sweeper.start()
        if behind.delivery is not None:
            behind.delivery.start()

    readiness = Readiness(database, grpc.set_ready, prepare=prepare)
    app = build_app(
        core.methods,
        core.streams,
        clock=clock,
        journal=Journal(clock=clock, tracing=tracing, metrics=metrics, access=access.access, record=record),
        probes=Probes(
            is_live=is_live,
            is_ready=lambda: readiness.is_ready,
            render_metrics=metrics.render,
        ),
        trusted_proxies=settings.doors.trusted_proxies,
        pages=_pages(settings, behind.installation),
        public_url=settings.doors.public_url,
        receive_drill=DrillReceiver(behind.installation, admit=behind.admission.admit_stranger).receive,
        provider_webhooks=ProviderWebhooks(behind.installation, admit=behind.admission.admit_stranger),
    )
    http = HttpServer(
        app,
        host=settings.doors.http_listen.host,
        port=settings.doors.http_listen.port,
        clock=clock,
        bounds=Bounds(body_seconds=settings.doors.slow_body_seconds),
    )

    async def close_doors() -> None:
        """Refuse new and finish old at both doors at once; what they wait for still commits."""
        await asyncio.gather(http.stop(drain_seconds), grpc.stop(drain_seconds))

    lifecycle.on_stop("doors", close_doors, drain_seconds + 2.0)
    await http.start()
    grpc_port = await grpc.start(str(settings.doors.grpc_listen))
    lifecycle.on_stop("readiness", readiness.drain, 1.0)
    readiness.start()
    return Application(behind.installation, readiness, lifecycle, http.port, grpc_port)


def _pages(settings: Settings, installation: Installation) -> dict[str, Page]:
    """Return the pages of the inbox, which only `dev` has."""
    if settings.dev_file is None:
        return {}
    from luota_svc.web.inbox import inbox_pages

    return inbox_pages(
        Inbox(installation),
        now=installation.clock.now,
        origin=installation.public_url,
        dev_file=str(settings.dev_file),
    )
