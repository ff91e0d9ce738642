"""Things as plain JSON values in their public spelling: what the audit keeps. No secret is in a model word."""

from __future__ import annotations

from typing import Any

from luota_svc.model.incidents import Incident
from luota_svc.model.keys import IngestKey
from luota_svc.model.maintenance import MaintenanceWindow
from luota_svc.model.monitors import Monitor
from luota_svc.model.operators import OperatorToken
from luota_svc.model.routes import Route
from luota_svc.model.workspaces import Workspace
from luota_svc.rules.instants import instant_or_none
from luota_svc.rules.monitor_settings import plain_settings

Fields = dict[str, Any]


def workspace_fields(workspace: Workspace) -> Fields:
    """Return what an operator sets of a workspace."""
    settings = workspace.settings
    return {
        "slug": settings.slug,
        "name": settings.name,
        "limits": {
            "monitorTokenMinute": settings.limit_monitor_token_minute,
            "monitorTokenHour": settings.limit_monitor_token_hour,
            "workspaceMinute": settings.limit_workspace_minute,
        },
        "version": workspace.version,
    }


def key_fields(key: IngestKey) -> Fields:
    """Return an ingest key's record."""
    return {
        "name": key.name,
        "monitorId": str(key.monitor_id) if key.monitor_id else None,
        "expiresAt": instant_or_none(key.expires_at),
        "revokedAt": instant_or_none(key.revoked_at),
        "replacesId": str(key.replaces_id) if key.replaces_id else None,
    }


def token_fields(token: OperatorToken) -> Fields:
    """Return an operator token's record."""
    return {
        "name": token.name,
        "role": token.role.name.lower(),
        "workspaceId": str(token.workspace_id) if token.workspace_id else None,
        "expiresAt": instant_or_none(token.expires_at),
        "revokedAt": instant_or_none(token.revoked_at),
    }


def monitor_fields(monitor: Monitor) -> Fields:
    """Return what an operator sets of a monitor."""
    settings = monitor.settings
    return {
        **plain_settings(settings),
        "kind": settings.kind.value,
        "schedule": {
            "cron": settings.schedule_cron,
            "timezone": settings.schedule_timezone,
            "intervalSeconds": settings.interval_seconds,
        },
        "severity": settings.severity.value,
        "tags": settings.tags or {},
        "pausedUntil": instant_or_none(monitor.paused_until),
        "mutedUntil": instant_or_none(monitor.muted_until),
        "version": monitor.version,
    }


def incident_fields(incident: Incident) -> Fields:
    """Return how an incident stands."""
    return {
        "monitorId": str(incident.monitor_id),
        "kind": incident.kind.value,
        "state": incident.state.value,
        "acknowledgedAt": instant_or_none(incident.acknowledged_at),
        "acknowledgedUntil": instant_or_none(incident.acknowledged_until),
        "acknowledgedBy": incident.acknowledged_by,
        "assignee": incident.assignee,
        "resolvedAt": instant_or_none(incident.resolved_at),
        "resolution": incident.resolution,
        "version": incident.version,
    }


def route_fields(route: Route) -> Fields:
    """Return what an operator sets of an alert route; its target as it is shown."""
    settings = route.settings
    return {
        "name": settings.name,
        "kind": settings.kind.value,
        "monitorIds": [str(monitor_id) for monitor_id in sorted(settings.monitor_ids)],
        "minSeverity": settings.min_severity.value,
        settings.kind.value: dict(route.shown),
        "fallback": settings.fallback,
        "afterSeconds": settings.after_seconds,
        "enabled": settings.enabled,
        "version": route.version,
    }


def window_fields(window: MaintenanceWindow) -> Fields:
    """Return what an operator sets of a maintenance window."""
    settings = window.settings
    return {
        "monitorIds": [str(monitor_id) for monitor_id in sorted(settings.scope.monitor_ids)],
        "tags": settings.scope.tags,
        "startsAt": instant_or_none(settings.times.starts_at),
        "endsAt": instant_or_none(settings.times.ends_at),
        "cron": settings.times.cron,
        "timezone": settings.times.timezone,
        "durationSeconds": settings.times.duration_seconds,
        "comment": settings.comment,
        "cancelledAt": instant_or_none(window.cancelled_at),
        "version": window.version,
    }
