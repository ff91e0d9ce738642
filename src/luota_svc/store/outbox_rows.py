"""What the outbox's statements read and write, as rows (store/deliveries)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from luota_svc.model.deliveries import DeliveryReason, DeliveryState, Settlement
from luota_svc.model.destinations import Breaker, Destination, Pace
from luota_svc.model.routes import RouteKind, RouteState


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
    """How many duties may be claimed at a destination, and how many of them may be first words of something.

    Fewer where more are in flight by now than were at the look: with what is claimed, `in_flight_most` at the most.
    """

    key: Destination
    most: int
    first_words: int
    in_flight_most: int


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
    # Where the route leads now.
    destination: bytes
    superseded: bool
    # A part of what it tells was taken back.
    reduced: bool


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


class Loaded(NamedTuple):
    """What a batch of results is settled by: the duties as they stand, and the breakers that matter, all held."""

    held: dict[UUID, Held]
    breakers: dict[Destination, Breaker]


class SettleWrites(NamedTuple):
    """Everything that the settling of a batch of results writes."""

    breakers: Mapping[Destination, Breaker]
    settled: Sequence[SettledRow]
    # Taken by a provider after the lease had passed on, with what the provider calls it.
    delivered_late: Mapping[UUID, str | None]
    # Those whose words about incidents end.
    final: Collection[UUID]
    # Those that wait for another attempt, though a part of what they tell was taken back.
    reduced: Collection[UUID]
    attempts: Sequence[Settlement]
    late: Collection[UUID]
    routes: Collection[RouteWord]
    # Where something was taken again after failures.
    mended: Collection[Destination]
