"""The ingest batch's transaction: one pipelined load under the monitors' locks, one pipelined write with its COMMIT."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import psycopg

from luota_svc.model.batch import Loaded, LoadedRun, StuckRun, Tellable, ToldRoute
from luota_svc.model.incidents import IncidentKind, IncidentState, OpenIncident
from luota_svc.model.keys import KeyFacts, WorkspaceLimits
from luota_svc.model.maintenance import Quietable
from luota_svc.model.monitors import MonitorKind, MonitorMutex, Severity
from luota_svc.model.packets import Gap
from luota_svc.model.routes import RouteMatch
from luota_svc.model.runs import RunState
from luota_svc.model.signals import IncidentView
from luota_svc.store import errors
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.columns import columns
from luota_svc.store.frozen import promise_of, root_run_of
from luota_svc.store.quiet import quiet_window
from luota_svc.store.round_trip import RoundTrips

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence

    from psycopg import AsyncConnection

    from luota_svc.model.batch import Wanted, Writes
    from luota_svc.store.database import Database

SQL = load_catalogue("ingest")
_TRIPS = RoundTrips("ingest", SQL)


class BatchFailure(Enum):
    """Why a batch's transaction did not commit, or may not have; decides what becomes of its members."""

    RERUN = "rerun"
    DATA = "data"
    LOCKED = "locked"
    LOST = "lost"
    UNKNOWN_COMMIT = "unknown_commit"
    FAULT = "fault"


class BatchFailed(Exception):
    """A batch's transaction ended without a known COMMIT. The cause is chained."""

    def __init__(self, failure: BatchFailure, transaction_id: str | None = None) -> None:
        """Say how it failed and, for an unknown commit, which transaction to ask about."""
        self.failure = failure
        self.transaction_id = transaction_id
        super().__init__(failure.value)

    @property
    def guarded(self) -> bool:
        """Tell whether a guarded write found other rows than its writer had decided on."""
        return errors.is_guard(self.__cause__)


def classify(error: BaseException) -> BatchFailure:
    """Sort an error of the driver or the pool by what the batch may do next."""
    if errors.is_rerunnable(error):
        return BatchFailure.RERUN
    if errors.is_lock_timeout(error):
        return BatchFailure.LOCKED
    if errors.is_data_error(error):
        return BatchFailure.DATA
    if errors.is_connection_loss(error) or errors.is_server_out_of_order(error):
        return BatchFailure.LOST
    if isinstance(error, psycopg.errors.QueryCanceled):
        return BatchFailure.LOST
    return BatchFailure.FAULT


class IngestTransaction:
    """One batch's session. Call `load`, perhaps `load_tellable`, then `commit` or `rollback`, once each."""

    def __init__(
        self, connection: AsyncConnection[Any], on_duties: Callable[[], None], trips: RoundTrips = _TRIPS
    ) -> None:
        """Wrap a session in autocommit mode; BEGIN and COMMIT travel with the statements of `trips`.

        `on_duties` hears of a commit that wrote duties.
        """
        self._connection = connection
        self._on_duties = on_duties
        self._trips = trips
        self._transaction_id: str | None = None

    async def find_runs(self, run_ids: Collection[UUID]) -> dict[UUID, UUID]:
        """Return run -> monitor for the runs that exist; a fact that never changes."""
        (rows,) = await self._run(("find_runs", (list(run_ids),)))
        return {row[0]: row[1] for row in rows}

    async def find_monitors(self, named: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
        """Return (workspace, slug) -> monitor for the monitors that exist now."""
        (rows,) = await self._run(("find_monitors", columns(named)))
        return {(row[0], row[1]): row[2] for row in rows}

    async def find_key_facts(self, key_ids: Collection[UUID]) -> dict[UUID, tuple[KeyFacts, WorkspaceLimits]]:
        """Return what never changes about the keys that exist, and their workspaces' limits as they are now."""
        (rows,) = await self._run(("find_key_facts", (list(key_ids),)))
        return {row[0]: (KeyFacts(row[0], row[1], row[2], bytes(row[3])), WorkspaceLimits(*row[4:])) for row in rows}

    async def find_locked(self, monitors: Collection[tuple[UUID, UUID]]) -> set[UUID]:
        """Tell which of the (monitor, workspace) pairs somebody else holds at this moment."""
        (rows,) = await self._run(("locked_monitors", columns(monitors) or ([], [])))
        return {row[0] for row in rows}

    async def load(self, wanted: Wanted) -> Loaded:
        """Begin, lock the monitors and read what the batch needs.

        Several statements, one round trip. They are statements of their own because each must see what committed
        while the lock was waited for; one large query would read the other tables as they were before the wait.
        """
        monitors = [monitor_id for monitor_id, _ in wanted.monitors]
        calls: dict[str, Sequence[Any]] = {
            "begin": (),
            "transaction_id": (),
            "lock_monitors": columns(wanted.monitors) or ([], []),
            # After the wait for the locks: a rotation that committed meanwhile is seen.
            "live_keys": (list(wanted.keys),),
            "unresolved_incidents": (monitors,),
            "stuck_runs": (monitors,),
        }
        if wanted.run_keys:
            calls["runs_by_key"] = columns(wanted.run_keys)
        if wanted.runs:
            calls["runs_by_id"] = (list(wanted.runs),)
        if wanted.signal_keys:
            calls["signals_by_key"] = columns(wanted.signal_keys)
        rows = dict(zip(calls, await self._run(*calls.items()), strict=True))
        transaction_id: str = rows["transaction_id"][0][0]
        self._transaction_id = transaction_id
        runs = [_loaded_run(row) for row in (*rows.get("runs_by_key", ()), *rows.get("runs_by_id", ()))]
        incidents = [open_incident_of(row) for row in rows["unresolved_incidents"]]
        return Loaded(
            transaction_id=transaction_id,
            live_keys={row[0]: WorkspaceLimits(*row[1:]) for row in rows["live_keys"]},
            monitors={row[0]: mutex_of(row) for row in rows["lock_monitors"]},
            runs={run.id: run for run in runs},
            run_ids={(run.monitor_id, run.external_run_id): run.id for run in runs},
            incidents={(incident.monitor_id, incident.kind): incident for incident in incidents},
            signal_ids={(row[0], row[1]): (row[2], row[3]) for row in rows.get("signals_by_key", ())},
            stuck_runs=tuple(StuckRun(*row) for row in rows["stuck_runs"]),
        )

    async def load_tellable(
        self,
        *,
        workspaces: Collection[UUID],
        monitors: Collection[UUID],
        resolved: Collection[UUID],
        opened: Collection[tuple[UUID, IncidentKind]],
        runs: Collection[UUID],
        silent: bool,
        at: datetime,
    ) -> Tellable:
        """Read what routing needs, and what the packets of incidents that open freeze.

        Only asked for when an incident was opened or resolved. `opened` are the monitors and kinds of those that open,
        `runs` those that they are about;
        `silent` says that silence opened some, which asks when nobody listened; `at` is the first instant that is asked
        about.
        """
        calls: dict[str, Sequence[Any]] = {
            "routes_of_workspaces": (list(workspaces),),
            "lock_told": (list(resolved),),
            "told_routes": (list(resolved),),
            "quiet_windows": (list(workspaces), at),
            "quietable": (list(monitors),),
        }
        if opened:
            calls |= {
                "previous_incidents": columns(opened),
                "promises": (list({monitor_id for monitor_id, _ in opened}),),
                "root_runs": (list(runs),),
            }
        if silent:
            calls["newest_gaps"] = ()
        rows = dict(zip(calls, await self._run(*calls.items()), strict=True))
        return Tellable(
            routes=tuple(_route(row) for row in rows["routes_of_workspaces"]),
            told=tuple(ToldRoute(*row) for row in rows["told_routes"]),
            previous={(row[0], IncidentKind(row[1])): row[2] for row in rows.get("previous_incidents", ())},
            promises={row[0]: promise_of(row) for row in rows.get("promises", ())},
            root_runs={row[0]: root_run_of(row) for row in rows.get("root_runs", ())},
            gaps=tuple(Gap(*row) for row in rows.get("newest_gaps", ())),
            windows=tuple(quiet_window(*row) for row in rows["quiet_windows"]),
            quietable={row[0]: Quietable(*row) for row in rows["quietable"]},
        )

    async def commit(self, writes: Writes, now: datetime) -> None:
        """Write everything and commit, in one round trip: a guard that raises also skips the COMMIT."""
        try:
            await self._run(*_statements(writes, now), ("commit", ()))
        except Exception as error:
            if errors.is_connection_loss(error):
                raise BatchFailed(BatchFailure.UNKNOWN_COMMIT, self._transaction_id) from error
            raise
        if writes.duties:
            self._on_duties()

    async def rollback(self) -> None:
        """End the transaction without a trace (every member was refused or repeats)."""
        await self._run(("rollback", ()))

    async def _run(self, *calls: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        return await self._trips.run(self._connection, calls)


@asynccontextmanager
async def ingest_transaction(database: Database) -> AsyncIterator[IngestTransaction]:
    """Lend a session for one batch. Whatever goes wrong leaves as BatchFailed; the session is clean or thrown away."""
    async with batch_session(database) as connection:
        yield IngestTransaction(connection, database.on_duties)


@asynccontextmanager
async def batch_session(database: Database) -> AsyncIterator[AsyncConnection[Any]]:
    """Lend a session for a transaction of round trips; see `ingest_transaction`."""
    try:
        async with database.session() as connection:
            try:
                yield connection
            finally:
                # A session on which even that fails is thrown away by the pool; what went wrong first is the news.
                if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    with suppress(psycopg.Error):
                        await connection.rollback()
    except BatchFailed:
        raise
    except Exception as error:
        if isinstance(error, (psycopg.Error, *errors.POOL_ERRORS)):
            raise BatchFailed(classify(error)) from error
        raise


async def outcome(database: Database, transaction_id: str) -> str | None:
    """Ask, on another session, what became of a transaction: "committed", "aborted", "in progress" or None.

    Raises BatchFailed where nobody could be asked.
    """
    try:
        async with database.session() as connection:
            ((row,),) = await _TRIPS.run(connection, [("outcome", (transaction_id,))])
            return cast("str | None", row[0])
    except (psycopg.Error, *errors.POOL_ERRORS) as error:
        raise BatchFailed(classify(error)) from error


def _statements(writes: Writes, now: datetime) -> Iterable[tuple[str, Sequence[Any]]]:
    """Yield what is to be run, in lock order: monitors are held already, then runs, incidents, deliveries."""
    keys = [(run.monitor_id, run.external_run_id, run.id) for run in writes.new_runs]
    told = [(duty.id, duty.incident_id, duty.route_id, duty.sequence) for duty in writes.duties]
    guarded = {"change_runs", "change_monitors", "settle_monitors", "change_incidents"}
    steps: tuple[tuple[str, Sequence[Sequence[Any]]], ...] = (
        ("insert_run_keys", keys),
        ("insert_runs", writes.new_runs),
        ("change_runs", writes.changed_runs),
        ("free_runs", [(run_id,) for run_id in writes.freed_runs]),
        ("give_up_runs", [(monitor_id,) for monitor_id in writes.stuck_on]),
        ("insert_signals", writes.signals),
        ("insert_signal_keys", writes.signal_keys),
        ("change_monitors", writes.monitors),
        ("settle_monitors", writes.swept_monitors),
        # A resolved incident makes room before the next one of its kind is inserted.
        ("change_incidents", writes.changed_incidents),
        ("insert_incidents", writes.new_incidents),
        ("insert_events", writes.events),
        ("drop_occurrences", writes.dropped_occurrences),
        ("insert_packets", writes.packets),
    )
    for name, rows in steps:
        if rows:
            yield name, [*columns(rows), len(rows)] if name in guarded else columns(rows)
    if writes.ended:
        yield "end_live", columns(writes.ended)
        ended = [delivery_id for delivery_id, _ in writes.ended]
        yield "reissue", (now, ended)
        yield "cancel_spent", (now, ended)
    if writes.duties:
        yield "insert_deliveries", columns([duty[:-2] for duty in writes.duties])
        yield "insert_delivery_incidents", columns(told)


def mutex_of(row: tuple[Any, ...]) -> MonitorMutex:
    """Read a row of lock_monitors."""
    monitor_id, workspace_id, slug, kind, severity, *counts = row
    return MonitorMutex(monitor_id, workspace_id, slug, MonitorKind(kind), Severity(severity), *counts)


def open_incident_of(row: tuple[Any, ...]) -> OpenIncident:
    """Read a row of unresolved_incidents."""
    return OpenIncident(row[0], row[1], IncidentKind(row[2]), IncidentState(row[3]), row[4], row[5], row[6])


def _route(row: tuple[Any, ...]) -> RouteMatch:
    return RouteMatch(
        row[0], row[1], frozenset(row[2]), Severity(row[3]), row[4], row[5], row[6], bytes(row[7]), row[8]
    )


def _loaded_run(row: tuple[Any, ...]) -> LoadedRun:
    (monitor_id, external_run_id, run_id, pruned, workspace_id, *rest) = row
    if workspace_id is None:
        return _pruned_run(monitor_id, external_run_id, run_id, pruned)
    state, started_at, occurred, seen, received_at, finished_at, duration_ms, *times = rest
    last_sign_at, timeout_at, stuck_at, slow_at, next_deadline_at, incident_id, kind, incident_state = times
    return LoadedRun(
        id=run_id,
        workspace_id=workspace_id,
        monitor_id=monitor_id,
        external_run_id=external_run_id,
        state=RunState(state),
        started_at=started_at,
        start_occurred=occurred,
        start_seen=seen,
        received_at=received_at,
        finished_at=finished_at,
        duration_ms=duration_ms,
        last_sign_at=last_sign_at,
        timeout_at=timeout_at,
        stuck_at=stuck_at,
        slow_at=slow_at,
        next_deadline_at=next_deadline_at,
        incident=IncidentView(incident_id, kind, incident_state) if incident_id else None,
    )


def _pruned_run(monitor_id: UUID, external_run_id: str, run_id: UUID, pruned: dict[str, Any]) -> LoadedRun:
    """Read a run that retention removed from what its key remembers; it is closed, whatever comes now."""
    started_at = datetime.fromisoformat(pruned["startedAt"])
    finished_at = datetime.fromisoformat(pruned["finishedAt"])
    return LoadedRun(
        id=run_id,
        workspace_id=UUID(pruned["workspaceId"]),
        monitor_id=monitor_id,
        external_run_id=external_run_id,
        state=RunState(pruned["state"]),
        started_at=started_at,
        start_occurred=False,
        start_seen=True,
        received_at=started_at,
        finished_at=finished_at,
        duration_ms=pruned["durationMs"],
        last_sign_at=finished_at,
        timeout_at=finished_at,
        stuck_at=None,
        slow_at=None,
        next_deadline_at=None,
        incident=None,
        pruned=True,
    )
