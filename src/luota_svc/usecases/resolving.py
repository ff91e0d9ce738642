"""How an operator's change ends incidents: the row, its timeline, and who is to hear of it, in one transaction."""

from __future__ import annotations

from luota_svc.model.batch import IncidentChange
from luota_svc.model.incidents import IncidentState, TimelineEvent
from luota_svc.rules.quiet import quiet_until
from luota_svc.rules.routing import route_change
from luota_svc.store import duties, incidents
from luota_svc.store.database import Unit
from luota_svc.store.incidents import HeldIncident
from luota_svc.store.quiet import load_quiet
from luota_svc.usecases.duties import new_duty
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Author

BY_HAND = "by_hand"
MONITOR_DELETED = "monitor_deleted"


async def resolve_held(
    at: Installation,
    unit: Unit,
    incident: HeldIncident,
    author: Author,
    *,
    resolution: str,
    note: str,
) -> None:
    """End an incident that is held, under its monitor's lock, and write what its routes are to be told.

    What counts is whether its monitor is quiet now, not whether it was at the opening.
    """
    now = at.clock.now()
    await incidents.resolve(unit, incident, resolution, now)
    await incidents.append_event(
        unit,
        incident.id,
        TimelineEvent.RESOLVED,
        now,
        actor=author.actor.name,
        request_id=author.request_id,
        detail=note or resolution,
    )
    quietable, windows = await load_quiet(unit, [incident.monitor_id], [incident.workspace_id], now)
    change = IncidentChange(
        incident_id=incident.id,
        workspace_id=incident.workspace_id,
        monitor_id=incident.monitor_id,
        kind=incident.kind,
        severity=incident.severity,
        state=IncidentState.RESOLVED,
        opened_here=False,
        at=now,
        quiet=quiet_until(quietable[incident.monitor_id], windows, now) is not None,
        request_id=author.request_id,
        traceparent=author.traceparent,
    )
    told = await duties.lock_told(unit, incident.id)
    routing = route_change(change, await duties.routes(unit, incident.workspace_id), told, now)
    new = [new_duty(at.clock.new_id(), change, duty, now) for duty in routing.duties]
    await duties.write(unit, new=new, ended=[(delivery_id, incident.id) for delivery_id in routing.ended], now=now)
