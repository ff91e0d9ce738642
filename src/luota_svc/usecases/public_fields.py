"""Things as plain JSON values in their public spelling: what the audit keeps. No secret is in a model word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from luota_svc.model.incidents import Incident
from luota_svc.model.keys import IngestKey
from luota_svc.model.maintenance import MaintenanceWindow
from luota_svc.model.monitors import Monitor
from luota_svc.model.operators import OperatorToken
from luota_svc.model.workspaces import Workspace

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
        "expiresAt": _instant(key.expires_at),
        "revokedAt": _instant(key.revoked_at),
        "replacesId": str(key.replaces_id) if key.replaces_id else None,
    }


def token_fields(token: OperatorToken) -> Fields:
    """Return an operator token's record."""
    return {
        "name": token.name,
        "role": token.role.name.lower(),
        "workspaceId": str(token.workspace_id) if token.workspace_id else None,
        "expiresAt": _instant(token.expires_at),
        "revokedAt": _instant(token.revoked_at),
    }


def monitor_fields(monitor: Monitor) -> Fields:
    """Return what an operator sets of a monitor."""
    settings = monitor.settings
    return {
        "slug": settings.slug,
        "name": settings.name,
        "kind": settings.kind.value,
        "schedule": {
            "cron": settings.schedule_cron,
            "timezone": settings.schedule_timezone,
            "intervalSeconds": settings.interval_seconds,
        },
        "graceSeconds": settings.grace_seconds,
        "earlyToleranceSeconds": settings.early_tolerance_seconds,
        "maxAgeSeconds": settings.max_age_seconds,
        "maxDurationSeconds": settings.max_duration_seconds,
        "minDurationSeconds": settings.min_duration_seconds,
        "stuckAfterSeconds": settings.stuck_after_seconds,
        "timeoutSeconds": settings.timeout_seconds,
        "failureThreshold": settings.failure_threshold,
        "recoveryThreshold": settings.recovery_threshold,
        "remindEverySeconds": settings.remind_every_seconds,
        "severity": settings.severity.value,
        "owner": settings.owner,
        "runbookUrl": settings.runbook_url,
        "environment": settings.environment,
        "promise": settings.promise,
        "tags": settings.tags or {},
        "pausedUntil": _instant(monitor.paused_until),
        "mutedUntil": _instant(monitor.muted_until),
        "version": monitor.version,
    }


def incident_fields(incident: Incident) -> Fields:
    """Return how an incident stands."""
    return {
        "monitorId": str(incident.monitor_id),
        "kind": incident.kind.value,
        "state": incident.state.value,
        "acknowledgedAt": _instant(incident.acknowledged_at),
        "acknowledgedUntil": _instant(incident.acknowledged_until),
        "acknowledgedBy": incident.acknowledged_by,
        "assignee": incident.assignee,
        "resolvedAt": _instant(incident.resolved_at),
        "resolution": incident.resolution,
        "version": incident.version,
    }


def window_fields(window: MaintenanceWindow) -> Fields:
    """Return what an operator sets of a maintenance window."""
    settings = window.settings
    return {
        "monitorIds": [str(monitor_id) for monitor_id in sorted(settings.scope.monitor_ids)],
        "tags": settings.scope.tags,
        "startsAt": _instant(settings.times.starts_at),
        "endsAt": _instant(settings.times.ends_at),
        "cron": settings.times.cron,
        "timezone": settings.times.timezone,
        "durationSeconds": settings.times.duration_seconds,
        "comment": settings.comment,
        "cancelledAt": _instant(window.cancelled_at),
        "version": window.version,
    }


def instant_text(at: datetime) -> str:
    """Return an instant as it is shown: `2026-05-25T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
