"""Reading who changed what."""

from __future__ import annotations

from uuid import UUID

from luota_svc.model.audit import AuditEntry
from luota_svc.model.call import Call
from luota_svc.model.errors import Missing
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store import audit, workspaces
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import admit, found


async def list_audit_entries(
    at: Installation, call: Call, workspace_id: UUID, ask: Ask[Newest]
) -> Page[AuditEntry, Newest]:
    """List a workspace's changes, newest first; for its admins."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.ADMIN, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        return await audit.page(unit, workspace_id, ask)
