"""The outbox as a worker sees it: claim what is due, settle what became of it, give back what was not begun."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from luota_svc.model.deliveries import Claimed, DeliveryReason, DeliveryState, Outcome, OutcomeKind, Settlement
from luota_svc.model.destinations import Breaker, Destination
from luota_svc.model.routes import RouteState, Target
from luota_svc.rules import breaker as breakers
from luota_svc.rules.retry import FALLBACK_AFTER, Settled, settle
from luota_svc.store import deliveries
from luota_svc.store.deliveries import (
    Held,
    OutboxTransaction,
    RouteWord,
    SettledRow,
    SettleWrites,
    Standing,
    TakenRow,
)
from luota_svc.store.vault import CannotOpen
from luota_svc.telemetry import names
from luota_svc.usecases.alert_content import freeze_contents
from luota_svc.usecases.claiming import Look, claims_of, plan_for, uncomposed
from luota_svc.usecases.installation import Installation

# Three times the longest attempt: a lease that ran out belongs to a worker that is gone (design: worker).
LEASE_SECONDS: Final = 45.0
CLAIM_MOST: Final = 128
SETTLE_MOST: Final = 128
_HOLD_LEAST: Final = 8
# Attempts whose worker vanished spend no retry; so many in a row are no accident any more.
_LOST_MOST: Final = 20
_FINAL: Final = {DeliveryState.DELIVERED, DeliveryState.FAILED_TERMINAL, DeliveryState.CANCELLED}
_LOG = logging.getLogger(__name__)


class Claim(NamedTuple):
    """What one look at the outbox found, and when to look again at the latest (None: nothing is known to come due)."""

    claimed: list[Claimed]
    look_again_at: datetime | None


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
        """Claim up to `most` duties (at most 128) that are due now, each with frozen content and an opened target.

        One transaction; it waits for nobody's locks. Raises Unavailable where PostgreSQL is away.
        """
        now, most = self._at.clock.now(), min(most, CLAIM_MOST)
        async with deliveries.outbox_transaction(self._at.database) as transaction:
            look = await self._look(transaction, most, now)
            plans = [plan_for(destination, now) for destination in look.destinations]
            if crowded := [plan.destination.key for plan in plans if plan.gather]:
                await transaction.gather(crowded, now)
            rooms = [plan.as_room for plan in plans if plan.room > 0]
            rows = []
            if rooms:
                rows = await transaction.take(rooms, now, most=most, worker=self._worker, lease_seconds=LEASE_SECONDS)
            self._go_on(look, rows, most)
            fresh = [uncomposed(row) for row in rows if row.content is None]
            contents = await freeze_contents(self._at, transaction.unit, fresh) if fresh else {}
            next_due = await transaction.commit_claims(claims_of(plans, rows, now), contents, now)
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
                (each, held[each.claimed.id], self._decide(each, held[each.claimed.id], standing, now))
                for each in in_time
            ]
            accepted = {e.claimed.id: e.outcome.provider_id for e in late if e.outcome.kind is OutcomeKind.DELIVERED}
            final = [each.claimed.id for each, _, settled in decided if settled.state in _FINAL]
            writes = SettleWrites(
                breakers=_settled_breakers(in_time, standing, now),
                settled=[_row(*each, now) for each in decided],
                delivered_late=accepted,
                final=[*final, *accepted],
                reduced=[each.claimed.id for each, stood, settled in decided if stood.reduced and _waits(settled)],
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

    async def _look(self, transaction: OutboxTransaction, most: int, now: datetime) -> Look:
        """Hold those of the few duties that are due; of a crowd, go on from where the last look ended, once around."""
        # While a walk goes on there is a crowd: nothing is gained by counting it.
        if self._place == deliveries.START:
            named = await transaction.due_front(now)
            # Of more than fit, the same would be held at every look, and what waits elsewhere would wait for them.
            if named is not None and len(named) <= most:
                free = await transaction.free_destinations(now, most, named=named) if named else []
                return Look(free, walked=False, most=most)
        hold = min(most, self._hold)
        found = await transaction.free_destinations(now, hold, after=self._place)
        goes_on = len(found) == hold
        if len(found) < hold and self._place != deliveries.START:
            again = await transaction.free_destinations(now, hold - len(found), after=deliveries.START)
            known = {destination.key for destination in found}
            found += [destination for destination in again if destination.key not in known]
        return Look(found, walked=True, most=hold, goes_on=goes_on)

    def _go_on(self, look: Look, rows: Sequence[TakenRow], most: int) -> None:
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
            # Another worker may have the key, and this one may get it back: it is tried again.
            return {}, Outcome(OutcomeKind.REFUSED, error=f"The worker {self._worker} sent nothing: {error}")

    def _decide(self, each: Settlement, held: Held, standing: Mapping[Destination, Breaker], now: datetime) -> Settled:
        # What the claim read of the route may be old: somebody may have repaired it, or found it broken, since.
        claimed = each.claimed._replace(route_state=held.route_state)
        breaker = standing.get(_destination(each.claimed))
        was_open = breaker is not None and breaker.open_until is not None
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
            held_since=claimed.due_at if was_open else None,
        )


def _holds(each: Settlement, held: Mapping[UUID, Held]) -> bool:
    stands = held.get(each.claimed.id)
    return (
        stands is not None and stands.state is DeliveryState.SENDING and stands.lease_token == each.claimed.lease_token
    )


def _waits(settled: Settled) -> bool:
    return settled.state not in _FINAL


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
    """Return what the attempts make of their destinations' breakers, where that is anything.

    Where nothing was sent nobody answered: such an attempt says nothing of a destination.
    """
    written: dict[Destination, Breaker] = {}
    for each in in_time:
        if each.claimed.refusal is not None:
            continue
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
