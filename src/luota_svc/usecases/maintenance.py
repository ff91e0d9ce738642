"""Managing maintenance windows: spans in which incidents are judged and not told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, Missing, ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.maintenance import MaintenanceWindow, WindowSettings
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.rules.maintenance import window_problems
from luota_svc.store import incident_deadlines, maintenance, workspaces
from luota_svc.store.database import Unit
from luota_svc.usecases.changes import Change, check_problems, check_version, claim_id, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Operator, admit, found
from luota_svc.usecases.public_fields import window_fields

Write = Callable[[Unit, MaintenanceWindow, datetime], Awaitable[None]]

# Each incident that opens or ends asks all of its workspace's windows, under its monitor's lock.
STANDING_MAX: Final = 200
_SCOPE: Final = {"monitor_ids", "tags"}


async def create_window(
    at: Installation, call: Call, workspace_id: UUID, settings: WindowSettings, once: Idempotency | None
) -> MaintenanceWindow:
    """Make a window; its author is whoever calls. ResourceConflict where a workspace has too many."""
    now = at.clock.now()
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.OPERATOR, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        window_id, new = await claim_id(at, unit, operator, once)
        if new:
            check_problems([*window_problems(settings, now), *await _monitor_problems(unit, workspace_id, settings)])
            if await maintenance.count_standing(unit, workspace_id, now) >= STANDING_MAX:
                raise ResourceConflict(f"The workspace has {STANDING_MAX} windows that are not past; cancel some first")
            await maintenance.insert(unit, window_id, workspace_id, settings, operator.author.actor.name, now)
        window = found(await maintenance.get(unit, window_id), Missing.MAINTENANCE_WINDOW)
        if new:
            change = Change("maintenance_window.create", window_id, workspace_id, None, window_fields(window))
            await keep_audit(at.clock, unit, operator.author, change)
        return window


async def get_window(at: Installation, call: Call, window_id: UUID) -> MaintenanceWindow:
    """Read one; past and cancelled ones stay."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        return await _require(unit, operator, Role.VIEWER, window_id)


async def list_windows(
    at: Installation, call: Call, workspace_id: UUID, ask: Ask[Newest]
) -> Page[MaintenanceWindow, Newest]:
    """List a workspace's, those made last first."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.VIEWER, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        return await maintenance.page(unit, workspace_id, ask)


async def update_window(
    at: Installation, call: Call, window_id: UUID, changes: Mapping[str, Any], version: int | None
) -> MaintenanceWindow:
    """Change the named settings (fields of WindowScope and WindowTimes, comment); what is quiet no more is told.

    ResourceConflict for a version that has passed, and for a window that was cancelled.
    """

    async def write(unit: Unit, before: MaintenanceWindow, now: datetime) -> None:
        check_version(Missing.MAINTENANCE_WINDOW, before.version, version)
        if before.cancelled_at is not None:
            raise ResourceConflict("The maintenance window was cancelled; make another one")
        settings = _changed(before.settings, changes)
        if settings == before.settings:
            return
        problems = window_problems(settings, now)
        if settings.times == before.settings.times:
            # Of a window that is past, the rest may be put right.
            problems = [problem for problem in problems if problem.field != "endsAt"]
        check_problems([*problems, *await _monitor_problems(unit, before.workspace_id, settings)])
        await maintenance.update(unit, before, settings, now)
        if replace(settings, comment="") != replace(before.settings, comment=""):
            await incident_deadlines.look_at_workspace(unit, before.workspace_id, now)

    return await _change(at, call, window_id, "maintenance_window.update", write)


async def cancel_window(at: Installation, call: Call, window_id: UUID, version: int | None) -> MaintenanceWindow:
    """Call one off; what it kept quiet and still stands is told at once. One that was is answered as it is.

    ResourceConflict for a version that has passed.
    """

    async def write(unit: Unit, before: MaintenanceWindow, now: datetime) -> None:
        if before.cancelled_at is not None:
            return
        check_version(Missing.MAINTENANCE_WINDOW, before.version, version)
        await maintenance.cancel(unit, before, now)
        await incident_deadlines.look_at_workspace(unit, before.workspace_id, now)

    return await _change(at, call, window_id, "maintenance_window.cancel", write)


async def _change(at: Installation, call: Call, window_id: UUID, action: str, write: Write) -> MaintenanceWindow:
    """Change one that is held; a write that wrote nothing leaves no audit entry."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.OPERATOR, window_id)
        before = found(await maintenance.lock(unit, window_id), Missing.MAINTENANCE_WINDOW)
        await write(unit, before, at.clock.now())
        after = found(await maintenance.get(unit, window_id), Missing.MAINTENANCE_WINDOW)
        if after.version != before.version:
            change = Change(action, window_id, after.workspace_id, window_fields(before), window_fields(after))
            await keep_audit(at.clock, unit, operator.author, change)
        return after


async def _require(unit: Unit, operator: Operator, needed: Role, window_id: UUID) -> MaintenanceWindow:
    window = found(await maintenance.get(unit, window_id), Missing.MAINTENANCE_WINDOW)
    operator.require(needed, window.workspace_id, Missing.MAINTENANCE_WINDOW)
    return window


async def _monitor_problems(unit: Unit, workspace_id: UUID, settings: WindowSettings) -> list[FieldProblem]:
    foreign = await maintenance.foreign_monitors(unit, workspace_id, settings.scope.monitor_ids)
    return [FieldProblem("monitorIds", f"names no monitor of this workspace: {monitor_id}") for monitor_id in foreign]


def _changed(before: WindowSettings, changes: Mapping[str, Any]) -> WindowSettings:
    scope = {name: value for name, value in changes.items() if name in _SCOPE}
    times = {name: value for name, value in changes.items() if name not in {*_SCOPE, "comment"}}
    return WindowSettings(
        replace(before.scope, **scope), replace(before.times, **times), changes.get("comment", before.comment)
    )
