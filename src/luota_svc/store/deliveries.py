"""The outbox: claiming duties by destination, settling them under their leases, taking over what was left behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from luota_svc.model.deliveries import DeliveryReason, DeliveryState, Settlement
from luota_svc.model.destinations import Breaker, Destination, Pace
from luota_svc.model.routes import RouteKind, RouteState
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("deliveries")

# As many of a crowd are counted as decide anything (rules/pace), and as many gathered as one message can name.
_CROWD = 6
_GATHER_MOST = 500
# So many due duties tell their destinations themselves.
_FRONT = 200
# The first place in the order of destinations.
START = (UUID(int=0), b"")


class FreeDestination(NamedTuple):
    """A destination with due duties, held by this transaction."""

    key: Destination
    per_second: int
    claimed_second: datetime | None
    claimed_in_second: int
    paced: bool
    pace: Pace
    breaker: Breaker
    # First words that wait, at most six counted, and whether one of them is critical.
    waiting: int
    critical: bool
    in_flight: int


class Room(NamedTuple):
    """How many duties may be claimed at a destination, and how many of them may be first words of something."""

    key: Destination
    most: int
    first_words: int


class Claims(NamedTuple):
    """What a destination must remember of what was claimed there."""

    key: Destination
    claimed_second: datetime | None
    claimed_in_second: int
    pace: Pace


class TakenRow(NamedTuple):
    """A claimed duty as it stands in the database: its target sealed, its content perhaps not frozen yet."""

    id: UUID
    workspace_id: UUID
    route_id: UUID
    route_name: str
    kind: RouteKind
    route_state: RouteState
    destination: bytes
    reason: DeliveryReason
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    attempt_count: int
    deferral_count: int
    lost_count: int
    lease_token: int
    content: bytes | None
    target: bytes
    recipients: tuple[str, ...]
    request_id: str | None
    traceparent: str | None
    first_attempt_traceparent: str | None
    about_route_id: UUID | None


class Held(NamedTuple):
    """A duty to be settled, as it stands now."""

    id: UUID
    state: DeliveryState
    lease_token: int
    fallback_due_at: datetime | None
    first_failed_at: datetime | None
    route_usable: bool
    route_state: RouteState
    superseded: bool


class SettledRow(NamedTuple):
    """What a duty becomes; columns as the statement has them."""

    id: UUID
    lease_token: int
    state: str
    next_attempt_at: datetime | None
    settled_at: datetime | None
    attempt_count: int
    deferral_count: int
    provider_id: str | None
    last_error: str | None
    first_failed_at: datetime | None
    fallback_due_at: datetime | None
    recipients: str | None
    traceparent: str | None


class RouteWord(NamedTuple):
    """What a batch of attempts says about one route; the newest word counts."""

    id: UUID
    state: str | None
    delivered_at: datetime | None
    failed_at: datetime | None
    error: str | None


class Standing(NamedTuple):
    """How the outbox stands."""

    oldest_due_at: datetime | None
    waiting: int
    breakers_open: int
    breakers_half_open: int


async def due_front(unit: Unit, now: datetime) -> set[Destination] | None:
    """Return every destination with due duties; None where more than 200 duties are due: then one walks."""
    rows = await unit.rows(SQL["due_front"], {"now": now, "most": _FRONT})
    return {(row["workspace_id"], bytes(row["destination"])) for row in rows} if len(rows) < _FRONT else None


async def free_destinations(
    unit: Unit, now: datetime, most: int, *, named: Collection[Destination] = (), after: Destination | None = None
) -> list[FreeDestination]:
    """Hold up to `most` destinations with due duties whose breakers let one through.

    Those that are named, or those after one in their order.
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
    }
    return [
        FreeDestination(
            key=(row["workspace_id"], bytes(row["destination"])),
            per_second=row["per_second"],
            claimed_second=row["claimed_second"],
            claimed_in_second=row["claimed_in_second"],
            paced=row["paced"],
            pace=Pace(row["last_message_at"], row["messages_in_row"], row["storm_until"]),
            breaker=Breaker(row["failures_in_row"], row["open_until"], row["open_seconds"]),
            waiting=row["waiting"],
            critical=row["critical"],
            in_flight=row["in_flight"],
        )
        for row in await unit.rows(SQL["free_destinations"], words)
    ]


async def gather(unit: Unit, crowded: Collection[Destination], now: datetime) -> int:
    """Let one duty a route tell what several wait to tell; return how many were gathered into others."""
    row = await unit.row(SQL["gather"], {**_keys(crowded), "now": now, "most": _GATHER_MOST})
    assert row is not None
    gathered: int = row["gathered"]
    return gathered


async def take(
    unit: Unit, rooms: Sequence[Room], now: datetime, *, most: int, worker: str, lease_seconds: float
) -> list[TakenRow]:
    """Claim the oldest due duties at destinations that are held; their leases end by the database's clock."""
    words = {
        **_keys([room.key for room in rooms]),
        "room": [room.most for room in rooms],
        "first_words": [room.first_words for room in rooms],
        "now": now,
        "most": most,
        "worker": worker,
        "lease_seconds": lease_seconds,
    }
    return [_taken(row) for row in await unit.rows(SQL["take"], words)]


async def freeze(unit: Unit, contents: Mapping[UUID, bytes]) -> None:
    """Keep what duties tell; one that is frozen stays as it is."""
    if contents:
        await unit.run(SQL["freeze"], {"ids": list(contents), "contents": list(contents.values())})


async def note_claims(unit: Unit, claims: Sequence[Claims]) -> None:
    """Keep what bulkhead and pace must remember."""
    if claims:
        await unit.run(
            SQL["note_claims"],
            {
                **_keys([claim.key for claim in claims]),
                "claimed_second": [claim.claimed_second for claim in claims],
                "claimed_in_second": [claim.claimed_in_second for claim in claims],
                "last_message_at": [claim.pace.last_message_at for claim in claims],
                "messages_in_row": [claim.pace.messages_in_row for claim in claims],
                "storm_until": [claim.pace.storm_until for claim in claims],
            },
        )


async def take_over(
    unit: Unit, now: datetime, *, most: int, lost_most: int, lease_seconds: float, fallback_seconds: float
) -> int:
    """Free duties whose lease ran out, each with a lost attempt; return how many."""
    words = {
        "now": now,
        "most": most,
        "lost_most": lost_most,
        "lease_seconds": lease_seconds,
        "fallback_seconds": fallback_seconds,
    }
    return len(await unit.rows(SQL["take_over"], words))


async def release(unit: Unit, leases: Mapping[UUID, int], now: datetime) -> None:
    """Give back what was claimed and not begun; a lease that passed to somebody else is left alone."""
    await unit.run(SQL["release"], {"ids": list(leases), "tokens": list(leases.values()), "now": now})


async def lock_routes(unit: Unit, route_ids: Collection[UUID]) -> None:
    """Hold routes: before duties, as an operator's change of a route does."""
    await unit.run(SQL["lock_routes"], {"ids": list(route_ids)})


async def lock_settled(unit: Unit, ids: Collection[UUID]) -> dict[UUID, Held]:
    """Hold duties to be settled and return each as it stands."""
    rows = await unit.rows(SQL["lock_settled"], {"ids": list(ids)})
    return {
        row["id"]: Held(
            row["id"],
            DeliveryState(row["state"]),
            row["lease_token"],
            row["fallback_due_at"],
            row["first_failed_at"],
            row["route_usable"],
            RouteState(row["route_state"]),
            row["superseded"],
        )
        for row in rows
    }


async def lock_breakers(unit: Unit, failed: Mapping[Destination, bool]) -> dict[Destination, Breaker]:
    """Hold and return the breakers of destinations where something failed now (True) or lately."""
    rows = await unit.rows(SQL["lock_breakers"], {**_keys(failed), "failed": list(failed.values())})
    return {
        (row["workspace_id"], bytes(row["destination"])): Breaker(
            row["failures_in_row"], row["open_until"], row["open_seconds"]
        )
        for row in rows
    }


async def write_settled(unit: Unit, rows: Sequence[SettledRow]) -> None:
    """Write what duties become. RowCountMismatch where one is not held under its lease."""
    if rows:
        columns = _columns(rows)
        names = (
            "ids", "tokens", "states", "next_attempt_at", "settled_at", "attempt_counts", "deferral_counts",
            "provider_ids", "last_errors", "first_failed_at", "fallback_due_at", "recipients", "traceparents",
        )  # fmt: skip
        await unit.change("write_settled", SQL["write_settled"], dict(zip(names, columns, strict=True)), rows=len(rows))


async def deliver_late(unit: Unit, delivered: Mapping[UUID, str | None], now: datetime) -> None:
    """Make duties delivered that a provider took after their lease had passed on; final ones stay as they are."""
    if delivered:
        words = {"ids": list(delivered), "provider_ids": list(delivered.values()), "now": now}
        await unit.run(SQL["deliver_late"], words)


async def end_words(unit: Unit, ids: Collection[UUID]) -> None:
    """Free (incident, route) of duties that are final."""
    if ids:
        await unit.run(SQL["end_words"], {"ids": list(ids)})


async def insert_attempts(unit: Unit, settlements: Sequence[Settlement], late: Collection[UUID]) -> None:
    """Keep each attempt; the same one told again is kept once."""
    rows = [
        (
            each.claimed.id,
            each.claimed.number,
            each.started_at,
            each.ended_at,
            int((each.ended_at - each.started_at).total_seconds() * 1_000),
            each.outcome.kind.value,
            each.outcome.http_status,
            each.outcome.provider_id,
            each.outcome.retry_after_seconds,
            each.outcome.error,
            each.outcome.reply,
            each.outcome.resolved_address,
            each.worker,
            each.traceparent[3:35] if each.traceparent else None,
            each.claimed.request_id,
            each.claimed.id in late,
        )
        for each in settlements
    ]
    names = (
        "ids", "numbers", "started_at", "ended_at", "duration_ms", "outcomes", "http_statuses", "provider_ids",
        "retry_after_seconds", "errors", "replies", "addresses", "workers", "trace_ids", "request_ids", "late",
    )  # fmt: skip
    await unit.run(SQL["insert_attempts"], dict(zip(names, _columns(rows), strict=True)))


async def write_breakers(unit: Unit, breakers: Mapping[Destination, Breaker]) -> None:
    """Keep what breakers found; their locks are held."""
    if breakers:
        await unit.run(
            SQL["write_breakers"],
            {
                **_keys(breakers),
                "failures_in_row": [breaker.failures_in_row for breaker in breakers.values()],
                "open_until": [breaker.open_until for breaker in breakers.values()],
                "open_seconds": [breaker.open_seconds for breaker in breakers.values()],
            },
        )


async def write_routes(unit: Unit, words: Sequence[RouteWord]) -> None:
    """Keep what routes proved; their locks are held."""
    if words:
        names = ("ids", "states", "delivered_at", "failed_at", "errors")
        await unit.run(SQL["write_routes"], dict(zip(names, _columns(words), strict=True)))


async def make_due(unit: Unit, destinations: Collection[Destination], now: datetime) -> None:
    """Let what failed at these destinations be tried now."""
    if destinations:
        await unit.run(SQL["make_due"], {**_keys(destinations), "now": now})


async def next_due(unit: Unit, now: datetime) -> datetime | None:
    """Return when the next duty that waits for an instant comes due."""
    row = await unit.row(SQL["next_due"], {"now": now})
    return row["at"] if row else None


async def standing(unit: Unit, now: datetime) -> Standing:
    """Return how the outbox stands; what waits is counted up to 10,001."""
    row = await unit.row(SQL["standing"], {"now": now})
    assert row is not None
    return Standing(row["oldest_due_at"], row["waiting"], row["breakers_open"], row["breakers_half_open"])


def _taken(row: Mapping[str, Any]) -> TakenRow:
    content = row["content"]
    return TakenRow(
        id=row["id"],
        workspace_id=row["workspace_id"],
        route_id=row["route_id"],
        route_name=row["route_name"],
        kind=RouteKind(row["kind"]),
        route_state=RouteState(row["route_state"]),
        destination=bytes(row["destination"]),
        reason=DeliveryReason(row["reason"]),
        created_at=row["created_at"],
        due_at=row["due_at"],
        expires_at=row["expires_at"],
        attempt_count=row["attempt_count"],
        deferral_count=row["deferral_count"],
        lost_count=row["lost_count"],
        lease_token=row["lease_token"],
        content=None if content is None else bytes(content),
        target=bytes(row["target"]),
        recipients=tuple(row["recipients"] or ()),
        request_id=row["request_id"],
        traceparent=row["traceparent"],
        first_attempt_traceparent=row["first_attempt_traceparent"],
        about_route_id=row["about_route_id"],
    )


def _keys(destinations: Collection[Destination]) -> dict[str, list[Any]]:
    return {
        "workspaces": [workspace_id for workspace_id, _ in destinations],
        "destinations": [destination for _, destination in destinations],
    }


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
