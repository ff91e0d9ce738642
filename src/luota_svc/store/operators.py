"""Operator tokens as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.operators import OperatorToken, Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import newest_page, newest_parameters

SQL = load_catalogue("operators")


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a shown token is judged by. `alive` is neither revoked nor expired, by the database's clock."""

    token: OperatorToken
    secret_hash: bytes
    alive: bool


async def recognise(unit: Unit, token_id: UUID) -> Recognised | None:
    """Return what stands under a token's id, or None."""
    row = await unit.row(SQL["recognise"], {"id": token_id})
    return Recognised(_token(row), bytes(row["secret_hash"]), row["alive"]) if row else None


async def touch(unit: Unit, token_id: UUID) -> None:
    """Remember that the token was used, unless that was remembered less than a minute ago."""
    await unit.run(SQL["touch"], {"id": token_id})


async def get(unit: Unit, token_id: UUID) -> OperatorToken | None:
    """Return one, or None."""
    row = await unit.row(SQL["get"], {"id": token_id})
    return _token(row) if row else None


async def page(unit: Unit, ask: Ask[Newest], *, workspace_id: UUID | None) -> Page[OperatorToken, Newest]:
    """List newest first, all of the instance or one workspace's."""
    rows = await unit.rows(SQL["page"], {"workspace_id": workspace_id, **newest_parameters(ask)})
    return newest_page(rows, ask, _token, "created_at")


async def insert(
    unit: Unit,
    *,
    token_id: UUID,
    name: str,
    role: Role,
    workspace_id: UUID | None,
    secret_hash: bytes,
    expires_at: datetime | None,
    now: datetime,
) -> bool:
    """Make one; False where the id stands already (two processes that bootstrap at once)."""
    parameters = {
        "id": token_id,
        "name": name,
        "role": role.name.lower(),
        "workspace_id": workspace_id,
        "secret_hash": secret_hash,
        "expires_at": expires_at,
        "now": now,
    }
    return await unit.run(SQL["insert"], parameters) == 1


async def revoke(unit: Unit, token_id: UUID) -> bool:
    """End one at once; False where it was revoked before."""
    return await unit.run(SQL["revoke"], {"id": token_id}) == 1


def _token(row: DictRow) -> OperatorToken:
    return OperatorToken(
        id=row["id"],
        name=row["name"],
        role=Role[row["role"].upper()],
        workspace_id=row["workspace_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )
