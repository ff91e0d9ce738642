"""Who takes signals, and when nobody did, as rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from luota_svc.model.packets import Gap
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("liveness")


async def beat(unit: Unit, process_id: UUID, now: datetime, gap_seconds: float) -> Gap | None:
    """Say that a process takes signals now; where nobody had for so long, keep that as a gap and return it."""
    row = await unit.row(SQL["note_gap"], {"now": now, "seconds": gap_seconds})
    await unit.run(SQL["beat"], {"process_id": process_id, "now": now})
    return Gap(row["started_at"], row["ended_at"]) if row else None


async def forget(unit: Unit, *, processes_before: datetime, gaps_before: datetime) -> None:
    """Let go of processes and gaps of the past."""
    await unit.run(SQL["forget_processes"], {"before": processes_before})
    await unit.run(SQL["forget_gaps"], {"before": gaps_before})


async def gaps(unit: Unit) -> tuple[Gap, ...]:
    """Return the newest gaps."""
    return tuple(Gap(row["started_at"], row["ended_at"]) for row in await unit.rows(SQL["gaps"]))
