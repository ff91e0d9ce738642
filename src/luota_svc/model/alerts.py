"""What an alert is made of: a delivery that nobody has composed yet, and the facts that it tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentKind, IncidentState
from luota_svc.model.monitors import Severity


class Uncomposed(NamedTuple):
    """A claimed delivery without content yet. `about_route_id`: the route that a route_failure is about."""

    id: UUID
    workspace_id: UUID
    route_id: UUID
    route_name: str
    reason: DeliveryReason
    created_at: datetime
    request_id: str | None
    about_route_id: UUID | None


class ToldMonitor(NamedTuple):
    """A monitor as its settings are now: who is to act may have changed since its promise broke."""

    id: UUID
    slug: str
    name: str
    owner: str
    runbook_url: str
    environment: str
    promise: str
    tags: Mapping[str, str]
    # In which its instants are told.
    timezone: str


class ToldIncident(NamedTuple):
    """An incident as it stands, and which word about it this is to the route: 1 is the first."""

    id: UUID
    kind: IncidentKind
    state: IncidentState
    severity: Severity
    # A rule's word, "" where it opened before reasons were kept.
    reason: str
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolution: str | None
    occurrence_count: int
    expected_at: datetime | None
    sequence: int
    monitor: ToldMonitor


class FrozenPacket(NamedTuple):
    """What an incident froze when it opened (docs/packet.md), and the digest of that in hex."""

    parts: Mapping[str, Any]
    digest: str


class EarlierWords(NamedTuple):
    """What became of earlier words to the same route about the same incident."""

    delivered: bool
    failed: bool


class Ending(NamedTuple):
    """Who ended an incident, and their note or else the word for how."""

    actor: str
    detail: str | None


class MadeChange(NamedTuple):
    """What somebody changed, as the audit keeps it."""

    at: datetime
    actor: str
    action: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class FailedRoute(NamedTuple):
    """A route that does not deliver. `usable` False: it was switched off or deleted, so nothing more is tried."""

    id: UUID
    name: str
    kind: str
    error: str | None
    since: datetime | None
    broken: bool
    usable: bool


class AlertFacts(NamedTuple):
    """Everything that one alert tells.

    `incident` is the gravest, with its packet, changes and ending; `further` are the others, gravest first, and
    `further_omitted` is how many more there are. A test has none of them.
    """

    delivery: Uncomposed
    now: datetime
    public_url: str
    incident: ToldIncident | None = None
    packet: FrozenPacket | None = None
    changes: tuple[MadeChange, ...] = ()
    earlier: EarlierWords = EarlierWords(delivered=False, failed=False)
    ending: Ending | None = None
    further: tuple[ToldIncident, ...] = ()
    further_omitted: int = 0
    failed_route: FailedRoute | None = None
