"""Ingest keys as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.keys import IngestKey, KeyFacts
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters

SQL = load_catalogue("keys")


async def get(unit: Unit, key_id: UUID) -> IngestKey | None:
    """Return one, or None."""
    row = await unit.row(SQL["get"], {"id": key_id})
    return _key(row) if row else None


async def lock(unit: Unit, key_id: UUID) -> bool:
    """Hold one against other changes and tell whether it is accepted at this moment."""
    row = await unit.row(SQL["lock"], {"id": key_id})
    return row is not None and bool(row["alive"])


async def page_of_workspace(unit: Unit, workspace_id: UUID, ask: Ask[Newest]) -> Page[IngestKey, Newest]:
    """List a workspace's keys, its monitors' included, newest first."""
    rows = await unit.rows(SQL["page_of_workspace"], {"workspace_id": workspace_id, **newest_parameters(ask)})
    return newest_page(rows, ask, _key, "created_at")


async def page_of_monitor(unit: Unit, monitor_id: UUID, ask: Ask[Newest]) -> Page[IngestKey, Newest]:
    """List one monitor's own keys, newest first."""
    rows = await unit.rows(SQL["page_of_monitor"], {"monitor_id": monitor_id, **newest_parameters(ask)})
    return newest_page(rows, ask, _key, "created_at")


async def insert(unit: Unit, facts: KeyFacts, *, name: str, expires_at: datetime | None, now: datetime) -> None:
    """Make one."""
    parameters = {
        "id": facts.key_id,
        "workspace_id": facts.workspace_id,
        "monitor_id": facts.monitor_id,
        "name": name,
        "secret_hash": facts.secret_hash,
        "expires_at": expires_at,
        "replaces_id": None,
        "now": now,
    }
    await unit.change("keys.insert", SQL["insert"], parameters)


async def replace(unit: Unit, key_id: UUID, *, by: UUID, secret_hash: bytes, now: datetime) -> None:
    """Make the successor of a key, of the same scope and name. ResourceConflict where it has one already."""
    parameters = {"id": by, "secret_hash": secret_hash, "replaces_id": key_id, "now": now}
    await unit.change("keys.replace", SQL["replace"], parameters)


async def expire_after(unit: Unit, key_id: UUID, overlap_seconds: int) -> None:
    """Let one die after an overlap, by the database's clock."""
    parameters = {"id": key_id, "overlap_seconds": overlap_seconds}
    await unit.change("keys.expire_after", SQL["expire_after"], parameters)


async def revoke(unit: Unit, key_id: UUID) -> bool:
    """End one at once, by the database's clock; False where it was revoked before."""
    return await unit.run(SQL["revoke"], {"id": key_id}) == 1


async def revoke_of_monitor(unit: Unit, monitor_id: UUID) -> int:
    """End all of a monitor's own keys at once and return how many there were."""
    return await unit.run(SQL["revoke_of_monitor"], {"monitor_id": monitor_id})


async def set_last_used(unit: Unit, used: Mapping[UUID, datetime]) -> None:
    """Remember when some keys were last accepted; a key that somebody changes at this moment is left for next time."""
    await unit.run(SQL["set_last_used"], {"ids": list(used), "at": list(used.values())})


async def alive_facts(unit: Unit, key_id: UUID) -> KeyFacts | None:
    """Return whose a key is and its secret's hash; None where there is none that is accepted at this moment."""
    row = await unit.row(SQL["shown"], {"id": key_id})
    if row is None or not row["alive"]:
        return None
    return KeyFacts(key_id, row["workspace_id"], row["monitor_id"], bytes(row["secret_hash"]))


def _key(row: DictRow) -> IngestKey:
    return IngestKey(
        id=row["id"],
        workspace_id=row["workspace_id"],
        monitor_id=row["monitor_id"],
        name=row["name"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        replaces_id=row["replaces_id"],
    )
