"""Incidents: message -> model words -> use case -> message."""

from __future__ import annotations

from luota.v1 import incident_service_pb2 as rpc
from luota.v1 import incidents_pb2 as pb
from luota_svc.core.convert import number_of, optional_id, path_id, text_of, timestamp, word_of
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.call import Call
from luota_svc.model.incidents import Incident, IncidentKind, IncidentState
from luota_svc.usecases import incidents
from luota_svc.usecases.installation import Installation


async def list_incidents(at: Installation, call: Call, request: rpc.ListIncidentsRequest) -> rpc.ListIncidentsResponse:
    """List a workspace's, newest first."""
    page = await incidents.list_incidents(
        at,
        call,
        path_id(request.workspace_id),
        newest_ask(request),
        state=word_of(pb.IncidentState, "INCIDENT_STATE", request.state, IncidentState, "state"),
        monitor_id=optional_id(request.monitor_id, "monitorId"),
        kind=word_of(pb.IncidentKind, "INCIDENT_KIND", request.kind, IncidentKind, "kind"),
    )
    return rpc.ListIncidentsResponse(
        incidents=[incident_message(at, incident) for incident in page.items],
        next_page_token=next_token(request, page.next),
    )


async def get_incident(at: Installation, call: Call, request: rpc.GetIncidentRequest) -> pb.Incident:
    """Read one."""
    return incident_message(at, await incidents.get_incident(at, call, path_id(request.incident_id)))


async def resolve_incident(at: Installation, call: Call, request: rpc.ResolveIncidentRequest) -> pb.Incident:
    """End one by hand."""
    version = request.version if request.HasField("version") else None
    incident = await incidents.resolve_incident(
        at, call, path_id(request.incident_id), note=request.note, version=version
    )
    return incident_message(at, incident)


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
        url=f"{at.public_url}/incidents/{incident.id}",
        version=incident.version,
    )
