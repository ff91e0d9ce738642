"""The support record of requests as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from uuid import UUID

from luota_svc.model.requests import FoundRequest, RequestRecord
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.columns import columns
from luota_svc.store.database import Unit

SQL = load_catalogue("requests")


async def insert(unit: Unit, records: Sequence[RequestRecord]) -> None:
    """Keep some records; ones that stand already are left alone."""
    # The statement takes its arrays in the order of the model's fields.
    await unit.connection.execute(SQL["insert"], columns(map(astuple, records)))


async def find(unit: Unit, request_id: str, *, only: UUID | None) -> list[FoundRequest]:
    """Return everything that bears the id, ours or a caller's, newest first, at most 100; `only` one workspace's."""
    rows = await unit.rows(SQL["find"], {"id": request_id, "only": only})
    return [FoundRequest(**row) for row in rows]
