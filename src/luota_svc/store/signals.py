"""Signals as operators read them."""

from __future__ import annotations

from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.model.signals import Evidence, Signal, SignalType
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters
from luota_svc.store.runs import notes_of

SQL = load_catalogue("signals")


async def page(unit: Unit, monitor_id: UUID, ask: Ask[Newest], *, run_id: UUID | None) -> Page[Signal, Newest]:
    """List a monitor's, newest first, all or only one run's."""
    parameters = {"monitor_id": monitor_id, **newest_parameters(ask)}
    if run_id is None:
        rows = await unit.rows(SQL["page"], parameters)
    else:
        rows = await unit.rows(SQL["page_of_run"], {**parameters, "run_id": run_id})
    return newest_page(rows, ask, _signal, "received_at")


def _signal(row: DictRow) -> Signal:
    evidence = Evidence(
        occurred_at=row["occurred_at"],
        summary=row["summary"],
        exit_code=row["exit_code"],
        output=row["output"],
        payload=row["payload"],
        deploy_sha=row["deploy_sha"],
        host=row["host"],
        environment=row["environment"],
        tags=row["tags"],
    )
    return Signal(
        id=row["id"],
        workspace_id=row["workspace_id"],
        monitor_id=row["monitor_id"],
        run_id=row["run_id"],
        type=SignalType(row["type"]),
        received_at=row["received_at"],
        evidence=evidence,
        notes=notes_of(row["notes"]),
        request_id=row["request_id"],
        caller_request_id=row["caller_request_id"],
        trace_id=row["trace_id"],
    )
