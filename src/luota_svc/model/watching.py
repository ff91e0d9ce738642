"""How those who watch incidents are told what happens, and where they go on after a break."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from luota_svc.model.incidents import Incident, TimelineEntry


class Place(NamedTuple):
    """A place in the one order of all timelines' entries: by the transaction that wrote them, then within it.

    Positions begin at 1: `Place(n, 0)` stands before all that transaction n wrote.
    """

    transaction_id: int
    position: int


@dataclass(frozen=True, slots=True)
class Stand:
    """How far the order is settled at this moment: nothing will ever appear before `settled` any more.

    `cluster` names the database server and its history; places of another mean nothing here. No transaction of `next`
    or later has begun.
    """

    cluster: str
    settled: Place
    next: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a watcher goes on: after `place`, as it stood at `at`."""

    cluster: str
    place: Place
    at: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched: one incident, or all of a workspace; one of both is not None."""

    workspace_id: UUID | None
    incident_id: UUID | None


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry that was committed and that nothing can precede any more, with its incident as it stands now."""

    place: Place
    entry: TimelineEntry
    incident: Incident


@dataclass(frozen=True, slots=True)
class Told:
    """What a watcher hears. Without a happening it only says that nothing was missed up to the cursor."""

    cursor: Cursor
    happening: Happening | None
