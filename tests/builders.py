"""Facts by SQL for the ingest path, and processes without doors: several on one database are several replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from luota_svc.clock import Clock, RealClock
from luota_svc.limits.local import LocalBuckets
from luota_svc.model.call import Call, Door
from luota_svc.model.errors import LuotaError
from luota_svc.model.keys import KeyFacts
from luota_svc.model.limits import IngestLimits, Limiter
from luota_svc.model.signals import Accepted, Evidence, Report, SignalType
from luota_svc.rules.ingest_key import format_token, hash_secret
from luota_svc.store.database import Database
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.tracing_setup import build_tracing
from luota_svc.usecases.admission import Admission
from luota_svc.usecases.batch import Batch
from luota_svc.usecases.ingest import Ingest
from luota_svc.usecases.lanes import IngestLanes
from luota_svc.usecases.memories import MonitorSlugs, RunOwners

PATIENCE_SECONDS = 4.5
NO_LIMITS = IngestLimits(0, 0, 0, 0)


@dataclass(frozen=True)
class Key:
    """An ingest key and the token that shows it."""

    id: UUID
    token: str


class World:
    """What operators made, written by SQL; and every row to look at. One session, autocommit."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = url
        self.clock = clock or RealClock()
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self.workspace_id = self.workspace()
        self.key = self.make_key()
        self.token = self.key.token

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        cursor = self._connection.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *parameters: Any) -> Any:
        """Return the only value of the only row."""
        (row,) = self.rows(statement, *parameters)
        (value,) = row.values()
        return value

    def count(self, table: str, where: str = "true", *parameters: Any) -> int:
        count: int = self.one(f"SELECT count(*) FROM {table} WHERE {where}", *parameters)
        return count

    def waiting(self) -> int:
        """Return how many sessions of this database wait for a lock."""
        return self.count("pg_stat_activity", "wait_event_type = 'Lock' AND datname = current_database()")

    def workspace(self) -> UUID:
        workspace_id = self.clock.new_id()
        self.rows(
            "INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (%s, %s, 'W', now(), now())",
            workspace_id,
            f"w-{workspace_id.hex[-12:]}",
        )
        return workspace_id

    def make_key(self, workspace_id: UUID | None = None, monitor_id: UUID | None = None) -> Key:
        key_id, secret = self.clock.new_id(), self.clock.new_secret()
        self.rows(
            "INSERT INTO ingest_keys (id, workspace_id, monitor_id, name, secret_hash, created_at)"
            " VALUES (%s, %s, %s, 'k', %s, now())",
            key_id,
            workspace_id or self.workspace_id,
            monitor_id,
            hash_secret(secret),
        )
        return Key(key_id, format_token("wfmn1" if monitor_id else "wfws1", key_id, secret))

    def monitor(self, slug: str | None = None, workspace_id: UUID | None = None, **settings: Any) -> UUID:
        monitor_id = self.clock.new_id()
        row = {
            "id": monitor_id,
            "workspace_id": workspace_id or self.workspace_id,
            "slug": slug or f"m-{monitor_id.hex[-12:]}",
            "name": "M",
            "kind": "run",
            "grace_seconds": 300,
            "failure_threshold": 1,
            "recovery_threshold": 1,
            "remind_every_seconds": 0,
            "severity": "error",
            "owner": "",
            "runbook_url": "",
            "environment": "",
            "promise": "",
            "tags": "{}",
            "created_at": self.clock.now(),
            "updated_at": self.clock.now(),
            **settings,
        }
        self._insert("monitors", row)
        return monitor_id

    def route(self, workspace_id: UUID | None = None, **settings: Any) -> UUID:
        route_id = self.clock.new_id()
        row = {
            "id": route_id,
            "workspace_id": workspace_id or self.workspace_id,
            "name": "R",
            "kind": "inbox",
            "monitor_ids": [],
            "min_severity": "info",
            "target": b"",
            "target_mask": "",
            "destination": bytes(32),
            "fallback": False,
            "after_seconds": 0,
            "enabled": True,
            "state": "unproven",
            "created_at": self.clock.now(),
            "updated_at": self.clock.now(),
            **settings,
        }
        self._insert("alert_routes", row)
        return route_id

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        places = ", ".join(["%s"] * len(row))
        self.rows(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())


@dataclass
class Process:
    """One ingest process: the rooms below the doors, composed as the application composes them."""

    world: World
    database: Database
    lanes: IngestLanes
    ingest: Ingest
    owners: RunOwners
    metrics: Metrics
    clock: Clock
    used: list[KeyFacts] = field(default_factory=list)
    patience: float = PATIENCE_SECONDS

    def call(self, token: str | None = None, *, patience: float | None = None) -> Call:
        return Call(
            door=Door.HTTP,
            method="test",
            request_id=self.clock.new_request_id(),
            received_at=self.clock.now(),
            expires_at=self.clock.monotonic() + (patience or self.patience),
            source_address="192.0.2.1",
            credentials=(token or self.world.token,),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )

    async def send(self, report: Report, token: str | None = None, *, patience: float | None = None) -> Accepted:
        return await self.ingest.report(self.call(token, patience=patience), report)

    async def send_many(
        self, reports: Sequence[Report | LuotaError], token: str | None = None
    ) -> list[Accepted | Exception]:
        """Send as one batch call; the limit of a hundred is the doors'."""
        return await self.ingest.report_many(self.call(token), reports)

    def outcomes(self, outcome: str) -> int:
        """Tell how many batches ended this way."""
        return int(self.metrics._batch_outcomes[outcome]._value.get())

    async def start(self, monitor: UUID | str, run: str, **evidence: Any) -> Accepted:
        return await self.send(start(monitor, run, **evidence))

    async def success(self, monitor: UUID | str, run: str | UUID, **evidence: Any) -> Accepted:
        return await self.send(close(SignalType.SUCCESS, monitor, run, **evidence))

    async def fail(self, monitor: UUID | str, run: str | UUID, **evidence: Any) -> Accepted:
        return await self.send(close(SignalType.FAIL, monitor, run, **evidence))

    async def finish(self, monitor: UUID | str, run: str, exit_code: int = 0, **evidence: Any) -> Accepted:
        return await self.send(finish(monitor, run, exit_code, **evidence))

    async def progress(self, monitor: UUID | str, run: str | UUID, **evidence: Any) -> Accepted:
        return await self.send(close(SignalType.PROGRESS, monitor, run, **evidence))

    async def ping(self, monitor: UUID | str, signal_key: str | None = None, **evidence: Any) -> Accepted:
        return await self.send(ping(monitor, signal_key, **evidence))


def _named(monitor: UUID | str) -> dict[str, Any]:
    return {"monitor_id": monitor} if isinstance(monitor, UUID) else {"monitor": monitor}


def start(monitor: UUID | str, run: str, timeout_seconds: int | None = None, **evidence: Any) -> Report:
    return Report(
        SignalType.START,
        Evidence(**evidence),
        external_run_id=run,
        timeout_seconds=timeout_seconds,
        **_named(monitor),
    )


def close(type_: SignalType, monitor: UUID | str, run: str | UUID, **evidence: Any) -> Report:
    """A success, a failure or a progress, by the job's own name for the run or by our id."""
    if isinstance(run, UUID):
        return Report(type_, Evidence(**evidence), run_id=run)
    return Report(type_, Evidence(**evidence), external_run_id=run, **_named(monitor))


def finish(monitor: UUID | str, run: str, exit_code: int = 0, **evidence: Any) -> Report:
    kept = Evidence(exit_code=exit_code, **evidence)
    return Report(SignalType.FINISH, kept, external_run_id=run, **_named(monitor))


def ping(monitor: UUID | str, signal_key: str | None = None, **evidence: Any) -> Report:
    return Report(SignalType.PING, Evidence(**evidence), signal_key=signal_key, **_named(monitor))


def assemble_ingest(
    database: Database,
    clock: Clock,
    *,
    limiter: Limiter,
    limits: IngestLimits,
    metrics: Metrics,
    owners: RunOwners,
    used: list[KeyFacts],
) -> tuple[Ingest, IngestLanes]:
    """Compose the path of a signal as the application does, and the lanes that are to be started and stopped."""
    slugs = MonitorSlugs()
    admission = Admission(
        database=database, limiter=limiter, limits=limits, owners=owners, slugs=slugs, metrics=metrics
    )
    batch = Batch(
        database=database,
        clock=clock,
        tracing=build_tracing({}),
        owners=owners,
        slugs=slugs,
        on_limits=admission.remember_limits,
        on_dead=admission.remember_dead,
        on_commit_unknown=partial(metrics.batch_outcome, "commit_unknown"),
    )
    lanes = IngestLanes(batch, owners=owners, clock=clock, metrics=metrics)
    return Ingest(admission=admission, lanes=lanes, clock=clock, on_key_used=used.append), lanes


@asynccontextmanager
async def ingest_process(
    world: World,
    *,
    url: str | None = None,
    clock: Clock | None = None,
    limits: IngestLimits = NO_LIMITS,
    lock_timeout_ms: int = 500,
    ready: bool = True,
) -> AsyncIterator[Process]:
    """Run one process until the block ends; what is in flight then is answered first, within 10 s."""
    clock = clock or world.clock
    database = Database(
        url or world.url, name="ingest", sessions=4, statement_timeout_ms=2_000, lock_timeout_ms=lock_timeout_ms
    )
    await (database.open() if ready else database.begin())
    metrics, owners, used = Metrics(), RunOwners(), []
    ingest, lanes = assemble_ingest(
        database, clock, limiter=LocalBuckets(clock), limits=limits, metrics=metrics, owners=owners, used=used
    )
    await lanes.start()
    try:
        yield Process(world, database, lanes, ingest, owners, metrics, clock, used)
    finally:
        try:
            async with asyncio.timeout(10):
                await lanes.stop()
        finally:
            await database.close()


async def outcome_of(awaitable: Any) -> Accepted | LuotaError:
    """Return what was accepted or the refusal, whichever it is."""
    try:
        accepted: Accepted = await awaitable
    except LuotaError as refusal:
        return refusal
    return accepted
