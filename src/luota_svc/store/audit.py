"""Audit entries as rows; append-only."""

from __future__ import annotations

from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from luota_svc.model.audit import AuditEntry
from luota_svc.model.operators import Actor
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters

SQL = load_catalogue("audit")


async def insert(unit: Unit, entry: AuditEntry) -> None:
    """Append one entry, in the transaction of the change."""
    parameters = {
        "id": entry.id,
        "at": entry.at,
        "workspace_id": entry.workspace_id,
        "actor_kind": entry.actor.kind,
        "actor_id": entry.actor.id,
        "actor": entry.actor.name,
        "action": entry.action,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "before": None if entry.before is None else Jsonb(entry.before),
        "after": None if entry.after is None else Jsonb(entry.after),
        "request_id": entry.request_id,
    }
    await unit.change("audit.insert", SQL["insert"], parameters)


async def page(unit: Unit, workspace_id: UUID, ask: Ask[Newest]) -> Page[AuditEntry, Newest]:
    """List a workspace's changes, newest first."""
    rows = await unit.rows(SQL["page"], {"workspace_id": workspace_id, **newest_parameters(ask)})
    return newest_page(rows, ask, entry_of, "at")


def entry_of(row: DictRow) -> AuditEntry:
    """Read one entry."""
    return AuditEntry(
        id=row["id"],
        at=row["at"],
        workspace_id=row["workspace_id"],
        actor=Actor(row["actor_kind"], row["actor_id"], row["actor"]),
        action=row["action"],
        target_type=row["target_type"],
        target_id=row["target_id"],
        before=row["before"],
        after=row["after"],
        request_id=row["request_id"],
    )
