"""Schedules: message -> model words -> use case -> message."""

from __future__ import annotations

from typing import Any

from luota.v1 import monitor_service_pb2 as rpc
from luota.v1 import monitors_pb2
from luota_svc.core.convert import instant, path_id, timestamp, word_of
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.schedules import ExplainedInstant
from luota_svc.usecases import schedules
from luota_svc.usecases.installation import Installation


async def explain_schedule(
    at: Installation, call: Call, request: rpc.ExplainScheduleRequest
) -> rpc.ExplainScheduleResponse:
    """Tell when signals are expected and why."""
    if bool(request.monitor_id) == bool(request.workspace_id):
        raise InvalidRequest(FieldProblem("monitorId", "must be set, or workspaceId, and not both"))
    start = instant(request, "from", "from")
    if request.monitor_id:
        told = await schedules.explain_monitor(
            at, call, path_id(request.monitor_id), _overrides(request), start, request.count
        )
    else:
        kind = word_of(monitors_pb2.MonitorKind, "MONITOR_KIND", request.kind, MonitorKind, "kind")
        # The texts that a monitor must have play no part.
        settings = MonitorSettings(slug="", name="", kind=kind or MonitorKind.RUN, **_overrides(request))
        told = await schedules.explain_settings(at, call, path_id(request.workspace_id), settings, start, request.count)
    return rpc.ExplainScheduleResponse(
        awaited=None if told.awaited is None else _instant(told.awaited),
        awaited_reason=told.awaited_reason,
        instants=[_instant(each) for each in told.instants],
    )


async def backtest_schedule(
    at: Installation, call: Call, request: rpc.BacktestScheduleRequest
) -> rpc.BacktestScheduleResponse:
    """Tell what a schedule and its margins would have done over recorded signals."""
    result = await schedules.back_test_monitor(at, call, path_id(request.monitor_id), _overrides(request), request.days)
    return rpc.BacktestScheduleResponse(
        start_at=timestamp(result.start),
        end_at=timestamp(result.end),
        signals=result.signals,
        expected=result.expected,
        early=result.early,
        in_time=result.in_time,
        late=result.late,
        missed=result.missed,
        page_count=result.page_count,
        pages=[
            rpc.BacktestPage(at=timestamp(page.at), expected_at=timestamp(page.expected_at), late=page.late)
            for page in result.pages
        ],
        smallest_grace_seconds=result.smallest_grace_seconds,
    )


def _overrides(request: rpc.ExplainScheduleRequest | rpc.BacktestScheduleRequest) -> dict[str, Any]:
    """Return the settings that a request names. A schedule is taken whole: its zone is UTC where it names none."""
    named: dict[str, Any] = {}
    if request.HasField("schedule"):
        schedule = request.schedule
        named["schedule_cron"] = schedule.cron if schedule.HasField("cron") else None
        named["schedule_timezone"] = schedule.timezone if schedule.HasField("timezone") else "UTC"
        named["interval_seconds"] = schedule.interval_seconds if schedule.HasField("interval_seconds") else None
    if request.HasField("grace_seconds"):
        named["grace_seconds"] = request.grace_seconds
    if request.HasField("early_tolerance_seconds"):
        named["early_tolerance_seconds"] = request.early_tolerance_seconds
    return named


def _instant(told: ExplainedInstant) -> rpc.ExpectedInstant:
    return rpc.ExpectedInstant(
        expected_at=timestamp(told.expectation.expected_at),
        covered_from=timestamp(told.expectation.covered_from),
        deadline_at=timestamp(told.expectation.deadline_at),
        local_time=told.local_time,
        reason=told.reason,
    )
