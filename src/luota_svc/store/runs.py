"""Runs as operators read them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.model.runs import Note, Run, RunState
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters

SQL = load_catalogue("runs")


async def get(unit: Unit, run_id: UUID) -> Run | None:
    """Return one, or None."""
    row = await unit.row(SQL["get"], {"id": run_id})
    return _run(row) if row else None


async def find(unit: Unit, monitor_id: UUID, external_run_id: str) -> Run | None:
    """Return the one of the job's own id, or None."""
    row = await unit.row(SQL["find"], {"monitor_id": monitor_id, "external_run_id": external_run_id})
    return _run(row) if row else None


async def page(unit: Unit, monitor_id: UUID, ask: Ask[Newest], *, state: RunState | None) -> Page[Run, Newest]:
    """List a monitor's, newest first, all or only those in one state."""
    parameters = {"monitor_id": monitor_id, "state": state.value if state else None, **newest_parameters(ask)}
    return newest_page(await unit.rows(SQL["page"], parameters), ask, _run, "received_at")


def notes_of(kept: list[dict[str, Any]] | None) -> tuple[Note, ...]:
    """Read notes from the JSON that the ingest batch wrote."""
    return tuple(
        Note(note["field"], note["note"], note.get("originalBytes"), note.get("keptBytes"), note.get("count"))
        for note in kept or ()
    )


def _run(row: DictRow) -> Run:
    return Run(
        id=row["id"],
        workspace_id=row["workspace_id"],
        monitor_id=row["monitor_id"],
        external_run_id=row["external_run_id"],
        state=RunState(row["state"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration_ms=row["duration_ms"],
        summary=row["summary"],
        exit_code=row["exit_code"],
        deploy_sha=row["deploy_sha"],
        host=row["host"],
        environment=row["environment"],
        tags=row["tags"] or {},
        notes=notes_of(row["notes"]),
        request_id=row["request_id"],
        close_request_id=row["close_request_id"],
    )
