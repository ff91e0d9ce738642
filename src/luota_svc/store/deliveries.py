"""The outbox: claiming duties by destination, settling them under their leases, taking over what was left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, pq

from luota_svc.model.deliveries import DeliveryReason, DeliveryState, Settlement
from luota_svc.model.destinations import Breaker, Destination, Pace
from luota_svc.model.routes import RouteKind, RouteState
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Database, Unit
from luota_svc.store.errors import translated
from luota_svc.store.ingest import SQL as INGEST
from luota_svc.store.outbox_rows import (
    Claims,
    FreeDestination,
    Held,
    Loaded,
    Room,
    RouteWord,
    SettledRow,
    SettleWrites,
    Standing,
    TakenRow,
)
from luota_svc.store.round_trip import RoundTrips

__all__ = [
    "SQL",
    "START",
    "Claims",
    "FreeDestination",
    "Held",
    "Loaded",
    "OutboxTransaction",
    "Room",
    "RouteWord",
    "SettleWrites",
    "SettledRow",
    "Standing",
    "TakenRow",
    "outbox_transaction",
    "release",
    "standing",
    "take_over",
]

SQL = {**load_catalogue("delivery_claims"), **load_catalogue("deliveries")}
_HOT = (
    "due_front", "free_destinations", "gather", "take", "note_claims", "freeze", "next_due",
    "lock_routes", "lock_settled", "with_words", "lock_breakers", "write_breakers", "write_settled", "deliver_late",
    "end_words", "insert_attempts", "write_routes", "make_due",
)  # fmt: skip
_TRIPS = RoundTrips("outbox", {**{name: SQL[name] for name in _HOT}, "reissue": INGEST["reissue"]})

# As many of a crowd are counted as decide anything (rules/pace). One message names the gravest incident and two hundred
# more (rules/alert), and four may go at once: of fewer gathered, the rest of a crowd would go beside them one by one.
_CROWD = 6
_NAMED_MOST = 201
_GATHER_MOST = 4 * _NAMED_MOST
# So many due duties tell their destinations themselves.
_FRONT = 200
_BEGIN, _COMMIT = ("begin", ()), ("commit", ())
# The first place in the order of destinations.
START = (UUID(int=0), b"")


class OutboxTransaction:
    """The session of one claim or one settle. What is known together travels together (docs/adr/0015).

    BEGIN goes with the first statements; `commit_claims` or `commit_settled` ends it.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        """Wrap a session in autocommit mode."""
        self.unit = Unit(connection)
        self._connection = connection
        self._begun = False

    async def due_front(self, now: datetime) -> set[Destination] | None:
        """Return every destination with due duties; None where more than 200 duties are due: then one walks."""
        (rows,) = await self._run(("due_front", {"now": now, "most": _FRONT}))
        return {(row[0], row[1]) for row in rows} if len(rows) < _FRONT else None

    async def free_destinations(
        self, now: datetime, most: int, *, named: Collection[Destination] = (), after: Destination | None = None
    ) -> list[FreeDestination]:
        """Hold up to `most` destinations with due duties whose breakers let one through.

        Those that are named, or those after one in their order, in that order.
        """
        place = after or START
        words = {
            **_keys(named),
            "walk": after is not None,
            "after_workspace": place[0],
            "after_destination": place[1],
            "now": now,
            "most": most,
            "crowd": _CROWD,
            "gather_most": _GATHER_MOST,
        }
        (rows,) = await self._run(("free_destinations", words))
        return [_free(row) for row in rows]

    async def gather(self, crowded: Collection[Destination], now: datetime) -> int:
        """Let one duty a route tell what several wait to tell; return how many were gathered into others."""
        words = {**_keys(crowded), "now": now, "most": _GATHER_MOST, "named_most": _NAMED_MOST}
        ((row,),) = await self._run(("gather", words))
        gathered: int = row[0]
        return gathered

    async def take(
        self, rooms: Sequence[Room], now: datetime, *, most: int, worker: str, lease_seconds: float
    ) -> list[TakenRow]:
        """Claim the oldest due duties at destinations that are held; their leases end by the database's clock."""
        words = {
            **_keys([room.key for room in rooms]),
            "room": [room.most for room in rooms],
            "first_words": [room.first_words for room in rooms],
            "in_flight_most": [room.in_flight_most for room in rooms],
            "now": now,
            "most": most,
            "worker": worker,
            "lease_seconds": lease_seconds,
        }
        (rows,) = await self._run(("take", words))
        return [_taken(row) for row in rows]

    async def commit_claims(
        self, claims: Sequence[Claims], contents: Mapping[UUID, bytes], now: datetime
    ) -> datetime | None:
        """Keep what bulkhead and pace must remember, and what duties tell; one that is frozen stays as it is. Commit.

        Return when the next duty that waits for an instant comes due.
        """
        calls: list[tuple[str, Mapping[str, Any]]] = []
        if claims:
            calls.append(("note_claims", _claimed(claims)))
        if contents:
            calls.append(("freeze", {"ids": list(contents), "contents": list(contents.values())}))
        *_, next_due, _committed = await self._run(*calls, ("next_due", {"now": now}), _COMMIT)
        at: datetime | None = next_due[0][0]
        return at

    async def load_settled(
        self, route_ids: Collection[UUID], ids: Collection[UUID], failed: Mapping[Destination, bool]
    ) -> Loaded:
        """Hold routes, duties and breakers, in this order, as an operator's change of a route does; return what stands.

        Breakers are those of destinations where something failed now (True) or lately.
        """
        *_, duties, words, breakers = await self._run(
            ("lock_routes", {"ids": list(route_ids)}),
            ("lock_settled", {"ids": list(ids)}),
            ("with_words", {"ids": list(ids)}),
            ("lock_breakers", {**_keys(failed), "failed": list(failed.values())}),
        )
        with_words: dict[UUID, bool] = dict(words)
        return Loaded(
            held={
                id_: Held(
                    id_,
                    DeliveryState(state),
                    token,
                    fallback_at,
                    failed_at,
                    usable,
                    RouteState(route),
                    destination,
                    superseded=tells and id_ not in with_words,
                    reduced=not with_words.get(id_, True),
                )
                for id_, state, token, fallback_at, failed_at, usable, route, destination, tells in duties
            },
            breakers={(row[0], row[1]): Breaker(*row[2:]) for row in breakers},
        )

    async def commit_settled(self, writes: SettleWrites, now: datetime) -> set[UUID]:
        """Write and commit. A duty that is not held under its lease raises psycopg's error, and nothing is kept.

        The same attempt told again is kept once; what became final before stays as it is. Return the deliveries whose
        attempts were not kept before.
        """
        calls: list[tuple[str, Mapping[str, Any] | Sequence[Any]]] = []
        if writes.breakers:
            calls.append(("write_breakers", _broken(writes.breakers)))
        if writes.settled:
            calls.append(("write_settled", _named(_SETTLED, writes.settled)))
        if writes.delivered_late:
            late = {
                "ids": list(writes.delivered_late),
                "provider_ids": list(writes.delivered_late.values()),
                "now": now,
            }
            calls.append(("deliver_late", late))
        if writes.final:
            calls.append(("end_words", {"ids": list(writes.final)}))
        if writes.reduced:
            calls.append(("reissue", (now, list(writes.reduced))))
        if writes.attempts:
            rows = [_attempt(each, late=each.claimed.id in writes.late) for each in writes.attempts]
            calls.append(("insert_attempts", _named(_ATTEMPTS, rows)))
        if writes.routes:
            calls.append(("write_routes", _named(_ROUTES, writes.routes)))
        if writes.mended:
            calls.append(("make_due", {**_keys(writes.mended), "now": now}))
        results = await self._run(*calls, _COMMIT)
        told = (rows for (name, _), rows in zip(calls, results, strict=False) if name == "insert_attempts")
        return {row[0] for rows in told for row in rows}

    async def _run(self, *calls: tuple[str, Mapping[str, Any] | Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        if self._begun:
            return await _TRIPS.run(self._connection, calls)
        # Whatever becomes of the trip, the session is looked at when it is given back.
        self._begun = True
        return (await _TRIPS.run(self._connection, [_BEGIN, *calls]))[1:]


@asynccontextmanager
async def outbox_transaction(database: Database) -> AsyncIterator[OutboxTransaction]:
    """Lend a session for one claim or settle; whatever was not committed is rolled back. Errors are model errors."""
    with translated():
        async with database.session() as connection:
            try:
                yield OutboxTransaction(connection)
            finally:
                # A session on which even that fails is thrown away by the pool; what went wrong first is the news.
                if not connection.closed and connection.info.transaction_status != pq.TransactionStatus.IDLE:
                    with suppress(psycopg.Error):
                        await connection.rollback()


async def take_over(
    unit: Unit, now: datetime, *, most: int, lost_most: int, lease_seconds: float, fallback_seconds: float
) -> int:
    """Free duties whose lease ran out, each with a lost attempt; return how many."""
    lost = [row["id"] for row in await unit.rows(SQL["lock_lost"], {"most": most})]
    if not lost:
        return 0
    words = {
        "ids": lost,
        "now": now,
        "lost_most": lost_most,
        "lease_seconds": lease_seconds,
        "fallback_seconds": fallback_seconds,
    }
    freed = await unit.rows(SQL["take_over"], words)
    await _reissue(unit, lost, now)
    return len(freed)


async def release(unit: Unit, leases: Mapping[UUID, int], now: datetime) -> None:
    """Give back what was claimed and not begun; a lease that passed to somebody else is left alone."""
    words = {"ids": list(leases), "tokens": list(leases.values()), "now": now}
    released = await unit.rows(SQL["release"], words)
    # Behind the locks: whoever took words back meanwhile left these alone, for they were in flight.
    await _reissue(unit, [row["id"] for row in released], now)
    spent = [row["id"] for row in released if row["tells"]]
    await unit.connection.execute(INGEST["cancel_spent"], (now, spent))


async def _reissue(unit: Unit, ids: Collection[UUID], now: datetime) -> None:
    """Let new duties tell what is left of these, which are held and wait, where a part was taken back meanwhile."""
    await unit.connection.execute(INGEST["reissue"], (now, list(ids)))


async def standing(unit: Unit, now: datetime) -> Standing:
    """Return how the outbox stands; what waits is counted up to 10,001."""
    row = await unit.row(SQL["standing"], {"now": now})
    assert row is not None
    return Standing(row["oldest_due_at"], row["waiting"], row["breakers_open"], row["breakers_half_open"])


# The parameters of the statements that write rows, in the order of the rows' members.
_SETTLED = (
    "ids", "tokens", "states", "next_attempt_at", "settled_at", "attempt_counts", "deferral_counts",
    "provider_ids", "last_errors", "first_failed_at", "fallback_due_at", "recipients", "traceparents",
)  # fmt: skip
_ATTEMPTS = (
    "ids", "numbers", "started_at", "ended_at", "duration_ms", "outcomes", "http_statuses", "provider_ids",
    "retry_after_seconds", "errors", "replies", "addresses", "workers", "trace_ids", "request_ids", "late",
)  # fmt: skip
_ROUTES = ("ids", "states", "delivered_at", "failed_at", "errors")


def _named(names: Sequence[str], rows: Collection[Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _attempt(each: Settlement, *, late: bool) -> tuple[Any, ...]:
    claimed, outcome = each.claimed, each.outcome
    return (
        claimed.id,
        claimed.number,
        each.started_at,
        each.ended_at,
        int((each.ended_at - each.started_at).total_seconds() * 1_000),
        outcome.kind.value,
        outcome.http_status,
        outcome.provider_id,
        outcome.retry_after_seconds,
        outcome.error,
        outcome.reply,
        outcome.resolved_address,
        each.worker,
        each.traceparent[3:35] if each.traceparent else None,
        claimed.request_id,
        late,
    )


def _claimed(claims: Sequence[Claims]) -> dict[str, list[Any]]:
    return {
        **_keys([claim.key for claim in claims]),
        "claimed_second": [claim.claimed_second for claim in claims],
        "claimed_in_second": [claim.claimed_in_second for claim in claims],
        "last_message_at": [claim.pace.last_message_at for claim in claims],
        "messages_in_row": [claim.pace.messages_in_row for claim in claims],
        "storm_until": [claim.pace.storm_until for claim in claims],
    }


def _broken(breakers: Mapping[Destination, Breaker]) -> dict[str, list[Any]]:
    return {
        **_keys(breakers),
        "failures_in_row": [breaker.failures_in_row for breaker in breakers.values()],
        "open_until": [breaker.open_until for breaker in breakers.values()],
        "open_seconds": [breaker.open_seconds for breaker in breakers.values()],
    }


def _free(row: Sequence[Any]) -> FreeDestination:
    """Read a row of free_destinations."""
    workspace_id, destination, per_second, second, in_second, paced, last_at, in_row, storm_until, *rest = row
    failures, open_until, open_seconds, waiting, critical, in_flight = rest
    return FreeDestination(
        key=(workspace_id, destination),
        per_second=per_second,
        claimed_second=second,
        claimed_in_second=in_second,
        paced=paced,
        pace=Pace(last_at, in_row, storm_until),
        breaker=Breaker(failures, open_until, open_seconds),
        waiting=waiting,
        critical=critical,
        in_flight=in_flight,
    )


def _taken(row: tuple[Any, ...]) -> TakenRow:
    """Read a row of take: its columns are the members, in their order."""
    taken = TakenRow(*row)
    return taken._replace(
        kind=RouteKind(taken.kind),
        route_state=RouteState(taken.route_state),
        reason=DeliveryReason(taken.reason),
        recipients=tuple(taken.recipients or ()),
    )


def _keys(destinations: Collection[Destination]) -> dict[str, list[Any]]:
    return {
        "workspaces": [workspace_id for workspace_id, _ in destinations],
        "destinations": [destination for _, destination in destinations],
    }
