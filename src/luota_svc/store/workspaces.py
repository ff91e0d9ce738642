"""Workspaces as rows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.pages import Ask, Page
from luota_svc.model.workspaces import Workspace, WorkspaceSettings
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import slug_page, slug_parameters

SQL = load_catalogue("workspaces")


async def get(unit: Unit, workspace_id: UUID) -> Workspace | None:
    """Return one, or None."""
    row = await unit.row(SQL["get"], {"id": workspace_id})
    return _workspace(row) if row else None


async def find(unit: Unit, slug: str) -> Workspace | None:
    """Return the one of this slug, or None."""
    row = await unit.row(SQL["find"], {"slug": slug})
    return _workspace(row) if row else None


async def lock(unit: Unit, workspace_id: UUID) -> Workspace | None:
    """Return one as it stands once nobody else can change it before this transaction ends, or None."""
    await unit.rows(SQL["lock"], {"id": workspace_id})
    return await get(unit, workspace_id)


async def page(unit: Unit, ask: Ask[str], *, only: UUID | None) -> Page[Workspace, str]:
    """List by slug, at most the one named by `only`."""
    rows = await unit.rows(SQL["page"], {"only": only, **slug_parameters(ask)})
    return slug_page(rows, ask, _workspace)


async def insert(unit: Unit, workspace_id: UUID, settings: WorkspaceSettings, now: datetime) -> None:
    """Make one. ResourceConflict where the slug is taken."""
    await unit.change("workspaces.insert", SQL["insert"], {"id": workspace_id, "now": now, **asdict(settings)})


async def update(unit: Unit, workspace: Workspace, settings: WorkspaceSettings, now: datetime) -> None:
    """Write new settings over the version that was read. ResourceConflict where the slug is taken."""
    parameters = {"id": workspace.id, "version": workspace.version, "now": now, **asdict(settings)}
    await unit.change("workspaces.update", SQL["update"], parameters)


def _workspace(row: DictRow) -> Workspace:
    settings = WorkspaceSettings(
        slug=row["slug"],
        name=row["name"],
        limit_monitor_token_minute=row["limit_monitor_token_minute"],
        limit_monitor_token_hour=row["limit_monitor_token_hour"],
        limit_workspace_minute=row["limit_workspace_minute"],
    )
    return Workspace(row["id"], settings, row["created_at"], row["updated_at"], row["version"])
