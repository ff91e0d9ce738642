"""Managing monitors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.monitors import Monitor, MonitorSettings
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Page
from luota_svc.rules.monitor_settings import validate_settings
from luota_svc.store import incident_deadlines, incidents, keys, monitors, silence, workspaces
from luota_svc.store.database import Unit
from luota_svc.usecases.changes import Change, check_problems, check_version, claim_id, future_instant, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.monitor_deadlines import resumed, settings_changed, with_deadlines
from luota_svc.usecases.operator_admission import Author, Operator, admit, found
from luota_svc.usecases.public_fields import monitor_fields
from luota_svc.usecases.resolving import MONITOR_DELETED, resolve_held

Write = Callable[[Unit, Monitor, datetime], Awaitable[None]]

# What an update must leave as it is: its public name, and what changes it instead.
_FIXED: Final = {
    "kind": FieldProblem("kind", "is fixed at creation"),
    "paused_until": FieldProblem("pausedUntil", "is changed by :pause and :resume"),
    "muted_until": FieldProblem("mutedUntil", "is changed by :mute and :unmute"),
}


async def create_monitor(
    at: Installation, call: Call, workspace_id: UUID, settings: MonitorSettings, once: Idempotency | None
) -> Monitor:
    """Make a monitor. ResourceConflict where the slug is taken in its workspace."""
    check_problems(validate_settings(settings))
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.OPERATOR, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        monitor_id, new = await claim_id(at, unit, operator, once)
        call.subject["monitor_id"] = str(monitor_id)
        now = at.clock.now()
        if new:
            await monitors.insert(unit, monitor_id, workspace_id, settings, now)
        monitor = await _read(unit, monitor_id, now)
        if new:
            change = Change("monitor.create", monitor_id, workspace_id, None, monitor_fields(monitor))
            await keep_audit(at.clock, unit, operator.author, change)
        return monitor


async def get_monitor(at: Installation, call: Call, monitor_id: UUID) -> Monitor:
    """Read one."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        return await _monitor(at, unit, operator, Role.VIEWER, monitor_id)


async def list_monitors(at: Installation, call: Call, workspace_id: UUID, ask: Ask[str]) -> Page[Monitor, str]:
    """List a workspace's, by slug."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.VIEWER, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        page = await monitors.page(unit, workspace_id, ask, at.clock.now())
        return replace(page, items=tuple(await with_deadlines(unit, page.items)))


async def update_monitor(
    at: Installation, call: Call, monitor_id: UUID, changes: Mapping[str, Any], version: int | None
) -> Monitor:
    """Change the named settings (fields of MonitorSettings). ResourceConflict for a version that has passed.

    What is fixed or changed elsewhere (kind, pause, mute) may be named with the value that it has.
    """

    async def write(unit: Unit, before: Monitor, now: datetime) -> None:
        check_version(Missing.MONITOR, before.version, version)
        settings, fixed = _changed(before, changes)
        check_problems([*fixed, *validate_settings(settings)])
        if settings != before.settings:
            await monitors.update(unit, before, settings, now)
            await settings_changed(unit, before, settings, now)
            await _let_incidents_follow(unit, before, settings, now)

    return await _change(at, call, monitor_id, "monitor.update", write)


async def pause_monitor(at: Installation, call: Call, monitor_id: UUID, until: datetime | None) -> Monitor:
    """Record and do not judge until an instant; the counters start again."""
    end = _future(at, until)

    async def write(unit: Unit, before: Monitor, now: datetime) -> None:
        await monitors.pause(unit, before, end, now)
        # One that ends before the pause that was set may bring what its runs wait for nearer.
        await silence.look_at_runs(unit, before.id, now)

    return await _change(at, call, monitor_id, "monitor.pause", write)


async def resume_monitor(at: Installation, call: Call, monitor_id: UUID) -> Monitor:
    """Judge again; the counters start again. One that is not paused (any more) is answered as it is."""

    async def write(unit: Unit, before: Monitor, now: datetime) -> None:
        # What was counted since a pause ran out by itself stays counted.
        if before.paused_until is not None and before.paused_until > now:
            await monitors.pause(unit, before, None, now)
            await resumed(unit, before, now)

    return await _change(at, call, monitor_id, "monitor.resume", write)


async def mute_monitor(at: Installation, call: Call, monitor_id: UUID, until: datetime | None) -> Monitor:
    """Judge and do not tell until an instant."""
    end = _future(at, until)
    return await _change(at, call, monitor_id, "monitor.mute", lambda unit, before, now: _mute(unit, before, end, now))


async def unmute_monitor(at: Installation, call: Call, monitor_id: UUID) -> Monitor:
    """Tell again. One that is not muted is answered as it is."""

    async def write(unit: Unit, before: Monitor, now: datetime) -> None:
        if before.muted_until is not None:
            await _mute(unit, before, None, now)

    return await _change(at, call, monitor_id, "monitor.unmute", write)


async def delete_monitor(at: Installation, call: Call, monitor_id: UUID) -> None:
    """Delete one softly: its keys are refused, its incidents resolve, its evidence stays, its slug is free again."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        before = await _locked(at, unit, operator, monitor_id)
        await remove_held(at, unit, before, operator.author)


async def remove_held(at: Installation, unit: Unit, before: Monitor, author: Author) -> None:
    """Delete one softly that is held."""
    await monitors.delete(unit, before, at.clock.now())
    await silence.look_at_runs(unit, before.id, None)
    await keys.revoke_of_monitor(unit, before.id)
    for incident in await incidents.lock_unresolved(unit, before.id):
        await resolve_held(at, unit, incident, author, resolution=MONITOR_DELETED, note="")
    change = Change("monitor.delete", before.id, before.workspace_id, monitor_fields(before), None)
    await keep_audit(at.clock, unit, author, change)


async def _change(at: Installation, call: Call, monitor_id: UUID, action: str, write: Write) -> Monitor:
    """Change one under its lock; a write that wrote nothing leaves no audit entry."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        before = await _locked(at, unit, operator, monitor_id)
        now = at.clock.now()
        await write(unit, before, now)
        after = await _read(unit, monitor_id, now)
        if after.version != before.version:
            change = Change(action, monitor_id, after.workspace_id, monitor_fields(before), monitor_fields(after))
            await keep_audit(at.clock, unit, operator.author, change)
        return after


async def _let_incidents_follow(unit: Unit, before: Monitor, settings: MonitorSettings, now: datetime) -> None:
    """Let new settings hold for incidents that stand: another interval of reminders, other windows that cover them."""
    every = settings.remind_every_seconds
    if every != before.settings.remind_every_seconds:
        next_at = now + timedelta(seconds=every) if every else None
        await incident_deadlines.set_reminders(unit, before.id, next_at)
    if settings.tags != before.settings.tags:
        await incident_deadlines.look_at_monitors(unit, [before.id], now)


async def _mute(unit: Unit, before: Monitor, until: datetime | None, now: datetime) -> None:
    """Set or end a mute; what it kept quiet or now keeps quiet is looked at at once."""
    await monitors.mute(unit, before, until, now)
    await incident_deadlines.look_at_monitors(unit, [before.id], now)


async def _locked(at: Installation, unit: Unit, operator: Operator, monitor_id: UUID) -> Monitor:
    """Return one that the operator may change, as it stands once its lock is held."""
    await _monitor(at, unit, operator, Role.OPERATOR, monitor_id)
    await monitors.lock(unit, monitor_id)
    return await _monitor(at, unit, operator, Role.OPERATOR, monitor_id)


async def _read(unit: Unit, monitor_id: UUID, now: datetime) -> Monitor:
    (monitor,) = await with_deadlines(unit, [found(await monitors.get(unit, monitor_id, now), Missing.MONITOR)])
    return monitor


async def _monitor(at: Installation, unit: Unit, operator: Operator, needed: Role, monitor_id: UUID) -> Monitor:
    monitor = await _read(unit, monitor_id, at.clock.now())
    operator.require(needed, monitor.workspace_id, Missing.MONITOR)
    operator.call.subject["monitor_id"] = str(monitor_id)
    return monitor


def _changed(before: Monitor, changes: Mapping[str, Any]) -> tuple[MonitorSettings, list[FieldProblem]]:
    """Return the settings with what may change changed, and a problem for each change of what may not."""
    stands = {"kind": before.settings.kind, "paused_until": before.paused_until, "muted_until": before.muted_until}
    settings = replace(before.settings, **{name: value for name, value in changes.items() if name not in stands})
    return settings, [_FIXED[name] for name, value in stands.items() if changes.get(name, value) != value]


def _future(at: Installation, until: datetime | None) -> datetime:
    if until is None:
        raise InvalidRequest(FieldProblem("until", "is required"))
    return future_instant(at.clock, until, "until")
