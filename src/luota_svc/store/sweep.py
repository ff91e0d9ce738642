"""The sweep's transaction: what is due is taken with its monitors' locks, read, and written as an ingest batch is."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from luota_svc.model.packets import Gap
from luota_svc.model.sweep import Claimed, OldestDue, Silence, SweptRun
from luota_svc.store import ingest, liveness
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.ingest import IngestTransaction, batch_session
from luota_svc.store.round_trip import RoundTrips
from luota_svc.store.silence import watch_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from luota_svc.store.database import Database

SQL = load_catalogue("sweep")
_TRIPS = RoundTrips("sweep", {**ingest.SQL, **SQL, "gaps": liveness.SQL["gaps"]})


class SweepTransaction(IngestTransaction):
    """One sweep's session. Call `claim`, `load_silence`, perhaps `load_tellable`, then `commit` or `rollback`."""

    async def claim(self, upto: datetime, limit: int) -> Claimed:
        """Begin, and take at most `limit` monitors and `limit` runs that are due and whose monitors nobody holds."""
        _, monitors, runs = await self._run(
            ("begin", ()), ("lock_due_monitors", (upto, limit)), ("due_runs", (upto, limit))
        )
        due = {row[0]: row[1] for row in monitors}
        homes = dict(due)
        if others := {row[1] for row in runs} - due.keys():
            (locked,) = await self._run(("lock_monitors_of_runs", (list(others),)))
            homes |= {row[0]: row[1] for row in locked}
        return Claimed(homes, frozenset(due), tuple(row[0] for row in runs if row[1] in homes))

    async def load_silence(self, claimed: Claimed, upto: datetime) -> Silence:
        """Read what the claimed are judged by; statements of their own, after the locks."""
        monitors = list(claimed.homes)
        beats, mutexes, watches, incidents, runs, gaps = await self._run(
            ("last_beat", ()),
            ("lock_monitors", (monitors, list(claimed.homes.values()))),
            ("watches", (monitors,)),
            ("unresolved_incidents", (monitors,)),
            ("swept_runs", (list(claimed.runs), monitors, upto)),
            ("gaps", ()),
        )
        standing = [ingest.open_incident_of(row) for row in incidents]
        return Silence(
            last_beat_at=beats[0][0],
            monitors={row[0]: ingest.mutex_of(row) for row in mutexes},
            watches={row[0]: watch_of(*row[1:]) for row in watches},
            incidents={(incident.monitor_id, incident.kind): incident for incident in standing},
            runs=tuple(SweptRun(*row) for row in runs),
            gaps=tuple(Gap(*row) for row in gaps),
        )


@asynccontextmanager
async def sweep_transaction(database: Database) -> AsyncIterator[SweepTransaction]:
    """Lend a session for one sweep. Whatever goes wrong leaves as BatchFailed; the session is clean or thrown away."""
    async with batch_session(database) as connection:
        yield SweepTransaction(connection, database.on_duties, _TRIPS)


async def oldest_due(database: Database) -> OldestDue:
    """Return what is looked at next, without a lock. Raises BatchFailed."""
    async with batch_session(database) as connection:
        ((row,),) = await _TRIPS.run(connection, [("oldest_due", ())])
        return OldestDue(*row)


async def set_aside(database: Database, monitors: Collection[UUID], runs: Collection[UUID], until: datetime) -> None:
    """Look at these later: judging or writing them failed, which must not stop the others. Raises BatchFailed."""
    async with batch_session(database) as connection:
        await _TRIPS.run(
            connection, [("set_aside_monitors", (until, list(monitors))), ("set_aside_runs", (until, list(runs)))]
        )
