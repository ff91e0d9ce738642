"""When a destination is left alone after failures, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.model.destinations import Breaker

FAILURES_TO_OPEN: Final = 5
OPEN_SECONDS: Final = 30
OPEN_SECONDS_MOST: Final = 900
CLOSED: Final = Breaker()

# Whoever answers so is there and well enough to say no: that is the route's trouble, not the destination's.
_ANSWERED: Final = {OutcomeKind.REFUSED, OutcomeKind.REJECTED}
_FAILURES: Final = {
    OutcomeKind.THROTTLED,
    OutcomeKind.OVERLOADED,
    OutcomeKind.FAILED,
    OutcomeKind.TIMED_OUT,
    OutcomeKind.UNREACHABLE,
}


def after(outcome: Outcome, breaker: Breaker, now: datetime) -> Breaker | None:
    """Return the breaker after an attempt, or None where nothing needs to be written.

    It opens on 5 failures in a row, for 30 s; past `open_until` it is half open and one probe decides: another failure
    opens it for twice as long, up to 15 min; what the provider took, or refused by an answer of its own, closes it.
    A refusal, a block by the address guard, a lost attempt and a throttling that says until when are no failures. An
    attempt that began before it opened does not prolong it; one of those that arrives all the same closes it.
    """
    if outcome.kind is OutcomeKind.DELIVERED:
        return CLOSED if breaker != CLOSED else None
    half_open = breaker.open_until is not None and breaker.open_until <= now
    if outcome.kind in _ANSWERED:
        return CLOSED if half_open else None
    if not _failed(outcome):
        return None
    if breaker.open_until is not None and not half_open:
        return None
    failures = breaker.failures_in_row + 1
    if half_open:
        return _opened(failures, min(2 * (breaker.open_seconds or OPEN_SECONDS), OPEN_SECONDS_MOST), now)
    if failures >= FAILURES_TO_OPEN:
        return _opened(failures, OPEN_SECONDS, now)
    return replace(breaker, failures_in_row=failures)


def _failed(outcome: Outcome) -> bool:
    if outcome.kind is OutcomeKind.THROTTLED and outcome.retry_after_seconds is not None:
        return False
    return outcome.kind in _FAILURES


def _opened(failures: int, seconds: int, now: datetime) -> Breaker:
    return Breaker(failures, now + timedelta(seconds=seconds), seconds)
