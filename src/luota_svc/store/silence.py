"""What the silence of monitors is judged by, as operators' changes move it and as their pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from luota_svc.model.monitors import MonitorKind
from luota_svc.model.schedules import Schedule
from luota_svc.model.silence import Watch
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("silence")


async def judge_from(unit: Unit, monitor_id: UUID, at: datetime) -> None:
    """Let a monitor's silence count from an instant on; it is looked at at once. Its lock is held."""
    await unit.change("silence.judge_from", SQL["judge_from"], {"id": monitor_id, "at": at})


async def look_at(unit: Unit, monitor_id: UUID, at: datetime) -> None:
    """Let the sweep find a monitor's next deadline anew. Its lock is held."""
    await unit.change("silence.look_at", SQL["look_at"], {"id": monitor_id, "at": at})


async def settle(unit: Unit, monitor_id: UUID, until: datetime) -> None:
    """Let a monitor's expected instants up to one be settled. Its lock is held."""
    await unit.change("silence.settle", SQL["settle"], {"id": monitor_id, "until": until})


async def look_at_runs(unit: Unit, monitor_id: UUID, at: datetime | None) -> None:
    """Let the sweep look at a monitor's running runs, or never again with None. The monitor's lock is held."""
    await unit.run(SQL["look_at_runs"], {"id": monitor_id, "at": at})


async def watches(unit: Unit, monitor_ids: Sequence[UUID]) -> dict[UUID, Watch]:
    """Return what the silence of these is judged by."""
    rows = await unit.rows(SQL["watches"], {"ids": list(monitor_ids)})
    return {row["id"]: watch_of(*list(row.values())[1:]) for row in rows}


def watch_of(
    kind: str,
    cron: str | None,
    timezone: str,
    interval_seconds: int | None,
    grace_seconds: int,
    early_tolerance_seconds: int | None,
    *rest: Any,
) -> Watch:
    """Read the columns of a `watches` statement after the id."""
    schedule = Schedule(cron, timezone, interval_seconds, grace_seconds, early_tolerance_seconds)
    return Watch(MonitorKind(kind), schedule, *rest)
