"""What time alone does to an incident that stands: a quiet time or an acknowledgement ends, a reminder falls due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from luota_svc.model.incident_deadlines import Waiting
from luota_svc.model.incidents import IncidentState, TimelineEvent

# An incident that is kept quiet is looked at again within this: a window may be called off, or a monitor's tags be
# changed, just while it opens, and then nobody else would look before the end that stood at its opening.
QUIET_LOOK_AFTER = timedelta(minutes=1)


class Word(StrEnum):
    """What routes are to be told."""

    NONE = "none"
    OPENED = "opened"
    REMINDER = "reminder"


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at an incident found: what happened, who is told, what it waits for now, and when to look again."""

    events: tuple[TimelineEvent, ...]
    word: Word
    after: Waiting
    next_look_at: datetime | None


def look(waiting: Waiting, *, quiet_until: datetime | None, remind_every_seconds: int, now: datetime) -> Look:
    """Decide what time did to an incident; repeating it at the same instant does nothing more.

    Quiet over: told once, unless somebody has acknowledged it. Acknowledgement over: open again, and told again. A
    reminder that falls due in a quiet time waits for its end.
    """
    events: list[TimelineEvent] = []
    state, muted, acknowledged_until = waiting.state, waiting.muted, waiting.acknowledged_until
    reminder_at = waiting.next_reminder_at
    if state is IncidentState.ACKNOWLEDGED and acknowledged_until is not None and acknowledged_until <= now:
        state, acknowledged_until, reminder_at = IncidentState.OPEN, None, now
        events.append(TimelineEvent.ACKNOWLEDGEMENT_ENDED)
    word = Word.NONE
    if muted and quiet_until is None:
        muted = False
        events.append(TimelineEvent.QUIET_ENDED)
        if state is IncidentState.OPEN:
            word = Word.OPENED
    elif quiet_until is None and state is IncidentState.OPEN and reminder_at is not None and reminder_at <= now:
        word = Word.REMINDER
    if word is not Word.NONE:
        reminder_at = _next_reminder(reminder_at, remind_every_seconds, now)
    after = Waiting(state, muted, quiet_until if muted else None, reminder_at, acknowledged_until)
    return Look(tuple(events), word, after, next_look_at(after, now=now, quiet_until=quiet_until))


def next_look_at(waiting: Waiting, *, now: datetime, quiet_until: datetime | None = None) -> datetime | None:
    """Return when an unresolved incident is looked at next: the first of what it waits for; None for nothing.

    `quiet_until`: the end of the quiet time that its monitor is in now, which a reminder waits for.
    """
    instants = [waiting.tell_at, now + QUIET_LOOK_AFTER] if waiting.muted else []
    if waiting.state is IncidentState.ACKNOWLEDGED:
        instants.append(waiting.acknowledged_until)
    elif not waiting.muted and waiting.next_reminder_at is not None:
        reminder_at = waiting.next_reminder_at
        if quiet_until is not None and quiet_until > reminder_at:
            reminder_at = max(reminder_at, min(quiet_until, now + QUIET_LOOK_AFTER))
        instants.append(reminder_at)
    return min((at for at in instants if at is not None), default=None)


def _next_reminder(due_at: datetime | None, every_seconds: int, now: datetime) -> datetime | None:
    """Return the reminder after a word: one interval after it was due, so that looks that come late do not add up."""
    if not every_seconds:
        return None
    every = timedelta(seconds=every_seconds)
    following = (due_at or now) + every
    return following if following > now else now + every
