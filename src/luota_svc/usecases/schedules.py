"""Explaining schedules and trying them on recorded signals."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing
from luota_svc.model.monitors import Monitor, MonitorKind, MonitorSettings
from luota_svc.model.operators import Role
from luota_svc.model.schedules import BackTest, Explanation
from luota_svc.rules.backtest import back_test
from luota_svc.rules.explain import BY_AGE, explain_awaited, explain_next
from luota_svc.rules.instants import instant_text
from luota_svc.rules.monitor_settings import schedule_problems
from luota_svc.rules.schedule import HORIZON, covered_until, expected_after, schedule_of
from luota_svc.store import monitors, schedules, workspaces
from luota_svc.store.database import Unit
from luota_svc.usecases.changes import check_problems
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.monitor_deadlines import is_another_schedule
from luota_svc.usecases.operator_admission import admit, found

EXPLAINED_MAX: Final = 100
BACKTEST_DAYS_MAX: Final = 30
# More signals than a month of minutes brings; with more than that the span is cut.
SIGNALS_MAX: Final = 50_000

_EXPLAINED: Final = 10


async def explain_monitor(
    at: Installation, call: Call, monitor_id: UUID, overrides: Mapping[str, Any], start: datetime | None, count: int
) -> Explanation:
    """Tell what a monitor awaits and what comes, with other settings (of MonitorSettings) where some are given."""
    async with at.database.unit() as unit:
        monitor = await _monitor(at, unit, call, monitor_id)
        settled_until, last_heard_at = await schedules.judged(unit, monitor_id)
    now = at.clock.now()
    settings = replace(monitor.settings, **overrides)
    # As it will be once they are saved: a new schedule begins now, and what a signal has counted for stays settled.
    if is_another_schedule(monitor.settings, settings):
        settled_until = now
    else:
        schedule = schedule_of(monitor.settings)
        settled_until = covered_until(schedule, settled_until=settled_until, last_heard_at=last_heard_at)
    explanation = await _explained(settings, now, start, count, settled_until, last_heard_at)
    if monitor.paused_until is not None and monitor.paused_until > now:
        reason = f"paused until {instant_text(monitor.paused_until)}: nothing is judged"
        return replace(explanation, awaited=None, awaited_reason=reason)
    return explanation


async def explain_settings(
    at: Installation, call: Call, workspace_id: UUID, settings: MonitorSettings, start: datetime | None, count: int
) -> Explanation:
    """Tell what a monitor would await that was made now, and what would come."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.VIEWER, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
    now = at.clock.now()
    return await _explained(settings, now, start, count, now, None)


async def back_test_monitor(
    at: Installation, call: Call, monitor_id: UUID, overrides: Mapping[str, Any], days: int
) -> BackTest:
    """Tell what a schedule and margins would have done over a monitor's last days, its own where none are given."""
    if not 0 <= days <= BACKTEST_DAYS_MAX:
        raise InvalidRequest(FieldProblem("days", f"must be 1 to {BACKTEST_DAYS_MAX}"))
    async with at.database.unit() as unit:
        monitor = await _monitor(at, unit, call, monitor_id)
        settings = replace(monitor.settings, **overrides)
        check_problems(schedule_problems(settings))
        now = at.clock.now()
        start = max(monitor.created_at, now - timedelta(days=days or BACKTEST_DAYS_MAX))
        heard = await schedules.heard(unit, monitor_id, settings.kind, start, now, SIGNALS_MAX)
    if settings.kind is MonitorKind.FRESHNESS:
        raise InvalidRequest(FieldProblem("schedule", BY_AGE))
    if len(heard) == SIGNALS_MAX:
        start = heard[0]
    # A month of minutes takes seconds: beside the loop, so that signals are taken meanwhile.
    return await asyncio.to_thread(
        back_test, schedule_of(settings), heard, start, now, recovery_threshold=settings.recovery_threshold
    )


async def _monitor(at: Installation, unit: Unit, call: Call, monitor_id: UUID) -> Monitor:
    operator = await admit(unit, call)
    monitor = found(await monitors.get(unit, monitor_id, at.clock.now()), Missing.MONITOR)
    operator.require(Role.VIEWER, monitor.workspace_id, Missing.MONITOR)
    call.subject["monitor_id"] = str(monitor_id)
    return monitor


async def _explained(
    settings: MonitorSettings,
    now: datetime,
    start: datetime | None,
    count: int,
    settled_until: datetime,
    last_heard_at: datetime | None,
) -> Explanation:
    """Return the explanation; InvalidRequest for settings that cannot be kept, and for a line that never comes."""
    begin = now if start is None else start
    problems = schedule_problems(settings)
    if not 0 <= count <= EXPLAINED_MAX:
        problems.append(FieldProblem("count", f"must be 1 to {EXPLAINED_MAX}"))
    if abs(begin - now) > HORIZON:
        problems.append(FieldProblem("from", "must be within ten years from now"))
    check_problems(problems)
    if settings.kind is MonitorKind.FRESHNESS:
        return Explanation(None, BY_AGE, ())
    schedule = schedule_of(settings)
    if schedule.cron is not None and expected_after(schedule, begin) is None:
        raise InvalidRequest(FieldProblem("schedule.cron", "does not come within ten years"))
    awaited, reason = explain_awaited(schedule, settled_until=settled_until, last_heard_at=last_heard_at)
    if start is None and awaited is not None and schedule.interval_seconds is not None:
        begin = awaited.expectation.expected_at - timedelta(seconds=schedule.interval_seconds)
    instants = await asyncio.to_thread(explain_next, schedule, begin, count or _EXPLAINED)
    return Explanation(awaited, reason, instants)
