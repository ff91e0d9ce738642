"""Maintenance windows as rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from luota_svc.model.maintenance import MaintenanceWindow, WindowScope, WindowSettings, WindowTimes
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters

SQL = load_catalogue("maintenance")


async def get(unit: Unit, window_id: UUID) -> MaintenanceWindow | None:
    """Return one, or None."""
    row = await unit.row(SQL["read"], {"id": window_id})
    return _window(row) if row else None


async def lock(unit: Unit, window_id: UUID) -> MaintenanceWindow | None:
    """Hold one and return it, or None."""
    row = await unit.row(SQL["lock"], {"id": window_id})
    return _window(row) if row else None


async def page(unit: Unit, workspace_id: UUID, ask: Ask[Newest]) -> Page[MaintenanceWindow, Newest]:
    """List a workspace's, those made last first."""
    rows = await unit.rows(SQL["page"], {"workspace_id": workspace_id, **newest_parameters(ask)})
    return newest_page(rows, ask, _window, "created_at")


async def count_standing(unit: Unit, workspace_id: UUID, now: datetime) -> int:
    """Return how many windows of a workspace may still quiet somebody; no other one is made meanwhile."""
    await unit.rows(SQL["lock_workspace"], {"workspace_id": workspace_id})
    row = await unit.row(SQL["count_standing"], {"workspace_id": workspace_id, "now": now})
    assert row is not None
    windows: int = row["windows"]
    return windows


async def foreign_monitors(unit: Unit, workspace_id: UUID, monitor_ids: Collection[UUID]) -> list[UUID]:
    """Return which of these ids name no monitor of the workspace."""
    parameters = {"workspace_id": workspace_id, "monitor_ids": list(monitor_ids)}
    return [row["id"] for row in await unit.rows(SQL["foreign_monitors"], parameters)]


async def insert(
    unit: Unit, window_id: UUID, workspace_id: UUID, settings: WindowSettings, author: str, now: datetime
) -> None:
    """Make one."""
    parameters = {"id": window_id, "workspace_id": workspace_id, "author": author, "now": now, **_columns(settings)}
    await unit.change("maintenance.insert", SQL["insert"], parameters)


async def update(unit: Unit, window: MaintenanceWindow, settings: WindowSettings, now: datetime) -> None:
    """Write new settings over the version that was read."""
    await unit.change("maintenance.update", SQL["update"], {**_guard(window, now), **_columns(settings)})


async def cancel(unit: Unit, window: MaintenanceWindow, now: datetime) -> None:
    """Call one off, from the version that was read."""
    await unit.change("maintenance.cancel", SQL["cancel"], _guard(window, now))


def _guard(window: MaintenanceWindow, now: datetime) -> dict[str, Any]:
    return {"id": window.id, "version": window.version, "now": now}


def _columns(settings: WindowSettings) -> dict[str, Any]:
    return {
        "monitor_ids": sorted(settings.scope.monitor_ids),
        "tags": Jsonb(settings.scope.tags),
        "comment": settings.comment,
        **asdict(settings.times),
    }


def _window(row: DictRow) -> MaintenanceWindow:
    scope = WindowScope(frozenset(row["monitor_ids"]), row["tags"])
    times = WindowTimes(row["starts_at"], row["ends_at"], row["cron"], row["timezone"], row["duration_seconds"])
    return MaintenanceWindow(
        id=row["id"],
        workspace_id=row["workspace_id"],
        settings=WindowSettings(scope, times, row["comment"]),
        author=row["author"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        cancelled_at=row["deleted_at"],
        version=row["version"],
    )
