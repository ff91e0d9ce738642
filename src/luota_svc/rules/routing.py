"""Which routes are told about a change of an incident, why and when; the fact's own transaction writes the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from luota_svc.model.batch import IncidentChange, ToldRoute
from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.model.incidents import IncidentState
from luota_svc.model.routes import RouteMatch

# A duty that nobody could fulfil for a day tells of the past (design: retry, expires after 24 h).
EXPIRES_AFTER = timedelta(hours=24)
_LIVE = {DeliveryState.PENDING, DeliveryState.FAILED_RETRYING, DeliveryState.SENDING}
# What these tell is frozen: it knows nothing of what comes now.
_FROZEN = {DeliveryState.FAILED_RETRYING, DeliveryState.SENDING}


@dataclass(frozen=True, slots=True)
class RoutedDuty:
    """Tell this route this; due at once, or later for an escalation."""

    route: RouteMatch
    reason: DeliveryReason
    due_at: datetime
    expires_at: datetime
    sequence: int


@dataclass(frozen=True, slots=True)
class Routing:
    """New duties, and live ones whose word about the incident is taken back: a later one says more."""

    duties: tuple[RoutedDuty, ...]
    ended: tuple[UUID, ...]


NOTHING = Routing((), ())


def matching(change: IncidentChange, routes: Iterable[RouteMatch]) -> list[RouteMatch]:
    """Return the routes that an incident is told to: those that cover its monitor and severity.

    A fallback route that names no monitors is for what fails elsewhere: it hears of an incident only where no other
    route does, for then nobody would (docs/adr/0032).
    """
    covering = _covering(change, routes)
    return [route for route in covering if not _waits(route)] or covering


def _waits(route: RouteMatch) -> bool:
    return route.fallback and not route.monitor_ids


def _covering(change: IncidentChange, routes: Iterable[RouteMatch]) -> list[RouteMatch]:
    """Return the enabled routes of the incident's workspace that cover its monitor and severity.

    A drill's monitor is told to the drill's own route alone: nobody is woken by a failure on purpose.
    """
    covering = [
        route
        for route in routes
        if route.enabled
        and route.workspace_id == change.workspace_id
        and (not route.monitor_ids or change.monitor_id in route.monitor_ids)
        and change.severity.rank >= route.min_severity.rank
    ]
    return [route for route in covering if route.drill] or covering


def route_change(
    change: IncidentChange, routes: Sequence[RouteMatch], told: Iterable[ToldRoute], now: datetime
) -> Routing:
    """Decide who is told about an incident that was opened or resolved in this transaction.

    An incident that opens in a quiet time is told to nobody yet. A resolve takes back what was not delivered yet and is
    told to every route that was due a word, its first word included; a route that would only have been told later (an
    escalation that never began) hears nothing at all. A resolve in a quiet time is told to those that may have heard of
    the incident before, or it would stand open with them for ever, and to nobody else.
    """
    if change.state is not IncidentState.RESOLVED:
        return NOTHING if change.quiet else Routing(_opened(change, routes, now), ())
    before = [row for row in told if row.incident_id == change.incident_id]
    ended = tuple(row.delivery_id for row in before if row.state in _LIVE)
    hears = _may_have_heard if change.quiet else _was_due_a_word
    due_a_word = {row.route_id for row in before if hears(row)}
    if change.opened_here and not change.quiet:
        due_a_word |= {route.id for route in matching(change, routes) if route.after_seconds == 0}
    duties = tuple(
        RoutedDuty(route, DeliveryReason.RESOLVED, now, now + EXPIRES_AFTER, _next_sequence(before, route.id))
        for route in routes
        if route.id in due_a_word and route.enabled
    )
    return Routing(duties, ended)


def route_reminder(
    change: IncidentChange, routes: Sequence[RouteMatch], told: Iterable[ToldRoute], now: datetime
) -> tuple[RoutedDuty, ...]:
    """Decide who is reminded of an incident that stands: whoever was told of it and has no word about it coming.

    Where nobody was ever told, because it opened in a quiet time and was acknowledged in it or because no route
    matched then, it is told as if it opened now.
    """
    before = [row for row in told if row.incident_id == change.incident_id]
    if not before:
        return _opened(change, routes, now)
    coming = {row.route_id for row in before if row.state in _LIVE}
    reminded = {row.route_id for row in before} - coming
    # An acknowledgement took an escalation back, and has ended: the wait begins anew.
    waits_anew = reminded - {row.route_id for row in before if _was_due_a_word(row)}
    duties = []
    for route in _covering(change, routes):
        if route.id not in reminded:
            continue
        anew = route.id in waits_anew
        due_at = now + timedelta(seconds=route.after_seconds) if anew else now
        reason = DeliveryReason.ESCALATION if anew else DeliveryReason.REMINDER
        duties.append(RoutedDuty(route, reason, due_at, due_at + EXPIRES_AFTER, _next_sequence(before, route.id)))
    return tuple(duties)


def route_acknowledgement(
    change: IncidentChange, following: Iterable[RouteMatch], told: Iterable[ToldRoute], now: datetime
) -> Routing:
    """Decide what an acknowledgement takes back, and who hears of it.

    Nobody needs to be told later that nobody has it: escalations that have not begun are taken back. Of the routes
    whose providers follow an incident's state, `following`, those hear of it that were told. A word that waits says so
    itself, as it is composed when it goes; one that was begun does not, and another one takes its place, or the pager
    would call people about what somebody has. It travels as a reminder, which is what it is to everybody who reads of
    it later.
    """
    before = [row for row in told if row.incident_id == change.incident_id]
    hearing = [route for route in following if route.enabled]
    following_ids = {route.id for route in hearing}
    ended = tuple(
        row.delivery_id
        for row in before
        if (row.reason == DeliveryReason.ESCALATION and row.state == DeliveryState.PENDING)
        or (row.route_id in following_ids and row.state in _FROZEN)
    )
    waiting = {row.route_id for row in before if row.state == DeliveryState.PENDING}
    heard = {row.route_id for row in before if row.state == DeliveryState.DELIVERED or row.state in _FROZEN} - waiting
    duties = tuple(
        RoutedDuty(route, DeliveryReason.REMINDER, now, now + EXPIRES_AFTER, _next_sequence(before, route.id))
        for route in hearing
        if route.id in heard
    )
    return Routing(duties, ended)


def _opened(change: IncidentChange, routes: Sequence[RouteMatch], now: datetime) -> tuple[RoutedDuty, ...]:
    duties = []
    for route in matching(change, routes):
        due_at = now + timedelta(seconds=route.after_seconds)
        duties.append(RoutedDuty(route, _first_reason(route), due_at, due_at + EXPIRES_AFTER, 1))
    return tuple(duties)


def _first_reason(route: RouteMatch) -> DeliveryReason:
    """Return why a route is told of what opened; who is told on purpose reads that nothing is wrong."""
    if route.drill:
        return DeliveryReason.DRILL
    return DeliveryReason.ESCALATION if route.after_seconds else DeliveryReason.OPENED


def _next_sequence(before: Iterable[ToldRoute], route_id: UUID) -> int:
    return 1 + max((row.sequence for row in before if row.route_id == route_id), default=0)


def _was_due_a_word(row: ToldRoute) -> bool:
    """Tell whether it was; an escalation that waits, or was taken back while it did, was not."""
    return row.reason != DeliveryReason.ESCALATION or row.state not in {
        DeliveryState.PENDING,
        DeliveryState.CANCELLED,
    }


def _may_have_heard(row: ToldRoute) -> bool:
    """Tell whether an attempt was made; one that was called a failure may have arrived all the same."""
    return row.state not in {DeliveryState.PENDING, DeliveryState.CANCELLED}
