"""Incidents and their timelines as rows: read, and steered by an operator."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.incidents import (
    AlertState,
    Incident,
    IncidentFilter,
    IncidentKind,
    IncidentState,
    StateFilter,
    TimelineEntry,
    TimelineEvent,
)
from luota_svc.model.monitors import Severity
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters, number_page, number_parameters

SQL = load_catalogue("incidents")


@dataclass(frozen=True, slots=True)
class HeldIncident:
    """An incident as it stands under its own and its monitor's lock."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    kind: IncidentKind
    severity: Severity
    resolved: bool
    version: int


async def get(unit: Unit, incident_id: UUID, now: datetime) -> Incident | None:
    """Return one as it stands at `now`, or None."""
    row = await unit.row(SQL["read"], {"ids": [incident_id], "now": now})
    return _incident(row) if row else None


async def get_all(unit: Unit, incident_ids: Collection[UUID], now: datetime) -> dict[UUID, Incident]:
    """Return these as they stand at `now`, by id."""
    if not incident_ids:
        return {}
    rows = await unit.rows(SQL["read"], {"ids": list(incident_ids), "now": now})
    return {row["id"]: _incident(row) for row in rows}


async def page(
    unit: Unit, workspace_id: UUID, ask: Ask[Newest], now: datetime, only: IncidentFilter
) -> Page[Incident, Newest]:
    """List a workspace's, newest first, all or only some."""
    parameters = {
        "workspace_id": workspace_id,
        "state": None if only.state in {None, StateFilter.UNRESOLVED} else only.state,
        "monitor_id": only.monitor_id,
        "kind": only.kind,
        "severity": only.severity,
        "assignee": only.assignee,
        "opened_after": only.opened_after,
        "opened_before": only.opened_before,
        **newest_parameters(ask),
    }
    statement = SQL["page" if only.state in {None, StateFilter.RESOLVED} else "page_unresolved"]
    named = newest_page(await unit.rows(statement, parameters), ask, _id, "opened_at")
    rows = await unit.rows(SQL["read"], {"ids": list(named.items), "now": now})
    return Page(tuple(_incident(row) for row in rows), named.next)


async def home(unit: Unit, incident_id: UUID) -> tuple[UUID, UUID] | None:
    """Return an incident's workspace and monitor, or None."""
    row = await unit.row(SQL["home"], {"id": incident_id})
    return (row["workspace_id"], row["monitor_id"]) if row else None


async def lock(unit: Unit, incident_id: UUID) -> HeldIncident | None:
    """Hold one; the caller holds its monitor's lock already."""
    row = await unit.row(SQL["lock"], {"id": incident_id})
    return _held(row) if row else None


async def lock_unresolved(unit: Unit, monitor_id: UUID) -> list[HeldIncident]:
    """Hold all that stand on a monitor; the caller holds its lock already."""
    rows = await unit.rows(SQL["lock_unresolved_of_monitor"], {"monitor_id": monitor_id})
    return [_held(row) for row in rows]


async def resolve(unit: Unit, incident: HeldIncident, resolution: str, at: datetime) -> None:
    """End one that is held."""
    parameters = {"id": incident.id, "version": incident.version, "resolution": resolution, "at": at}
    await unit.change("incidents.resolve", SQL["resolve"], parameters)


async def acknowledge(unit: Unit, incident: HeldIncident, by: str, until: datetime | None, at: datetime) -> None:
    """Say who has one that is held, until when."""
    parameters = {"id": incident.id, "version": incident.version, "by": by, "until": until, "at": at}
    await unit.change("incidents.acknowledge", SQL["acknowledge"], parameters)


async def assign(unit: Unit, incident: HeldIncident, assignee: str) -> None:
    """Say whose one is that is held; empty for nobody's."""
    parameters = {"id": incident.id, "version": incident.version, "assignee": assignee}
    await unit.change("incidents.assign", SQL["assign"], parameters)


async def count_event(unit: Unit, incident: HeldIncident) -> None:
    """Make room on the timeline of one that is held for an entry that changes nothing else."""
    await unit.change("incidents.count_event", SQL["count_event"], {"id": incident.id, "version": incident.version})


async def timeline(unit: Unit, incident_id: UUID, ask: Ask[int]) -> Page[TimelineEntry, int]:
    """List one's timeline in order."""
    rows = await unit.rows(SQL["timeline"], {"id": incident_id, **number_parameters(ask)})
    return number_page(rows, ask, timeline_entry)


async def append_event(
    unit: Unit,
    incident_id: UUID,
    event: TimelineEvent,
    at: datetime,
    *,
    actor: str,
    request_id: str | None,
    detail: str | None,
) -> None:
    """Append to the timeline under the number that the incident's row, which is held, counts."""
    parameters: dict[str, Any] = {
        "id": incident_id,
        "event": event.value,
        "at": at,
        "actor": actor,
        "request_id": request_id,
        "detail": detail,
    }
    await unit.change("incidents.append_event", SQL["append_event"], parameters)


def timeline_entry(row: DictRow) -> TimelineEntry:
    """Return a timeline's row as a word."""
    return TimelineEntry(
        incident_id=row["incident_id"],
        number=row["number"],
        event=TimelineEvent(row["event"]),
        at=row["at"],
        actor=row["actor"],
        request_id=row["request_id"],
        run_id=row["run_id"],
        signal_id=row["signal_id"],
        occurrence_number=row["occurrence_number"],
        detail=row["detail"],
    )


def _id(row: DictRow) -> UUID:
    incident_id: UUID = row["id"]
    return incident_id


def _held(row: DictRow) -> HeldIncident:
    return HeldIncident(
        id=row["id"],
        workspace_id=row["workspace_id"],
        monitor_id=row["monitor_id"],
        kind=IncidentKind(row["kind"]),
        severity=Severity(row["severity"]),
        resolved=row["resolved_at"] is not None,
        version=row["version"],
    )


def _incident(row: DictRow) -> Incident:
    return Incident(
        id=row["id"],
        workspace_id=row["workspace_id"],
        monitor_id=row["monitor_id"],
        kind=IncidentKind(row["kind"]),
        state=IncidentState(row["state"]),
        severity=row["severity"],
        opened_at=row["opened_at"],
        acknowledged_at=row["acknowledged_at"],
        resolved_at=row["resolved_at"],
        resolution=row["resolution"],
        root_run_id=row["root_run_id"],
        request_id=row["request_id"],
        occurrence_count=row["occurrence_count"],
        previous_incident_id=row["previous_incident_id"],
        alert_state=AlertState(row["alert_state"]),
        version=row["version"],
        reason=row["reason"],
        expected_at=row["expected_at"],
        deadline_at=row["deadline_at"],
        acknowledged_until=row["acknowledged_until"],
        acknowledged_by=row["acknowledged_by"],
        assignee=row["assignee"],
        muted=row["muted"],
        tell_at=row["tell_at"],
        event_count=row["event_count"],
    )
