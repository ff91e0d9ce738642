"""Reading incidents and ending them by hand."""

from __future__ import annotations

from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing
from luota_svc.model.incidents import Incident, IncidentKind, IncidentState
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store import incidents, monitors, workspaces
from luota_svc.store.database import Unit
from luota_svc.usecases.changes import Change, check_version, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Operator, admit, found
from luota_svc.usecases.public_fields import incident_fields
from luota_svc.usecases.resolving import BY_HAND, resolve_held

NOTE_CHARACTERS_MAX = 1_000


async def get_incident(at: Installation, call: Call, incident_id: UUID) -> Incident:
    """Read one; those of a deleted monitor stay."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.VIEWER, incident_id)
        return found(await incidents.get(unit, incident_id, at.clock.now()), Missing.INCIDENT)


async def list_incidents(
    at: Installation,
    call: Call,
    workspace_id: UUID,
    ask: Ask[Newest],
    *,
    state: IncidentState | None = None,
    monitor_id: UUID | None = None,
    kind: IncidentKind | None = None,
) -> Page[Incident, Newest]:
    """List a workspace's, newest first."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.VIEWER, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        now = at.clock.now()
        return await incidents.page(unit, workspace_id, ask, now, state=state, monitor_id=monitor_id, kind=kind)


async def resolve_incident(
    at: Installation, call: Call, incident_id: UUID, *, note: str, version: int | None
) -> Incident:
    """End one by hand, which consumes the present breach; one that has ended is answered as it is.

    ResourceConflict for a version that has passed.
    """
    if len(note) > NOTE_CHARACTERS_MAX:
        raise InvalidRequest(FieldProblem("note", f"must be at most {NOTE_CHARACTERS_MAX} characters"))
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        monitor_id = await _require(unit, operator, Role.OPERATOR, incident_id)
        # The monitor first: it is the mutex of its incidents, and the ingest batch takes its locks in this order.
        await monitors.lock(unit, monitor_id)
        held = found(await incidents.lock(unit, incident_id), Missing.INCIDENT)
        before = found(await incidents.get(unit, incident_id, at.clock.now()), Missing.INCIDENT)
        if held.resolved:
            return before
        check_version(Missing.INCIDENT, held.version, version)
        await resolve_held(at, unit, held, operator.author, resolution=BY_HAND, note=note)
        if held.kind is IncidentKind.FAILED:
            await monitors.forget_failures(unit, monitor_id)
        after = found(await incidents.get(unit, incident_id, at.clock.now()), Missing.INCIDENT)
        change = Change(
            "incident.resolve", incident_id, after.workspace_id, incident_fields(before), incident_fields(after)
        )
        await keep_audit(at.clock, unit, operator.author, change)
        return after


async def _require(unit: Unit, operator: Operator, needed: Role, incident_id: UUID) -> UUID:
    """Return the monitor of an incident that the operator may see and has the role for."""
    workspace_id, monitor_id = found(await incidents.home(unit, incident_id), Missing.INCIDENT)
    operator.require(needed, workspace_id, Missing.INCIDENT)
    operator.call.subject |= {"incident_id": str(incident_id), "monitor_id": str(monitor_id)}
    return monitor_id
