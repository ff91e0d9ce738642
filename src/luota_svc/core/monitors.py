"""Monitors: message -> model words -> use case -> message."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from luota.v1 import incidents_pb2, signals_pb2
from luota.v1 import monitor_service_pb2 as rpc
from luota.v1 import monitors_pb2 as pb
from luota_svc.core.convert import (
    idempotency_of,
    instant,
    masked_paths,
    number_of,
    path_id,
    text_of,
    timestamp,
    word_of,
)
from luota_svc.core.paging import next_token, slug_ask
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.monitors import Monitor, MonitorKind, MonitorSettings, Severity, SignalRef
from luota_svc.rules.monitor_settings import validate_settings
from luota_svc.rules.slugs import slug_of
from luota_svc.usecases import monitors
from luota_svc.usecases.installation import Installation

# Optional numbers: unset means the setting's default.
_NUMBERS: Final = (
    "grace_seconds",
    "early_tolerance_seconds",
    "max_age_seconds",
    "max_duration_seconds",
    "min_duration_seconds",
    "stuck_after_seconds",
    "timeout_seconds",
    "failure_threshold",
    "recovery_threshold",
    "remind_every_seconds",
)
_TEXTS: Final = ("slug", "name", "owner", "runbook_url", "environment", "promise")
_SCHEDULE: Final = {
    "cron": "schedule_cron",
    "timezone": "schedule_timezone",
    "interval_seconds": "interval_seconds",
}
_MASK: Final = {
    **{name: (name,) for name in (*_TEXTS, *_NUMBERS, "kind", "severity", "tags", "paused_until", "muted_until")},
    "schedule": tuple(_SCHEDULE.values()),
    **{f"schedule.{name}": (setting,) for name, setting in _SCHEDULE.items()},
}
_DERIVED: Final = frozenset(
    {
        "id",
        "workspace_id",
        "state",
        "next_deadline_at",
        "last_signal",
        "last_good_signal",
        "created_at",
        "updated_at",
        "version",
    }
)
_DEFAULTS: Final = {field.name: field.default for field in fields(MonitorSettings)}


async def create_monitor(at: Installation, call: Call, request: rpc.CreateMonitorRequest) -> pb.Monitor:
    """Make one; a missing slug is made from the name, a missing name is the slug."""
    wanted = request.monitor
    kind = word_of(pb.MonitorKind, "MONITOR_KIND", wanted.kind, MonitorKind, "kind")
    settings = MonitorSettings(kind=kind or MonitorKind.RUN, **_values(wanted))
    settings = replace(settings, slug=settings.slug or slug_of(settings.name), name=settings.name or settings.slug)
    if kind is None:
        problem = FieldProblem("kind", "is required: heartbeat, run or freshness")
        raise InvalidRequest(problem, *validate_settings(settings, kind_said=False))
    monitor = await monitors.create_monitor(
        at, call, path_id(request.workspace_id), settings, idempotency_of(call, request)
    )
    return monitor_message(monitor)


async def get_monitor(at: Installation, call: Call, request: rpc.GetMonitorRequest) -> pb.Monitor:
    """Read one."""
    return monitor_message(await monitors.get_monitor(at, call, path_id(request.monitor_id)))


async def list_monitors(at: Installation, call: Call, request: rpc.ListMonitorsRequest) -> rpc.ListMonitorsResponse:
    """List a workspace's, by slug."""
    page = await monitors.list_monitors(at, call, path_id(request.workspace_id), slug_ask(request))
    return rpc.ListMonitorsResponse(
        monitors=[monitor_message(monitor) for monitor in page.items], next_page_token=next_token(request, page.next)
    )


async def update_monitor(at: Installation, call: Call, request: rpc.UpdateMonitorRequest) -> pb.Monitor:
    """Change what the mask names."""
    wanted = request.monitor
    named = masked_paths(request.update_mask, _MASK, _DERIVED)
    values = {
        **_values(wanted),
        "kind": word_of(pb.MonitorKind, "MONITOR_KIND", wanted.kind, MonitorKind, "kind"),
        "paused_until": instant(wanted, "paused_until", "pausedUntil"),
        "muted_until": instant(wanted, "muted_until", "mutedUntil"),
    }
    changes = {name: values[name] for name in named}
    monitor = await monitors.update_monitor(at, call, path_id(request.monitor_id), changes, wanted.version or None)
    return monitor_message(monitor)


async def delete_monitor(at: Installation, call: Call, request: rpc.DeleteMonitorRequest) -> Empty:
    """Delete one softly."""
    await monitors.delete_monitor(at, call, path_id(request.monitor_id))
    return Empty()


async def pause_monitor(at: Installation, call: Call, request: rpc.PauseMonitorRequest) -> pb.Monitor:
    """Record and do not judge, until an instant."""
    until = instant(request, "until", "until")
    return monitor_message(await monitors.pause_monitor(at, call, path_id(request.monitor_id), until))


async def resume_monitor(at: Installation, call: Call, request: rpc.ResumeMonitorRequest) -> pb.Monitor:
    """Judge again."""
    return monitor_message(await monitors.resume_monitor(at, call, path_id(request.monitor_id)))


async def mute_monitor(at: Installation, call: Call, request: rpc.MuteMonitorRequest) -> pb.Monitor:
    """Judge and do not tell, until an instant."""
    until = instant(request, "until", "until")
    return monitor_message(await monitors.mute_monitor(at, call, path_id(request.monitor_id), until))


async def unmute_monitor(at: Installation, call: Call, request: rpc.UnmuteMonitorRequest) -> pb.Monitor:
    """Tell again."""
    return monitor_message(await monitors.unmute_monitor(at, call, path_id(request.monitor_id)))


def monitor_message(monitor: Monitor) -> pb.Monitor:
    """Return a monitor as operators read it."""
    settings = monitor.settings
    schedule = {name: getattr(settings, setting) for name, setting in _SCHEDULE.items()}
    return pb.Monitor(
        id=str(monitor.id),
        kind=number_of(pb.MonitorKind, "MONITOR_KIND", settings.kind),
        schedule=pb.Schedule(**schedule),
        severity=number_of(incidents_pb2.Severity, "SEVERITY", settings.severity),
        tags=settings.tags or {},
        paused_until=timestamp(monitor.paused_until),
        muted_until=timestamp(monitor.muted_until),
        state=number_of(pb.MonitorState, "MONITOR_STATE", monitor.state),
        next_deadline_at=timestamp(monitor.next_deadline_at),
        last_signal=_signal_ref(monitor.last_signal),
        last_good_signal=_signal_ref(monitor.last_good_signal),
        created_at=timestamp(monitor.created_at),
        updated_at=timestamp(monitor.updated_at),
        version=monitor.version,
        workspace_id=str(monitor.workspace_id),
        **{name: getattr(settings, name) for name in (*_TEXTS, *_NUMBERS)},
    )


def _values(message: pb.Monitor) -> dict[str, Any]:
    """Return every setting but the kind, as a message says it or by its default."""
    schedule = message.schedule
    severity = word_of(incidents_pb2.Severity, "SEVERITY", message.severity, Severity, "severity")
    return {
        **{name: getattr(message, name) for name in _TEXTS},
        **{name: _given(message, name, name) for name in _NUMBERS},
        **{setting: _given(schedule, name, setting) for name, setting in _SCHEDULE.items()},
        "severity": severity or _DEFAULTS["severity"],
        "tags": dict(message.tags),
    }


def _given(message: pb.Monitor | pb.Schedule, name: str, setting: str) -> Any:
    return getattr(message, name) if message.HasField(name) else _DEFAULTS[setting]


def _signal_ref(ref: SignalRef | None) -> pb.SignalRef | None:
    if ref is None:
        return None
    return pb.SignalRef(
        id=str(ref.signal_id),
        type=number_of(signals_pb2.SignalType, "SIGNAL_TYPE", ref.type),
        received_at=timestamp(ref.received_at),
        request_id=ref.request_id,
        run_id=text_of(ref.run_id),
    )
