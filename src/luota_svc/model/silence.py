"""What silence is judged by, and what a look at it found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.monitors import MonitorKind
from luota_svc.model.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Watch:
    """A monitor as silence is judged by.

    `judged_from`: silence before it does not count (the monitor was made, resumed or re-scheduled then).
    `settled_until`: expected instants up to there are settled, and of a freshness monitor the deadlines up to there.
    `last_heard_at`: the newest signal that counts; `last_fresh_at`: the newest change that a signal told of.
    """

    kind: MonitorKind
    schedule: Schedule
    max_age_seconds: int | None
    judged_from: datetime
    settled_until: datetime
    last_heard_at: datetime | None
    last_fresh_at: datetime | None
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class Breach:
    """One promise about time that was not kept: what opens, or is an occurrence of what stands."""

    kind: IncidentKind
    reason: IncidentReason
    expected_at: datetime | None
    deadline_at: datetime


class Unobserved(NamedTuple):
    """An expected instant that nobody could have told us of: no incident."""

    expected_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class SilenceLook:
    """What a look at a monitor found, what is settled by it, and when to look again (None: when a signal comes)."""

    breaches: tuple[Breach, ...]
    unobserved: tuple[Unobserved, ...]
    pause_ended: bool
    judged_from: datetime
    settled_until: datetime
    next_look_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunWatch:
    """A running run as its silence and its length are judged by; deadlines count from receipt."""

    received_at: datetime
    last_sign_at: datetime
    timeout_at: datetime
    stuck_after_seconds: int | None
    max_duration_seconds: int | None
    stuck: bool
    slow: bool
    overtaken: bool


@dataclass(frozen=True, slots=True)
class RunLook:
    """What a look at a running run found, and when to look again; an expired one needs no other look.

    `judged` False: it expired and nobody is told, for its monitor is paused or a later run has done its work.
    """

    stuck: Breach | None
    slow: Breach | None
    expired: Breach | None
    judged: bool
    next_look_at: datetime | None
