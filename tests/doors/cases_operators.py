"""Who may not manage, and what is not there to be managed, provoked through both doors."""

from __future__ import annotations

from typing import Final

from tests.doors.case import Case
from tests.doors.cases_ingest import WS
from tests.doors.refusal_words import NOT_FOUND, invalid

OPERATORS: Final = [
    Case(
        f"{name} is no operator token",
        http="GET /v1/workspaces/{workspace}",
        rpc="WorkspaceService/GetWorkspace",
        message={"workspace_id": "{workspace}"},
        bearer=bearer,
        status=401,
        answer='{"code":"unauthenticated","error":"Invalid operator token"}',
        code="UNAUTHENTICATED",
        error="Invalid operator token",
        reason="INVALID_OPERATOR_TOKEN",
    )
    for name, bearer in (("nothing", None), ("a word", "hello"), ("an ingest key", WS))
] + [
    Case(
        "a viewer may not change a workspace",
        http="PATCH /v1/workspaces/{workspace}",
        body='{"name":"Renamed"}',
        rpc="WorkspaceService/UpdateWorkspace",
        message={"workspace_id": "{workspace}", "workspace": {"name": "Renamed"}, "update_mask": "name"},
        bearer="{viewer}",
        status=403,
        answer='{"code":"permission_denied","error":"<text>"}',
        code="PERMISSION_DENIED",
        error=None,
        reason="PERMISSION_DENIED",
    ),
    Case(
        "a workspace that one may not see is not found",
        http="GET /v1/workspaces/{strange_workspace}",
        rpc="WorkspaceService/GetWorkspace",
        message={"workspace_id": "{strange_workspace}"},
        bearer="{admin}",
        **NOT_FOUND,
    ),
    Case(
        "a slug that is taken",
        http="POST /v1/workspaces",
        body='{"slug":"house-{number}","name":"Another"}',
        rpc="WorkspaceService/CreateWorkspace",
        message={"workspace": {"slug": "house-{number}", "name": "Another"}},
        bearer="{root}",
        status=409,
        answer='{"code":"conflict","error":"<text>"}',
        code="FAILED_PRECONDITION",
        error=None,
        reason="RESOURCE_CONFLICT",
    ),
    Case(
        "a maintenance window that says neither when nor why",
        http="POST /v1/workspaces/{workspace}/maintenanceWindows",
        body='{"timezone":"Moon/Base"}',
        rpc="MaintenanceService/CreateMaintenanceWindow",
        message={"workspace_id": "{workspace}", "maintenance_window": {"timezone": "Moon/Base"}},
        bearer="{admin}",
        status=400,
        answer='{"code":"invalid_request",'
        '"error":"startsAt: is required together with endsAt, or cron together with durationSeconds","details":['
        '{"field":"startsAt","problem":"is required together with endsAt, or cron together with durationSeconds"},'
        '{"field":"timezone","problem":"must be an IANA time zone such as Europe/Helsinki"},'
        '{"field":"comment","problem":"must be 1 to 1000 characters"}]}',
        code="INVALID_ARGUMENT",
        error="startsAt: is required together with endsAt, or cron together with durationSeconds",
        reason="INVALID_REQUEST",
        kinds=("BadRequest",),
    ),
    Case(
        "a viewer may not make a maintenance window",
        http="POST /v1/workspaces/{workspace}/maintenanceWindows",
        body='{"comment":"Disks"}',
        rpc="MaintenanceService/CreateMaintenanceWindow",
        message={"workspace_id": "{workspace}", "maintenance_window": {"comment": "Disks"}},
        bearer="{viewer}",
        status=403,
        answer='{"code":"permission_denied","error":"This needs the role operator"}',
        code="PERMISSION_DENIED",
        error="This needs the role operator",
        reason="PERMISSION_DENIED",
    ),
    Case(
        "a page size below zero",
        http="GET /v1/workspaces?pageSize=-1",
        rpc="WorkspaceService/ListWorkspaces",
        message={"page_size": -1},
        bearer="{root}",
        **{**invalid("<text>", "pageSize"), "error": None},
    ),
]

MISSING: Final = [
    Case(f"no such {noun}", http=http, rpc=rpc, message=message, bearer="{root}", **NOT_FOUND)
    for noun, http, rpc, message in (
        ("workspace", "GET /v1/workspaces/{nobody}", "WorkspaceService/GetWorkspace", {"workspace_id": "{nobody}"}),
        ("monitor", "GET /v1/monitors/{nobody}", "MonitorService/GetMonitor", {"monitor_id": "{nobody}"}),
        ("run to read", "GET /v1/runs/{nobody}", "MonitorService/GetRun", {"run_id": "{nobody}"}),
        ("incident", "GET /v1/incidents/{nobody}", "IncidentService/GetIncident", {"incident_id": "{nobody}"}),
        ("key", "POST /v1/keys/{nobody}:rotate", "WorkspaceService/RotateIngestKey", {"key_id": "{nobody}"}),
        (
            "maintenance window",
            "GET /v1/maintenanceWindows/{nobody}",
            "MaintenanceService/GetMaintenanceWindow",
            {"maintenance_window_id": "{nobody}"},
        ),
        (
            "maintenance window to call off",
            "DELETE /v1/maintenanceWindows/{nobody}",
            "MaintenanceService/CancelMaintenanceWindow",
            {"maintenance_window_id": "{nobody}"},
        ),
        ("id at all", "GET /v1/monitors/42", "MonitorService/GetMonitor", {"monitor_id": "42"}),
    )
]
