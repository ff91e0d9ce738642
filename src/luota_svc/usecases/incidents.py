"""Reading incidents and steering them: who has one, what was said about it, and its end by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, ResourceConflict
from luota_svc.model.incidents import (
    Incident,
    IncidentFilter,
    IncidentKind,
    IncidentState,
    TimelineEntry,
    TimelineEvent,
)
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.rules.instants import instant_text
from luota_svc.rules.redaction import redact_text
from luota_svc.store import incidents, monitors, workspaces
from luota_svc.store.database import Unit
from luota_svc.store.incidents import HeldIncident
from luota_svc.usecases.acknowledging import tell_acknowledged
from luota_svc.usecases.changes import Change, check_version, future_instant, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Author, Operator, admit, found
from luota_svc.usecases.public_fields import incident_fields
from luota_svc.usecases.resolving import BY_HAND, resolve_held

NOTE_CHARACTERS_MAX: Final = 1_000
ASSIGNEE_CHARACTERS_MAX: Final = 200
EVERY: Final = IncidentFilter()

# Decides under the locks of the monitor and the incident, and writes what it decided.
Write = Callable[[Unit, Author, HeldIncident, Incident], Awaitable[None]]


async def get_incident(at: Installation, call: Call, incident_id: UUID) -> Incident:
    """Read one; those of a deleted monitor stay."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.VIEWER, incident_id)
        return found(await incidents.get(unit, incident_id, at.clock.now()), Missing.INCIDENT)


async def list_incidents(
    at: Installation, call: Call, workspace_id: UUID, ask: Ask[Newest], only: IncidentFilter = EVERY
) -> Page[Incident, Newest]:
    """List a workspace's, newest first."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.VIEWER, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        return await incidents.page(unit, workspace_id, ask, at.clock.now(), only)


async def list_incident_events(
    at: Installation, call: Call, incident_id: UUID, ask: Ask[int]
) -> Page[TimelineEntry, int]:
    """List one's timeline, in order."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.VIEWER, incident_id)
        return await incidents.timeline(unit, incident_id, ask)


async def acknowledge_incident(
    at: Installation, call: Call, incident_id: UUID, *, until: datetime | None, note: str, version: int | None
) -> Incident:
    """Take one: reminders stop, and it is open again at `until` unless it has ended by then.

    The same by the same operator changes nothing, whatever version they name: they repeat what they did. Another end
    is a change, and another operator takes it over. ResourceConflict for one that has ended, and for a version that
    has passed.
    """
    note = _kept_note(note)
    end = None if until is None else future_instant(at.clock, until, "until")

    async def write(unit: Unit, author: Author, held: HeldIncident, before: Incident) -> None:
        _check_unresolved(held)
        by = author.actor.name
        stands = (before.state, before.acknowledged_by, before.acknowledged_until)
        if stands == (IncidentState.ACKNOWLEDGED, by, end):
            return
        check_version(Missing.INCIDENT, held.version, version)
        await acknowledge_held(at, unit, author, held, end, note)
        await tell_acknowledged(at, unit, held, author)

    return await _change(at, call, incident_id, "incident.acknowledge", write)


async def assign_incident(
    at: Installation, call: Call, incident_id: UUID, *, assignee: str, version: int | None
) -> Incident:
    """Give one to somebody, or with an empty name to nobody; to the one who has it already changes nothing.

    ResourceConflict for one that has ended, and for a version that has passed.
    """
    name = assignee.strip()
    if len(name) > ASSIGNEE_CHARACTERS_MAX:
        raise InvalidRequest(FieldProblem("assignee", f"must be at most {ASSIGNEE_CHARACTERS_MAX} characters"))

    async def write(unit: Unit, author: Author, held: HeldIncident, before: Incident) -> None:
        _check_unresolved(held)
        check_version(Missing.INCIDENT, held.version, version)
        if before.assignee != name:
            await incidents.assign(unit, held, name)
            await _append(at, unit, author, held, TimelineEvent.ASSIGNED, name)

    return await _change(at, call, incident_id, "incident.assign", write)


async def add_note(at: Installation, call: Call, incident_id: UUID, *, note: str, version: int | None) -> Incident:
    """Write a note on one's timeline, ended or not; every call writes one. ResourceConflict for a passed version."""
    if not note.strip():
        raise InvalidRequest(FieldProblem("note", "is required"))
    note = _kept_note(note)

    async def write(unit: Unit, author: Author, held: HeldIncident, _before: Incident) -> None:
        check_version(Missing.INCIDENT, held.version, version)
        await incidents.count_event(unit, held)
        await _append(at, unit, author, held, TimelineEvent.NOTE, note)

    return await _change(at, call, incident_id, "incident.add_note", write)


async def resolve_incident(
    at: Installation, call: Call, incident_id: UUID, *, note: str, version: int | None
) -> Incident:
    """End one by hand, which consumes the present breach; one that has ended is answered as it is.

    ResourceConflict for a version that has passed.
    """
    note = _kept_note(note)

    async def write(unit: Unit, author: Author, held: HeldIncident, _before: Incident) -> None:
        if held.resolved:
            return
        check_version(Missing.INCIDENT, held.version, version)
        await resolve_by_hand(at, unit, author, held, note)

    return await _change(at, call, incident_id, "incident.resolve", write)


async def acknowledge_held(
    at: Installation, unit: Unit, author: Author, held: HeldIncident, end: datetime | None, note: str
) -> None:
    """Write that the author has an unresolved incident that is held, until `end`."""
    await incidents.acknowledge(unit, held, author.actor.name, end, at.clock.now())
    detail = ": ".join(filter(None, (f"until {instant_text(end)}" if end else "", note)))
    await _append(at, unit, author, held, TimelineEvent.ACKNOWLEDGED, detail or None)


async def resolve_by_hand(at: Installation, unit: Unit, author: Author, held: HeldIncident, note: str) -> None:
    """End an unresolved incident that is held; what was counted towards the present breach is forgotten."""
    await resolve_held(at, unit, held, author, resolution=BY_HAND, note=note)
    if held.kind is IncidentKind.FAILED:
        await monitors.forget_failures(unit, held.monitor_id)


async def change_held(
    at: Installation, unit: Unit, author: Author, incident_id: UUID, monitor_id: UUID, action: str, write: Write
) -> Incident:
    """Let a decision be made and written under both locks, audit what it changed, and answer how it stands now."""
    # The monitor first: it is the mutex of its incidents, and the ingest batch takes its locks in this order.
    await monitors.lock(unit, monitor_id)
    held = found(await incidents.lock(unit, incident_id), Missing.INCIDENT)
    before = found(await incidents.get(unit, incident_id, at.clock.now()), Missing.INCIDENT)
    await write(unit, author, held, before)
    after = found(await incidents.get(unit, incident_id, at.clock.now()), Missing.INCIDENT)
    if after.version != before.version:
        change = Change(action, incident_id, after.workspace_id, incident_fields(before), incident_fields(after))
        await keep_audit(at.clock, unit, author, change)
    return after


async def _change(at: Installation, call: Call, incident_id: UUID, action: str, write: Write) -> Incident:
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        monitor_id = await _require(unit, operator, Role.OPERATOR, incident_id)
        return await change_held(at, unit, operator.author, incident_id, monitor_id, action, write)


async def _append(
    at: Installation, unit: Unit, author: Author, held: HeldIncident, event: TimelineEvent, detail: str | None
) -> None:
    await incidents.append_event(
        unit, held.id, event, at.clock.now(), actor=author.actor.name, request_id=author.request_id, detail=detail
    )


def _check_unresolved(held: HeldIncident) -> None:
    if held.resolved:
        raise ResourceConflict("The incident has ended")


def _kept_note(note: str) -> str:
    """Return a note as it is kept, without secrets: people paste what their terminal shows, and packets travel far."""
    if len(note) > NOTE_CHARACTERS_MAX:
        raise InvalidRequest(FieldProblem("note", f"must be at most {NOTE_CHARACTERS_MAX} characters"))
    return redact_text(note)[0]


async def _require(unit: Unit, operator: Operator, needed: Role, incident_id: UUID) -> UUID:
    """Return the monitor of an incident that the operator may see and has the role for."""
    workspace_id, monitor_id = found(await incidents.home(unit, incident_id), Missing.INCIDENT)
    operator.require(needed, workspace_id, Missing.INCIDENT)
    operator.call.subject |= {"incident_id": str(incident_id), "monitor_id": str(monitor_id)}
    return monitor_id
