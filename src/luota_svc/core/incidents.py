"""Incidents: message -> model words -> use case -> message."""

from __future__ import annotations

from typing import Any

from luota.v1 import incident_service_pb2 as rpc
from luota.v1 import incidents_pb2 as pb
from luota_svc.core.convert import instant, number_of, optional_id, path_id, text_of, timestamp, word_of
from luota_svc.core.paging import newest_ask, next_token, number_ask
from luota_svc.model.call import Call
from luota_svc.model.incidents import Incident, IncidentFilter, IncidentKind, StateFilter, TimelineEntry
from luota_svc.model.monitors import Severity
from luota_svc.rules.incident_links import incident_url
from luota_svc.usecases import incidents
from luota_svc.usecases.installation import Installation


async def list_incidents(at: Installation, call: Call, request: rpc.ListIncidentsRequest) -> rpc.ListIncidentsResponse:
    """List a workspace's, newest first."""
    only = IncidentFilter(
        state=word_of(rpc.IncidentStateFilter, "INCIDENT_STATE_FILTER", request.state, StateFilter, "state"),
        monitor_id=optional_id(request.monitor_id, "monitorId"),
        kind=word_of(pb.IncidentKind, "INCIDENT_KIND", request.kind, IncidentKind, "kind"),
        severity=word_of(pb.Severity, "SEVERITY", request.severity, Severity, "severity"),
        assignee=request.assignee if request.HasField("assignee") else None,
        opened_after=instant(request, "opened_after", "openedAfter"),
        opened_before=instant(request, "opened_before", "openedBefore"),
    )
    page = await incidents.list_incidents(at, call, path_id(request.workspace_id), newest_ask(request), only)
    return rpc.ListIncidentsResponse(
        incidents=[incident_message(at, incident) for incident in page.items],
        next_page_token=next_token(request, page.next),
    )


async def get_incident(at: Installation, call: Call, request: rpc.GetIncidentRequest) -> pb.Incident:
    """Read one."""
    return incident_message(at, await incidents.get_incident(at, call, path_id(request.incident_id)))


async def acknowledge_incident(at: Installation, call: Call, request: rpc.AcknowledgeIncidentRequest) -> pb.Incident:
    """Take one."""
    incident = await incidents.acknowledge_incident(
        at,
        call,
        path_id(request.incident_id),
        until=instant(request, "until", "until"),
        note=request.note,
        version=_version(request),
    )
    return incident_message(at, incident)


async def assign_incident(at: Installation, call: Call, request: rpc.AssignIncidentRequest) -> pb.Incident:
    """Give one to somebody, or to nobody."""
    incident = await incidents.assign_incident(
        at, call, path_id(request.incident_id), assignee=request.assignee, version=_version(request)
    )
    return incident_message(at, incident)


async def add_note(at: Installation, call: Call, request: rpc.AddNoteRequest) -> pb.Incident:
    """Write on one's timeline."""
    incident = await incidents.add_note(
        at, call, path_id(request.incident_id), note=request.note, version=_version(request)
    )
    return incident_message(at, incident)


async def resolve_incident(at: Installation, call: Call, request: rpc.ResolveIncidentRequest) -> pb.Incident:
    """End one by hand."""
    incident = await incidents.resolve_incident(
        at, call, path_id(request.incident_id), note=request.note, version=_version(request)
    )
    return incident_message(at, incident)


async def list_incident_events(
    at: Installation, call: Call, request: rpc.ListIncidentEventsRequest
) -> rpc.ListIncidentEventsResponse:
    """List a timeline, in order."""
    page = await incidents.list_incident_events(at, call, path_id(request.incident_id), number_ask(request))
    return rpc.ListIncidentEventsResponse(
        events=[event_message(entry) for entry in page.items], next_page_token=next_token(request, page.next)
    )


def incident_message(at: Installation, incident: Incident) -> pb.Incident:
    """Return an incident as operators read it."""
    return pb.Incident(
        id=str(incident.id),
        monitor_id=str(incident.monitor_id),
        kind=number_of(pb.IncidentKind, "INCIDENT_KIND", incident.kind),
        state=number_of(pb.IncidentState, "INCIDENT_STATE", incident.state),
        severity=number_of(pb.Severity, "SEVERITY", incident.severity),
        opened_at=timestamp(incident.opened_at),
        acknowledged_at=timestamp(incident.acknowledged_at),
        resolved_at=timestamp(incident.resolved_at),
        resolution=incident.resolution,
        root_run_id=text_of(incident.root_run_id),
        request_id=incident.request_id,
        occurrence_count=incident.occurrence_count,
        previous_incident_id=text_of(incident.previous_incident_id),
        alert_state=number_of(pb.AlertState, "ALERT_STATE", incident.alert_state),
        url=incident_url(at.public_url, incident.id),
        version=incident.version,
        reason=incident.reason,
        expected_at=timestamp(incident.expected_at),
        deadline_at=timestamp(incident.deadline_at),
        acknowledged_until=timestamp(incident.acknowledged_until),
        acknowledged_by=incident.acknowledged_by,
        assignee=incident.assignee,
        muted=incident.muted,
        tell_at=timestamp(incident.tell_at),
        event_count=incident.event_count,
    )


def event_message(entry: TimelineEntry) -> pb.IncidentEvent:
    """Return an entry of a timeline as operators read it."""
    return pb.IncidentEvent(
        incident_id=str(entry.incident_id),
        number=entry.number,
        event=number_of(pb.TimelineEvent, "TIMELINE_EVENT", entry.event),
        at=timestamp(entry.at),
        actor=entry.actor,
        request_id=entry.request_id,
        run_id=text_of(entry.run_id),
        signal_id=text_of(entry.signal_id),
        occurrence_number=entry.occurrence_number,
        detail=entry.detail,
    )


def _version(request: Any) -> int | None:
    return request.version if request.HasField("version") else None
