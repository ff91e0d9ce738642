"""What an acknowledgement changes for routes: nobody else needs to be called, and pagers stop calling."""

from __future__ import annotations

from uuid import UUID

from luota_svc.model.batch import IncidentChange
from luota_svc.model.incidents import IncidentState
from luota_svc.rules.routing import route_acknowledgement
from luota_svc.store import duties
from luota_svc.store.database import Unit
from luota_svc.store.following import following_routes
from luota_svc.store.incidents import HeldIncident
from luota_svc.usecases.duties import new_duty
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Author


async def tell_acknowledged(
    at: Installation, unit: Unit, incident: HeldIncident, author: Author, *, but: UUID | None = None
) -> None:
    """Write and take back duties, in the transaction of the acknowledgement; `but` names the route that brought it."""
    now = at.clock.now()
    change = IncidentChange(
        incident_id=incident.id,
        workspace_id=incident.workspace_id,
        monitor_id=incident.monitor_id,
        kind=incident.kind,
        severity=incident.severity,
        state=IncidentState.ACKNOWLEDGED,
        opened_here=False,
        at=now,
        quiet=False,
        request_id=author.request_id,
        traceparent=author.traceparent,
    )
    told = await duties.lock_told(unit, incident.id)
    following = await following_routes(unit, incident.workspace_id) - {but}
    routes = [route for route in await duties.routes(unit, incident.workspace_id) if route.id in following]
    routing = route_acknowledgement(change, routes, told, now)
    new = [new_duty(at.clock.new_id(), change, duty, now) for duty in routing.duties]
    await duties.write(unit, new=new, ended=[(each, incident.id) for each in routing.ended], now=now)
