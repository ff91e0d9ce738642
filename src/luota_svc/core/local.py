"""The service in this process: composes the methods of every noun over the use cases."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.message import Message

from luota.v1.incident_service_pb2 import WatchIncidentsRequest
from luota_svc.core import (
    deliveries,
    drills,
    incidents,
    keys,
    maintenance,
    monitors,
    operators,
    packets,
    routes,
    runs,
    schedules,
    signals,
    support,
    watching,
    workspaces,
)
from luota_svc.core.convert import refuse_nul
from luota_svc.core.methods import Method, Stream
from luota_svc.model.call import Call
from luota_svc.telemetry import names
from luota_svc.telemetry.traces import Tracing
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.watching import Watching

Managed = Callable[[Installation, Call, Any], Awaitable[Message]]

WATCH_INCIDENTS: Final = "luota.v1.IncidentService/WatchIncidents"
MANAGEMENT: Final[Mapping[str, Managed]] = {
    "luota.v1.WorkspaceService/CreateWorkspace": workspaces.create_workspace,
    "luota.v1.WorkspaceService/GetWorkspace": workspaces.get_workspace,
    "luota.v1.WorkspaceService/ListWorkspaces": workspaces.list_workspaces,
    "luota.v1.WorkspaceService/UpdateWorkspace": workspaces.update_workspace,
    "luota.v1.WorkspaceService/CreateIngestKey": keys.create_ingest_key,
    "luota.v1.WorkspaceService/ListIngestKeys": keys.list_ingest_keys,
    "luota.v1.WorkspaceService/RotateIngestKey": keys.rotate_ingest_key,
    "luota.v1.WorkspaceService/RevokeIngestKey": keys.revoke_ingest_key,
    "luota.v1.WorkspaceService/CreateOperatorToken": operators.create_operator_token,
    "luota.v1.WorkspaceService/ListOperatorTokens": operators.list_operator_tokens,
    "luota.v1.WorkspaceService/RevokeOperatorToken": operators.revoke_operator_token,
    "luota.v1.MonitorService/CreateMonitor": monitors.create_monitor,
    "luota.v1.MonitorService/ListMonitors": monitors.list_monitors,
    "luota.v1.MonitorService/GetMonitor": monitors.get_monitor,
    "luota.v1.MonitorService/UpdateMonitor": monitors.update_monitor,
    "luota.v1.MonitorService/DeleteMonitor": monitors.delete_monitor,
    "luota.v1.MonitorService/PauseMonitor": monitors.pause_monitor,
    "luota.v1.MonitorService/ResumeMonitor": monitors.resume_monitor,
    "luota.v1.MonitorService/MuteMonitor": monitors.mute_monitor,
    "luota.v1.MonitorService/UnmuteMonitor": monitors.unmute_monitor,
    "luota.v1.MonitorService/ListRuns": runs.list_runs,
    "luota.v1.MonitorService/GetRun": runs.get_run,
    "luota.v1.MonitorService/ListSignals": signals.list_signals,
    "luota.v1.MonitorService/ExplainSchedule": schedules.explain_schedule,
    "luota.v1.MonitorService/BacktestSchedule": schedules.backtest_schedule,
    "luota.v1.IncidentService/ListIncidents": incidents.list_incidents,
    "luota.v1.IncidentService/GetIncident": incidents.get_incident,
    "luota.v1.IncidentService/AcknowledgeIncident": incidents.acknowledge_incident,
    "luota.v1.IncidentService/AssignIncident": incidents.assign_incident,
    "luota.v1.IncidentService/AddNote": incidents.add_note,
    "luota.v1.IncidentService/ResolveIncident": incidents.resolve_incident,
    "luota.v1.IncidentService/ListIncidentEvents": incidents.list_incident_events,
    "luota.v1.AlertRouteService/CreateAlertRoute": routes.create_alert_route,
    "luota.v1.AlertRouteService/ListAlertRoutes": routes.list_alert_routes,
    "luota.v1.AlertRouteService/GetAlertRoute": routes.get_alert_route,
    "luota.v1.AlertRouteService/UpdateAlertRoute": routes.update_alert_route,
    "luota.v1.AlertRouteService/DeleteAlertRoute": routes.delete_alert_route,
    "luota.v1.AlertRouteService/SendTestAlert": routes.send_test_alert,
    "luota.v1.AlertRouteService/RotateWebhookSecret": routes.rotate_webhook_secret,
    "luota.v1.DeliveryService/ListDeliveries": deliveries.list_deliveries,
    "luota.v1.DeliveryService/GetDelivery": deliveries.get_delivery,
    "luota.v1.DeliveryService/ReplayDelivery": deliveries.replay_delivery,
    "luota.v1.DrillService/StartDrill": drills.start_drill,
    "luota.v1.DrillService/GetDrill": drills.get_drill,
    "luota.v1.DrillService/RepairDrill": drills.repair_drill,
    "luota.v1.DrillService/EndDrill": drills.end_drill,
    "luota.v1.PacketService/GetPacket": packets.get_packet,
    "luota.v1.PacketService/ExportPacket": packets.export_packet,
    "luota.v1.MaintenanceService/CreateMaintenanceWindow": maintenance.create_maintenance_window,
    "luota.v1.MaintenanceService/ListMaintenanceWindows": maintenance.list_maintenance_windows,
    "luota.v1.MaintenanceService/GetMaintenanceWindow": maintenance.get_maintenance_window,
    "luota.v1.MaintenanceService/UpdateMaintenanceWindow": maintenance.update_maintenance_window,
    "luota.v1.MaintenanceService/CancelMaintenanceWindow": maintenance.cancel_maintenance_window,
    "luota.v1.SupportService/FindRequests": support.find_requests,
    "luota.v1.SupportService/ListAuditEntries": support.list_audit_entries,
}


class LocalCore:
    """Every method of the contract, answered from this process's own database."""

    def __init__(
        self, installation: Installation, *, ingest: Mapping[str, Method], watching: Watching, tracing: Tracing
    ) -> None:
        """Compose; `ingest` brings the methods of luota.v1.IngestService, which share a batch."""
        managed = {name: _bind(installation, method) for name, method in MANAGEMENT.items()}
        self._methods = MappingProxyType(
            {name: _traced(tracing, names.SPAN_MANAGE, method) for name, method in managed.items()}
            | {name: _traced(tracing, names.SPAN_INGEST, method) for name, method in ingest.items()}
        )

        self._streams = MappingProxyType({WATCH_INCIDENTS: _watch(installation, watching)})

    @property
    def streams(self) -> Mapping[str, Stream]:
        """Return `luota.v1.IncidentService/WatchIncidents` -> stream."""
        return self._streams

    @property
    def methods(self) -> Mapping[str, Method]:
        """Return `luota.v1.MonitorService/GetMonitor` -> method."""
        return self._methods


def _traced(tracing: Tracing, name: str, method: Method) -> Method:
    """Put the use case's span between the door's and the batch's; rows and batches know the request by it."""

    async def traced(call: Call, request: Message) -> Message:
        with tracing.child_span(name, call.traceparent) as span:
            call.traceparent = span.traceparent
            return await method(call, request)

    return traced


def _bind(installation: Installation, managed: Managed) -> Method:
    async def method(call: Call, request: Message) -> Message:
        refuse_nul(request)
        return await managed(installation, call, request)

    return method


def _watch(installation: Installation, watched: Watching) -> Stream:
    async def stream(call: Call, request: Message) -> AsyncGenerator[Message, None]:
        refuse_nul(request)
        assert isinstance(request, WatchIncidentsRequest)
        async with aclosing(watching.watch_incidents(installation, watched, call, request)) as messages:
            async for message in messages:
                yield message

    return stream
