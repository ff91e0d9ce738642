"""The sweep of incidents: quiet times and acknowledgements that ended, reminders that fell due. Safe in any replica."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from luota_svc.model.batch import IncidentChange, NewEvent, ToldRoute
from luota_svc.model.errors import LuotaError
from luota_svc.model.incident_deadlines import DueIncident, LookedAt
from luota_svc.model.routes import RouteMatch
from luota_svc.rules.incident_deadlines import Look, Word, look
from luota_svc.rules.quiet import quiet_until
from luota_svc.rules.routing import RoutedDuty, route_change, route_reminder
from luota_svc.store import duties, incident_deadlines, quiet
from luota_svc.store.database import Unit
from luota_svc.telemetry import names
from luota_svc.usecases.duties import new_duty
from luota_svc.usecases.incident_ledger import RULE_ACTOR
from luota_svc.usecases.installation import Installation

BATCH_MAX: Final = 500
_SET_ASIDE: Final = timedelta(minutes=5)
_LOG = logging.getLogger(__name__)


async def sweep_incidents(at: Installation) -> int:
    """Look at incidents that are due, at most 500, in one transaction; return how many were looked at.

    Those on monitors that somebody else holds at this moment are left for the next call; so are those that another
    replica looks at. Fewer than 500 means that nothing else is due that could be had. One that fails even alone is set
    aside for a while. Raises Unavailable where PostgreSQL is away.
    """
    limit = BATCH_MAX
    while True:
        taken: dict[UUID, UUID] = {}
        try:
            return await _sweep(at, limit, taken)
        except LuotaError:
            raise
        except Exception as error:  # noqa: BLE001 - as said below
            # Whatever it is, it must not keep the others from being looked at; a half finds out whose fault it is.
            _LOG.warning(names.LOG_SWEEP_FAILED, exc_info=error, extra={"limit": limit})
            if limit == 1:
                return await _set_aside(at, taken)
            limit //= 2


async def _sweep(at: Installation, limit: int, taken: dict[UUID, UUID]) -> int:
    now = at.clock.now()
    async with at.database.unit() as unit:
        due = await incident_deadlines.find_due(unit, now, limit)
        taken.update(due)
        if not due:
            return 0
        monitors = await incident_deadlines.lock_free_monitors(unit, set(due.values()))
        # A statement of its own after the locks: it sees what committed before they were free.
        held = await incident_deadlines.lock_due(unit, due, monitors, now)
        if held:
            await _look_at(at, unit, held, monitors, now)
        return len(held)


async def _set_aside(at: Installation, taken: dict[UUID, UUID]) -> int:
    async with at.database.unit() as unit:
        await incident_deadlines.set_aside(unit, taken, at.clock.now() + _SET_ASIDE)
    return len(taken)


async def _look_at(
    at: Installation, unit: Unit, held: Sequence[DueIncident], remind_every: dict[UUID, int], now: datetime
) -> None:
    workspace_ids = {incident.workspace_id for incident in held}
    quietable, windows = await quiet.load_quiet(unit, remind_every, workspace_ids, now)
    looks: list[LookedAt] = []
    words: list[tuple[IncidentChange, Word]] = []
    for incident in held:
        quiet_end = quiet_until(quietable[incident.monitor_id], windows, now, began_at=incident.began_at)
        found = look(
            incident.waiting,
            quiet_until=quiet_end,
            remind_every_seconds=remind_every[incident.monitor_id],
            now=now,
        )
        looks.append(LookedAt(incident, found.events, found.after, found.next_look_at))
        if found.word is not Word.NONE:
            words.append((_change(incident, found, now), found.word))
    await incident_deadlines.write(unit, looks)
    await incident_deadlines.append_events(unit, [event for looked_at in looks for event in _events(looked_at, now)])
    if words:
        await _tell(at, unit, words, now)


async def _tell(at: Installation, unit: Unit, words: Sequence[tuple[IncidentChange, Word]], now: datetime) -> None:
    routes = await duties.routes(unit, *{change.workspace_id for change, _ in words})
    told = await duties.lock_told(unit, *(change.incident_id for change, _ in words))
    new = [
        new_duty(at.clock.new_id(), change, duty, now)
        for change, word in words
        for duty in _routed(change, word, routes, told, now)
    ]
    await duties.write(unit, new=new, now=now)


def _routed(
    change: IncidentChange, word: Word, routes: Sequence[RouteMatch], told: Sequence[ToldRoute], now: datetime
) -> Iterable[RoutedDuty]:
    if word is Word.OPENED:
        return route_change(change, routes, told, now).duties
    return route_reminder(change, routes, told, now)


def _change(incident: DueIncident, found: Look, now: datetime) -> IncidentChange:
    return IncidentChange(
        incident_id=incident.id,
        workspace_id=incident.workspace_id,
        monitor_id=incident.monitor_id,
        kind=incident.kind,
        severity=incident.severity,
        state=found.after.state,
        opened_here=False,
        at=now,
        quiet=False,
        request_id=incident.request_id,
        traceparent=incident.traceparent,
    )


def _events(looked_at: LookedAt, now: datetime) -> Iterable[NewEvent]:
    incident = looked_at.incident
    for number, event in enumerate(looked_at.events, incident.event_count + 1):
        yield NewEvent(incident.id, number, event.value, now, RULE_ACTOR, None, None, None, None, None)
