"""Managing workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import Missing
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Page
from luota_svc.model.workspaces import Workspace, WorkspaceSettings
from luota_svc.rules.workspace_settings import workspace_problems
from luota_svc.store import workspaces
from luota_svc.usecases.changes import Change, check_problems, check_version, claim_id, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import admit, found
from luota_svc.usecases.public_fields import workspace_fields


async def create_workspace(
    at: Installation, call: Call, settings: WorkspaceSettings, once: Idempotency | None
) -> Workspace:
    """Make a workspace; for the instance's admin. ResourceConflict where the slug is taken."""
    check_problems(workspace_problems(settings))
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require_instance(Role.ADMIN, "make workspaces")
        workspace_id, new = await claim_id(at, unit, operator, once)
        call.subject["workspace_id"] = str(workspace_id)
        if new:
            await workspaces.insert(unit, workspace_id, settings, at.clock.now())
        workspace = found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        if new:
            change = Change("workspace.create", workspace_id, workspace_id, None, workspace_fields(workspace))
            await keep_audit(at.clock, unit, operator.author, change)
        return workspace


async def get_workspace(at: Installation, call: Call, workspace_id: UUID) -> Workspace:
    """Read one."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.VIEWER, workspace_id, Missing.WORKSPACE)
        return found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)


async def list_workspaces(at: Installation, call: Call, ask: Ask[str]) -> Page[Workspace, str]:
    """List the workspaces that one may see, by slug."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        return await workspaces.page(unit, ask, only=operator.only)


async def update_workspace(
    at: Installation, call: Call, workspace_id: UUID, changes: Mapping[str, Any], version: int | None
) -> Workspace:
    """Change the named settings (fields of WorkspaceSettings). ResourceConflict for a version that has passed."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.ADMIN, workspace_id, Missing.WORKSPACE)
        before = found(await workspaces.lock(unit, workspace_id), Missing.WORKSPACE)
        check_version(Missing.WORKSPACE, before.version, version)
        settings = replace(before.settings, **changes)
        check_problems(workspace_problems(settings))
        if settings == before.settings:
            return before
        await workspaces.update(unit, before, settings, at.clock.now())
        after = found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        change = Change(
            "workspace.update", workspace_id, workspace_id, workspace_fields(before), workspace_fields(after)
        )
        await keep_audit(at.clock, unit, operator.author, change)
        return after
