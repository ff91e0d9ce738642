"""Maintenance windows: message -> model words -> use case -> message."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from luota.v1 import maintenance_pb2 as pb
from luota.v1 import maintenance_service_pb2 as rpc
from luota_svc.core.convert import body_id, idempotency_of, instant, masked_paths, number_of, path_id, timestamp
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.call import Call
from luota_svc.model.maintenance import MaintenanceWindow, WindowScope, WindowSettings, WindowTimes
from luota_svc.rules.maintenance import standing
from luota_svc.usecases import maintenance
from luota_svc.usecases.installation import Installation

_SCOPE: Final = ("monitor_ids", "tags")
_TIMES: Final = ("starts_at", "ends_at", "cron", "timezone", "duration_seconds")
_MASK: Final = {name: (name,) for name in (*_SCOPE, *_TIMES, "comment")}
_DERIVED: Final = frozenset(
    {
        "id",
        "workspace_id",
        "author",
        "state",
        "next_starts_at",
        "next_ends_at",
        "cancelled_at",
        "created_at",
        "updated_at",
        "version",
    }
)


async def create_maintenance_window(
    at: Installation, call: Call, request: rpc.CreateMaintenanceWindowRequest
) -> pb.MaintenanceWindow:
    """Make one."""
    values = _values(request.maintenance_window)
    settings = WindowSettings(
        WindowScope(**{name: values[name] for name in _SCOPE}),
        WindowTimes(**{name: values[name] for name in _TIMES}),
        values["comment"],
    )
    window = await maintenance.create_window(
        at, call, path_id(request.workspace_id), settings, idempotency_of(call, request)
    )
    return window_message(window, at.clock.now())


async def list_maintenance_windows(
    at: Installation, call: Call, request: rpc.ListMaintenanceWindowsRequest
) -> rpc.ListMaintenanceWindowsResponse:
    """List a workspace's, those made last first."""
    page = await maintenance.list_windows(at, call, path_id(request.workspace_id), newest_ask(request))
    now = at.clock.now()
    return rpc.ListMaintenanceWindowsResponse(
        maintenance_windows=[window_message(window, now) for window in page.items],
        next_page_token=next_token(request, page.next),
    )


async def get_maintenance_window(
    at: Installation, call: Call, request: rpc.GetMaintenanceWindowRequest
) -> pb.MaintenanceWindow:
    """Read one."""
    window = await maintenance.get_window(at, call, path_id(request.maintenance_window_id))
    return window_message(window, at.clock.now())


async def update_maintenance_window(
    at: Installation, call: Call, request: rpc.UpdateMaintenanceWindowRequest
) -> pb.MaintenanceWindow:
    """Change what the mask names."""
    wanted = request.maintenance_window
    named = masked_paths(request.update_mask, _MASK, _DERIVED)
    values = _values(wanted)
    changes = {name: values[name] for name in named}
    window_id = path_id(request.maintenance_window_id)
    window = await maintenance.update_window(at, call, window_id, changes, wanted.version or None)
    return window_message(window, at.clock.now())


async def cancel_maintenance_window(
    at: Installation, call: Call, request: rpc.CancelMaintenanceWindowRequest
) -> pb.MaintenanceWindow:
    """Call one off."""
    version = request.version if request.HasField("version") else None
    window = await maintenance.cancel_window(at, call, path_id(request.maintenance_window_id), version)
    return window_message(window, at.clock.now())


def window_message(window: MaintenanceWindow, now: datetime) -> pb.MaintenanceWindow:
    """Return a window as operators read it at an instant."""
    scope, times = window.settings.scope, window.settings.times
    stands = standing(window, now)
    return pb.MaintenanceWindow(
        id=str(window.id),
        workspace_id=str(window.workspace_id),
        monitor_ids=[str(monitor_id) for monitor_id in sorted(scope.monitor_ids)],
        tags=scope.tags,
        starts_at=timestamp(times.starts_at),
        ends_at=timestamp(times.ends_at),
        cron=times.cron,
        timezone=times.timezone,
        duration_seconds=times.duration_seconds,
        comment=window.settings.comment,
        author=window.author,
        state=number_of(pb.MaintenanceWindowState, "MAINTENANCE_WINDOW_STATE", stands.state),
        next_starts_at=timestamp(stands.next_starts_at),
        next_ends_at=timestamp(stands.next_ends_at),
        cancelled_at=timestamp(window.cancelled_at),
        created_at=timestamp(window.created_at),
        updated_at=timestamp(window.updated_at),
        version=window.version,
    )


def _values(message: pb.MaintenanceWindow) -> dict[str, Any]:
    """Return every setting as a message says it or by its default."""
    return {
        "monitor_ids": frozenset(body_id(text, "monitorIds") for text in message.monitor_ids),
        "tags": dict(message.tags),
        "starts_at": _milliseconds(instant(message, "starts_at", "startsAt")),
        "ends_at": _milliseconds(instant(message, "ends_at", "endsAt")),
        "cron": message.cron if message.HasField("cron") else None,
        "timezone": message.timezone if message.HasField("timezone") else "UTC",
        "duration_seconds": message.duration_seconds if message.HasField("duration_seconds") else None,
        "comment": message.comment,
    }


def _milliseconds(at: datetime | None) -> datetime | None:
    """Cut an instant to what is shown, so that what was read can be sent back and is no change."""
    return None if at is None else at.replace(microsecond=at.microsecond // 1_000 * 1_000)
