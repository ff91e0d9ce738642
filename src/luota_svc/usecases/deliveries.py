"""The outbox as a worker sees it: claim what is due, settle what became of it, give back what was not begun."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from luota_svc.model.alerts import Uncomposed
from luota_svc.model.deliveries import Claimed, DeliveryReason, DeliveryState, Outcome, OutcomeKind, Settlement
from luota_svc.model.destinations import Breaker, Destination
from luota_svc.model.routes import RouteState, Target
from luota_svc.rules import breaker as breakers
from luota_svc.rules.pace import after_message, pace
from luota_svc.rules.retry import FALLBACK_AFTER, Settled, settle
from luota_svc.store import deliveries
from luota_svc.store.deliveries import (
    Claims,
    FreeDestination,
    Held,
    OutboxTransaction,
    Room,
    RouteWord,
    SettledRow,
    SettleWrites,
    Standing,
    TakenRow,
)
from luota_svc.store.vault import CannotOpen
from luota_svc.telemetry import names
from luota_svc.usecases.alert_content import freeze_contents
from luota_svc.usecases.installation import Installation

# Three times the longest attempt: a lease that ran out belongs to a worker that is gone (design: worker).
LEASE_SECONDS: Final = 45.0
CLAIM_MOST: Final = 64
SETTLE_MOST: Final = 64
_HOLD_LEAST: Final = 8
# In flight at one destination, over all workers: a receiver that hangs delays no other.
IN_FLIGHT_MOST: Final = 4
# Attempts whose worker vanished spend no retry; so many in a row are no accident any more.
_LOST_MOST: Final = 20
_SECOND: Final = timedelta(seconds=1)
_TOLD: Final = {
    DeliveryReason.OPENED,
    DeliveryReason.REMINDER,
    DeliveryReason.RESOLVED,
    DeliveryReason.ESCALATION,
}
_FINAL: Final = {DeliveryState.DELIVERED, DeliveryState.FAILED_TERMINAL, DeliveryState.CANCELLED}
_LOG = logging.getLogger(__name__)


class Claim(NamedTuple):
    """What one look at the outbox found, and when to look again at the latest (None: nothing is known to come due)."""

    claimed: list[Claimed]
    look_again_at: datetime | None


class _Plan(NamedTuple):
    """What may be taken at one destination now; `goes_at` is when its first words may go, where they may not yet."""

    destination: FreeDestination
    room: int
    first_words: int
    gather: bool
    goes_at: datetime | None


class _Look(NamedTuple):
    """The destinations that are held. `walked`: they are a part of a crowd's, in their order; `most` were asked for.

    `goes_on`: others come behind these that this round has not looked at yet.
    """

    destinations: list[FreeDestination]
    walked: bool
    most: int
    goes_on: bool = False


class Outbox:
    """The duties of an installation for one worker. Any number of workers may share them."""

    def __init__(self, at: Installation, *, worker: str, retry_delays: Sequence[int]) -> None:
        """Take the name that attempts are kept under, and the retry delays in seconds."""
        self._at = at
        self._worker = worker
        self._delays = retry_delays
        # Where the last look ended in the order of destinations: each look goes on from there, so that none starves.
        self._place: Destination = deliveries.START
        # How many destinations of a crowd are held at a time: as many as yield a claim, by what the last look yielded.
        self._hold = CLAIM_MOST

    async def take_over(self) -> int:
        """Free duties whose worker is gone; return how many. Raises Unavailable."""
        async with self._at.database.unit() as unit:
            return await deliveries.take_over(
                unit,
                self._at.clock.now(),
                most=SETTLE_MOST,
                lost_most=_LOST_MOST,
                lease_seconds=LEASE_SECONDS,
                fallback_seconds=FALLBACK_AFTER.total_seconds(),
            )

    async def claim(self, most: int) -> Claim:
        """Claim up to `most` duties (at most 64) that are due now, each with frozen content and an opened target.

        One transaction; it waits for nobody's locks. Raises Unavailable where PostgreSQL is away.
        """
        now, most = self._at.clock.now(), min(most, CLAIM_MOST)
        async with deliveries.outbox_transaction(self._at.database) as transaction:
            look = await self._look(transaction, most, now)
            plans = [_plan(destination, now) for destination in look.destinations]
            if crowded := [plan.destination.key for plan in plans if plan.gather]:
                await transaction.gather(crowded, now)
            rooms = [Room(plan.destination.key, plan.room, plan.first_words) for plan in plans if plan.room > 0]
            rows = []
            if rooms:
                rows = await transaction.take(rooms, now, most=most, worker=self._worker, lease_seconds=LEASE_SECONDS)
            self._go_on(look, rows, most)
            fresh = [_uncomposed(row) for row in rows if row.content is None]
            contents = await freeze_contents(self._at, transaction.unit, fresh) if fresh else {}
            next_due = await transaction.commit_claims(_claims(plans, rows, now), contents, now)
        # When something may go that may not go now.
        coming = [
            at for at in (next_due, *(plan.goes_at for plan in plans), now if look.goes_on else None) if at is not None
        ]
        return Claim([self._opened(row, contents) for row in rows], min(coming, default=None))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write what became of attempts, in one transaction. Telling the same again changes nothing.

        A duty whose lease has passed on keeps a late attempt and, where the provider took it, is delivered all the
        same. Raises Unavailable where PostgreSQL is away; nothing is written then.
        """
        now = self._at.clock.now()
        async with deliveries.outbox_transaction(self._at.database) as transaction:
            held, standing = await transaction.load_settled(
                {each.claimed.route_id for each in settlements},
                {each.claimed.id for each in settlements},
                _failed(settlements),
            )
            in_time = [each for each in settlements if _holds(each, held)]
            late = [each for each in settlements if not _holds(each, held)]
            decided = [
                (each, held[each.claimed.id], self._decide(each, held[each.claimed.id], now)) for each in in_time
            ]
            accepted = {e.claimed.id: e.outcome.provider_id for e in late if e.outcome.kind is OutcomeKind.DELIVERED}
            final = [each.claimed.id for each, _, settled in decided if settled.state in _FINAL]
            writes = SettleWrites(
                breakers=_settled_breakers(in_time, standing, now),
                settled=[_row(*each, now) for each in decided],
                delivered_late=accepted,
                final=[*final, *accepted],
                attempts=settlements,
                late={each.claimed.id for each in late},
                routes=_route_words(decided, [each for each in late if _leads_there(each, held)]),
                mended=_mended(decided, standing),
            )
            fresh = await transaction.commit_settled(writes, now)
        for each in late:
            # The rest had arrived before: the answer to that COMMIT was cut, the lease was not lost.
            if each.claimed.id not in fresh:
                continue
            _LOG.warning(names.LOG_LEASE_LOST, extra={"delivery_id": str(each.claimed.id), **_ids(each.claimed)})

    async def release(self, claimed: Collection[Claimed]) -> None:
        """Give back what was claimed and not begun."""
        async with self._at.database.unit() as unit:
            leases = {each.id: each.lease_token for each in claimed}
            await deliveries.release(unit, leases, self._at.clock.now())

    async def standing(self) -> Standing:
        """Return how the outbox stands, for the gauges. Raises Unavailable."""
        async with self._at.database.unit() as unit:
            return await deliveries.standing(unit, self._at.clock.now())

    async def _look(self, transaction: OutboxTransaction, most: int, now: datetime) -> _Look:
        """Hold those of the few duties that are due; of a crowd, go on from where the last look ended, once around."""
        # While a walk goes on there is a crowd: nothing is gained by counting it.
        if self._place == deliveries.START:
            named = await transaction.due_front(now)
            # Of more than fit, the same would be held at every look, and what waits elsewhere would wait for them.
            if named is not None and len(named) <= most:
                free = await transaction.free_destinations(now, most, named=named) if named else []
                return _Look(free, walked=False, most=most)
        hold = min(most, self._hold)
        found = await transaction.free_destinations(now, hold, after=self._place)
        goes_on = len(found) == hold
        if len(found) < hold and self._place != deliveries.START:
            again = await transaction.free_destinations(now, hold - len(found), after=deliveries.START)
            known = {destination.key for destination in found}
            found += [destination for destination in again if destination.key not in known]
        return _Look(found, walked=True, most=hold, goes_on=goes_on)

    def _go_on(self, look: _Look, rows: Sequence[TakenRow], most: int) -> None:
        """Remember where the next walk goes on: behind what was served, so that none is passed over."""
        if not look.walked:
            return
        keys = [destination.key for destination in look.destinations]
        if len(rows) == most:
            served = {(row.workspace_id, row.destination) for row in rows}
            keys = keys[: max((place for place, key in enumerate(keys) if key in served), default=0) + 1]
        ended = len(rows) < most and len(keys) < look.most
        self._place = deliveries.START if ended else keys[-1]
        self._hold = min(CLAIM_MOST, max(_HOLD_LEAST, CLAIM_MOST * len(keys) // len(rows) + 1)) if rows else CLAIM_MOST

    def _opened(self, row: TakenRow, contents: Mapping[UUID, bytes]) -> Claimed:
        target, refusal = self._open_target(row)
        values = row._asdict()
        del values["about_route_id"]
        values |= {"content": row.content or contents[row.id], "target": target, "refusal": refusal}
        return Claimed(**values)

    def _open_target(self, row: TakenRow) -> tuple[Target, Outcome | None]:
        try:
            return self._at.vault.open(row.target), None
        except CannotOpen as error:
            return {}, Outcome(OutcomeKind.BLOCKED, error=str(error))

    def _decide(self, each: Settlement, held: Held, now: datetime) -> Settled:
        # What the claim read of the route may be old: somebody may have repaired it, or found it broken, since.
        claimed = each.claimed._replace(route_state=held.route_state)
        return settle(
            claimed,
            each.outcome,
            now=now,
            jitter=self._at.clock.jitter(),
            delays=self._delays,
            superseded=held.superseded,
            route_usable=held.route_usable,
            retargeted=held.destination != each.claimed.destination,
            first_failed_at=held.first_failed_at,
            fallback_due_at=held.fallback_due_at,
        )


def _plan(destination: FreeDestination, now: datetime) -> _Plan:
    """Decide how much may go to a destination that is held: its bulkhead, its breaker, its rate and its pace."""
    this_second = _within_second(destination, now)
    spent = destination.claimed_in_second if this_second else 0
    in_flight_most = 1 if destination.breaker.open_until is not None else IN_FLIGHT_MOST
    room = min(in_flight_most - destination.in_flight, destination.per_second - spent)
    next_second = destination.claimed_second + _SECOND if destination.claimed_second and this_second else None
    waits_for_rate = next_second if room <= 0 and destination.per_second <= spent else None
    if not destination.paced or not destination.waiting:
        return _Plan(destination, room, first_words=max(room, 0), gather=False, goes_at=waits_for_rate)
    paced = pace(destination.pace, waiting=destination.waiting, critical=destination.critical, now=now)
    held = paced.goes_at > now
    gather = paced.gather and not held and room > 0
    return _Plan(
        destination,
        room,
        # Of what was gathered one duty a route is left, and one more of what ended: they go together.
        first_words=0 if held else room if gather else 1,
        gather=gather,
        goes_at=paced.goes_at if held else waits_for_rate,
    )


def _within_second(destination: FreeDestination, now: datetime) -> bool:
    """Tell whether the second that is counted goes on. One that a clock minutes ahead of ours began is none of ours."""
    return destination.claimed_second is not None and abs(now - destination.claimed_second) < _SECOND


def _claims(plans: Sequence[_Plan], rows: Sequence[TakenRow], now: datetime) -> Sequence[Claims]:
    """Return what the destinations of these claims must remember."""
    taken: dict[Destination, list[TakenRow]] = {}
    for row in rows:
        taken.setdefault((row.workspace_id, row.destination), []).append(row)
    claims = []
    for plan in plans:
        destination = plan.destination
        here = taken.get(destination.key)
        if here is None:
            continue
        this_second = _within_second(destination, now)
        began_at = destination.claimed_second if this_second else now
        spent = len(here) + (destination.claimed_in_second if this_second else 0)
        stands = destination.pace
        for row in here:
            if row.reason in _TOLD and row.content is None:
                stands = after_message(stands, gathered=destination.waiting if plan.gather else 1, now=now)
        claims.append(Claims(destination.key, began_at, spent, stands))
    return claims


def _uncomposed(row: TakenRow) -> Uncomposed:
    return Uncomposed(
        id=row.id,
        workspace_id=row.workspace_id,
        route_id=row.route_id,
        route_name=row.route_name,
        reason=row.reason,
        created_at=row.created_at,
        request_id=row.request_id,
        about_route_id=row.about_route_id,
    )


def _holds(each: Settlement, held: Mapping[UUID, Held]) -> bool:
    stands = held.get(each.claimed.id)
    return (
        stands is not None and stands.state is DeliveryState.SENDING and stands.lease_token == each.claimed.lease_token
    )


def _leads_there(each: Settlement, held: Mapping[UUID, Held]) -> bool:
    """Tell whether its route still leads where the attempt went."""
    stands = held.get(each.claimed.id)
    return stands is not None and stands.destination == each.claimed.destination


def _destination(claimed: Claimed) -> Destination:
    return claimed.workspace_id, claimed.destination


def _failed(settlements: Sequence[Settlement]) -> dict[Destination, bool]:
    """Return the destinations, each with whether something failed there."""
    failed: dict[Destination, bool] = {}
    for each in settlements:
        key = _destination(each.claimed)
        failed[key] = failed.get(key, False) or each.outcome.kind is not OutcomeKind.DELIVERED
    return failed


def _settled_breakers(
    in_time: Sequence[Settlement], standing: Mapping[Destination, Breaker], now: datetime
) -> dict[Destination, Breaker]:
    """Return what the attempts make of their destinations' breakers, where that is anything."""
    written: dict[Destination, Breaker] = {}
    for each in in_time:
        key = _destination(each.claimed)
        stands = written.get(key) or standing.get(key)
        if stands is not None and (after := breakers.after(each.outcome, stands, now)) is not None:
            written[key] = after
    return written


def _row(each: Settlement, held: Held, settled: Settled, now: datetime) -> SettledRow:
    recipients = each.outcome.recipients
    failed_now = each.outcome.kind is not OutcomeKind.DELIVERED
    return SettledRow(
        id=each.claimed.id,
        lease_token=each.claimed.lease_token,
        state=settled.state.value,
        next_attempt_at=settled.next_attempt_at,
        settled_at=now if settled.state in _FINAL else None,
        attempt_count=settled.attempt_count,
        deferral_count=settled.deferral_count,
        provider_id=each.outcome.provider_id,
        last_error=settled.last_error,
        first_failed_at=held.first_failed_at or (now if failed_now else None),
        fallback_due_at=settled.fallback_due_at,
        recipients="\n".join(recipients) if recipients else None,
        traceparent=each.traceparent,
    )


def _route_words(
    decided: Sequence[tuple[Settlement, Held, Settled]], late: Sequence[Settlement]
) -> Collection[RouteWord]:
    """Return the newest word about each route: what a provider took counts over what failed before it."""
    words: dict[UUID, RouteWord] = {}
    ended = sorted(decided, key=lambda one: one[0].ended_at)
    for each, _, settled in ended:
        if settled.route_state is None:
            continue
        route_id, delivered = each.claimed.route_id, each.outcome.kind is OutcomeKind.DELIVERED
        before = words.get(route_id)
        words[route_id] = RouteWord(
            route_id,
            settled.route_state.value,
            each.ended_at if delivered else before and before.delivered_at,
            each.ended_at if not delivered else before and before.failed_at,
            None if delivered else settled.last_error,
        )
    for each in late:
        if each.outcome.kind is OutcomeKind.DELIVERED and each.claimed.route_id not in words:
            words[each.claimed.route_id] = RouteWord(each.claimed.route_id, "proven", each.ended_at, None, None)
    return words.values()


def _mended(
    decided: Sequence[tuple[Settlement, Held, Settled]], standing: Mapping[Destination, Breaker]
) -> set[Destination]:
    """Return the destinations that failed lately and have taken something now.

    Refusals count as well, which no breaker remembers but the route does. Whoever sends a test alert has repaired
    something.
    """
    failing = {key for key, stood in standing.items() if stood.failures_in_row > 0}
    return {
        _destination(each.claimed)
        for each, held, _ in decided
        if each.outcome.kind is OutcomeKind.DELIVERED
        and (
            _destination(each.claimed) in failing
            or held.route_state in {RouteState.RETRYING, RouteState.BROKEN}
            or each.claimed.reason is DeliveryReason.TEST
        )
    }


def _ids(claimed: Claimed) -> dict[str, str | None]:
    return {"request_id": claimed.request_id}
