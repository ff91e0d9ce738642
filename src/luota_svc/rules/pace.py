"""How close messages to people follow one another, and when what waits is told together (docs/adr/0028)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from luota_svc.model.destinations import Pace

# More than so many that wait are told in one message; so many messages that follow closely are a storm.
CALM_MOST: Final = 5
QUIET_AFTER: Final = timedelta(seconds=60)
# Long enough for a crowd to show itself, short enough for a page.
_CALM_GAP: Final = timedelta(seconds=3)
# Of what breaks within a minute, three messages tell all: at 0, 31 and 62 s. A critical one is told within 30 s, also
# by a worker that looks half a second late.
_STORM_GAP: Final = timedelta(seconds=31)
_CRITICAL_GAP: Final = timedelta(seconds=29, milliseconds=500)


@dataclass(frozen=True, slots=True)
class Paced:
    """From `goes_at` on one message may go: all that waits, gathered into one, or the oldest alone."""

    goes_at: datetime
    gather: bool


def pace(state: Pace, *, waiting: int, critical: bool, now: datetime) -> Paced:
    """Decide when the next message of first words goes to a destination and whether it gathers.

    `waiting` counts what has not been attempted yet and is due, at least 1; counting may stop at 6. `critical` says
    that one of them is. Where nothing was told for a minute it goes at once; while it is calm 3 s after the message
    before, one at a time; in a storm 31 s after, all together. A critical one takes with it whatever waits, so that it
    stands behind nothing, and is never held for more than 29.5 s. Ask again whenever another one comes: it may go later
    then, as a part of a storm. A message of the future is none: some worker's clock is minutes ahead of ours.
    """
    together = waiting > CALM_MOST or (critical and waiting > 1)
    last = state.last_message_at
    if last is None or abs(now - last) >= QUIET_AFTER:
        return Paced(now, together)
    if waiting <= CALM_MOST and state.messages_in_row < CALM_MOST and not _storms(state, now):
        return Paced(last + _CALM_GAP, together)
    return Paced(last + (_CRITICAL_GAP if critical else _STORM_GAP), gather=True)


def after_message(state: Pace, gathered: int, now: datetime) -> Pace:
    """Return what a destination remembers after a message; `gathered` counts the words in it, 1 for a single one.

    A storm begins with a message that tells more than 5 or follows 4 others closely, and lasts until nothing was told
    for a minute.
    """
    last = state.last_message_at
    follows = last is not None and now - last < QUIET_AFTER
    in_row = state.messages_in_row + 1 if follows else 1
    storms = gathered > CALM_MOST or in_row >= CALM_MOST or _storms(state, now)
    return Pace(now, in_row, now + QUIET_AFTER if storms else None)


def _storms(state: Pace, now: datetime) -> bool:
    return state.storm_until is not None and state.storm_until > now
