"""Rows that say whether monitors are quiet -> model words. Read by the ingest batch's own statements everywhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from luota_svc.model.maintenance import Quietable, QuietWindow, WindowScope, WindowTimes
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

_SQL = load_catalogue("ingest")


async def load_quiet(
    unit: Unit, monitor_ids: Collection[UUID], workspace_ids: Collection[UUID], at: datetime
) -> tuple[dict[UUID, Quietable], list[QuietWindow]]:
    """Return what these monitors bring to the question of whether they are quiet, and their workspaces' windows."""
    cursor = await unit.connection.execute(_SQL["quietable"], (list(monitor_ids),))
    quietable = {row["id"]: Quietable(**row) for row in await cursor.fetchall()}
    cursor = await unit.connection.execute(_SQL["quiet_windows"], (list(workspace_ids), at))
    return quietable, [quiet_window(*row.values()) for row in await cursor.fetchall()]


def quiet_window(
    workspace_id: UUID,
    monitor_ids: Sequence[UUID],
    tags: dict[str, str],
    starts_at: datetime | None,
    ends_at: datetime | None,
    cron: str | None,
    timezone: str,
    duration_seconds: int | None,
) -> QuietWindow:
    """Read the columns of a window in the order of the statement."""
    scope = WindowScope(frozenset(monitor_ids), tags)
    return QuietWindow(workspace_id, scope, WindowTimes(starts_at, ends_at, cron, timezone, duration_seconds))
