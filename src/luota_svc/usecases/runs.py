"""Reading runs."""

from __future__ import annotations

from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import Missing
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.model.runs import Run, RunState
from luota_svc.store import monitors, runs
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import admit, found


async def get_run(at: Installation, call: Call, run_id: UUID) -> Run:
    """Read one; those of a deleted monitor stay."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        run = found(await runs.get(unit, run_id), Missing.RUN)
        operator.require(Role.VIEWER, run.workspace_id, Missing.RUN)
        call.subject |= {"run_id": str(run.id), "monitor_id": str(run.monitor_id)}
        return run


async def list_runs(
    at: Installation,
    call: Call,
    monitor_id: UUID,
    ask: Ask[Newest],
    *,
    state: RunState | None = None,
    external_run_id: str = "",
) -> Page[Run, Newest]:
    """List a monitor's, newest first, all, those of one state, or the one of the job's own id."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        workspace_id = found(await monitors.home(unit, monitor_id), Missing.MONITOR)
        operator.require(Role.VIEWER, workspace_id, Missing.MONITOR)
        call.subject["monitor_id"] = str(monitor_id)
        if not external_run_id:
            return await runs.page(unit, monitor_id, ask, state=state)
        run = await runs.find(unit, monitor_id, external_run_id)
        return Page((run,) if run and state in {None, run.state} and not ask.after else (), None)
