"""What becomes of a delivery after an attempt: delivered, tried again and when, or ended and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from luota_svc.model.deliveries import Claimed, DeliveryReason, DeliveryState, Outcome, OutcomeKind
from luota_svc.model.routes import RouteState

# What has failed for so long is told to somebody else (design: a blocked route).
FALLBACK_AFTER: Final = timedelta(minutes=10)
DEFERRALS_MOST: Final = 20
RETRY_AFTER_SECONDS_MOST: Final = 3_600
# Who is short of breath is left alone for this long from the third attempt on: the first two stay quick, so that a blip
# delays no page. Where an operator chose steps below the other figure, the choice stands.
_BREATH_SECONDS: Final = 60
_BREATH_FROM_ATTEMPT: Final = 3
_BREATH_FOR_STEPS_FROM_SECONDS: Final = 30

_SHORT_OF_BREATH: Final = {OutcomeKind.TIMED_OUT, OutcomeKind.THROTTLED, OutcomeKind.OVERLOADED}
_FOR_GOOD: Final = {OutcomeKind.REJECTED, OutcomeKind.BLOCKED}
# That they don't arrive is seen by whoever asked for them, or is told by telling of the route before.
_WITHOUT_FALLBACK: Final = {DeliveryReason.TEST, DeliveryReason.DRILL, DeliveryReason.ROUTE_FAILURE}
_ROUTE_GONE: Final = "The route was disabled or deleted"
_ONE_ATTEMPT: Final = "the route is broken, and gets one attempt for each alert until one arrives"


class SettledReason(StrEnum):
    """Why a delivery became what it is."""

    DELIVERED = "delivered"
    RETRY_SCHEDULED = "retry_scheduled"
    # The provider named an instant; no attempt was spent.
    DEFERRED = "deferred"
    # What it had to tell was taken back while the attempt was in flight.
    SUPERSEDED = "superseded"
    ROUTE_GONE = "route_gone"
    BLOCKED = "blocked"
    REJECTED = "rejected"
    # A broken route gets one attempt for each delivery, and it failed.
    PROBE_FAILED = "probe_failed"
    EXHAUSTED = "exhausted"
    # The next attempt would come after its end.
    EXPIRED = "expired"
    # Its route leads elsewhere since the attempt began; no attempt was spent.
    RETARGETED = "retargeted"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a delivery becomes. `fallback_due_at` is what is to be written, None included.

    `route_state` is what the attempt says about its route, None where it says nothing.
    """

    state: DeliveryState
    reason: SettledReason
    next_attempt_at: datetime | None
    attempt_count: int
    deferral_count: int
    last_error: str | None
    fallback_due_at: datetime | None
    route_state: RouteState | None


def settle(
    claimed: Claimed,
    outcome: Outcome,
    *,
    now: datetime,
    jitter: float,
    delays: Sequence[int],
    superseded: bool,
    route_usable: bool,
    retargeted: bool,
    first_failed_at: datetime | None,
    fallback_due_at: datetime | None,
    held_since: datetime | None,
) -> Settled:
    """Decide what an attempt makes of its delivery; total: every outcome in every situation has an answer.

    `delays` are the seconds before each attempt, the first one included: as many attempts as delays. `jitter` is in
    [0, 1). `first_failed_at` and `fallback_due_at` are what stands on the row. `held_since`: when it was due,
    where an open breaker stood before it; from then on nothing arrived. `superseded`: nothing of it is left to
    tell. `retargeted`: the route led elsewhere when the attempt began; what came of that says nothing about where it
    leads now, and a failure spends nothing there. A lost attempt is settled by whoever takes over, and counts as any
    other failure if it is told here.
    """
    if outcome.kind is OutcomeKind.DELIVERED:
        return Settled(
            DeliveryState.DELIVERED,
            SettledReason.DELIVERED,
            next_attempt_at=None,
            attempt_count=claimed.attempt_count + 1,
            deferral_count=claimed.deferral_count,
            # Who of those that it was for did not get it, where some did.
            last_error=outcome.error,
            fallback_due_at=None,
            route_state=None if retargeted else RouteState.PROVEN,
        )
    defers = retargeted or _defers(claimed, outcome)
    spent = claimed.attempt_count + (0 if defers else 1)
    state, reason, next_at = _after_failure(
        claimed,
        outcome,
        spent=spent,
        defers=defers,
        now=now,
        jitter=jitter,
        delays=delays,
        superseded=superseded,
        route_usable=route_usable,
        retargeted=retargeted,
    )
    return Settled(
        state,
        reason,
        next_attempt_at=next_at,
        attempt_count=spent,
        deferral_count=claimed.deferral_count + (1 if defers else 0),
        last_error=_last_error(outcome, reason),
        fallback_due_at=_fallback(claimed, state, first_failed_at, fallback_due_at, held_since, now),
        route_state=None if retargeted else _route_state(claimed, outcome, route_usable=route_usable),
    )


def _last_error(outcome: Outcome, reason: SettledReason) -> str:
    said = outcome.error or outcome.kind.value
    match reason:
        case SettledReason.ROUTE_GONE:
            return _ROUTE_GONE
        case SettledReason.PROBE_FAILED:
            return f"{said.rstrip('.')}; {_ONE_ATTEMPT}"
        case _:
            return said


def _defers(claimed: Claimed, outcome: Outcome) -> bool:
    named = outcome.kind is OutcomeKind.THROTTLED and outcome.retry_after_seconds is not None
    return named and claimed.deferral_count < DEFERRALS_MOST


def _after_failure(
    claimed: Claimed,
    outcome: Outcome,
    *,
    spent: int,
    defers: bool,
    now: datetime,
    jitter: float,
    delays: Sequence[int],
    superseded: bool,
    route_usable: bool,
    retargeted: bool,
) -> tuple[DeliveryState, SettledReason, datetime | None]:
    if superseded:
        return DeliveryState.CANCELLED, SettledReason.SUPERSEDED, None
    ended = DeliveryState.FAILED_TERMINAL
    if not route_usable:
        return ended, SettledReason.ROUTE_GONE, None
    if retargeted:
        return DeliveryState.FAILED_RETRYING, SettledReason.RETARGETED, now
    if outcome.kind in _FOR_GOOD:
        blocked = outcome.kind is OutcomeKind.BLOCKED
        return ended, SettledReason.BLOCKED if blocked else SettledReason.REJECTED, None
    # A deferral is not yet the one attempt that a broken route gets; nor is one at which nothing was sent.
    if claimed.route_state is RouteState.BROKEN and not defers and claimed.refusal is None:
        return ended, SettledReason.PROBE_FAILED, None
    if spent >= len(delays):
        return ended, SettledReason.EXHAUSTED, None
    step = 0.0 if defers else delays[spent] * (0.8 + 0.4 * jitter)
    least = _least_seconds(outcome, spent, delays[spent]) * (1 + 0.2 * jitter)
    next_at = now + timedelta(seconds=max(step, least))
    if next_at >= claimed.expires_at:
        return ended, SettledReason.EXPIRED, None
    reason = SettledReason.DEFERRED if defers else SettledReason.RETRY_SCHEDULED
    return DeliveryState.FAILED_RETRYING, reason, next_at


def _least_seconds(outcome: Outcome, spent: int, step_seconds: int) -> int:
    """Return how long the provider is left alone at the least, in seconds; jitter only adds to it."""
    least = 0
    if outcome.retry_after_seconds is not None:
        least = max(1, min(outcome.retry_after_seconds, RETRY_AFTER_SECONDS_MOST))
    breath = outcome.kind in _SHORT_OF_BREATH and spent + 1 >= _BREATH_FROM_ATTEMPT
    if breath and step_seconds >= _BREATH_FOR_STEPS_FROM_SECONDS:
        least = max(least, _BREATH_SECONDS)
    return least


def _fallback(
    claimed: Claimed,
    state: DeliveryState,
    first_failed_at: datetime | None,
    fallback_due_at: datetime | None,
    held_since: datetime | None,
    now: datetime,
) -> datetime | None:
    if claimed.reason in _WITHOUT_FALLBACK or state is DeliveryState.CANCELLED:
        return None
    if state is DeliveryState.FAILED_TERMINAL:
        return now
    if fallback_due_at is not None:
        return fallback_due_at
    if first_failed_at is None and held_since is not None:
        # Nobody was told yet, however long ago that was to happen.
        return max(now, min(now, held_since) + FALLBACK_AFTER)
    due_at = (first_failed_at or now) + FALLBACK_AFTER
    # Past that instant nothing stands on the row because somebody else was told already.
    return due_at if due_at > now else None


def _route_state(claimed: Claimed, outcome: Outcome, *, route_usable: bool) -> RouteState | None:
    if not route_usable:
        return None
    if outcome.kind in _FOR_GOOD or claimed.route_state is RouteState.BROKEN:
        return RouteState.BROKEN
    return RouteState.RETRYING
