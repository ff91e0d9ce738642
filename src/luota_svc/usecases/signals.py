"""Reading signals."""

from __future__ import annotations

from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import Missing
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.model.signals import Signal
from luota_svc.store import monitors, signals
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import admit, found


async def list_signals(
    at: Installation, call: Call, monitor_id: UUID, ask: Ask[Newest], *, run_id: UUID | None = None
) -> Page[Signal, Newest]:
    """List a monitor's, newest first, all or one run's; those of a deleted monitor stay."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        workspace_id = found(await monitors.home(unit, monitor_id), Missing.MONITOR)
        operator.require(Role.VIEWER, workspace_id, Missing.MONITOR)
        call.subject["monitor_id"] = str(monitor_id)
        return await signals.page(unit, monitor_id, ask, run_id=run_id)
