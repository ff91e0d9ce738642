"""What a monitor's schedule is judged by: what is settled, and what was heard."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from luota_svc.model.monitors import MonitorKind
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("schedules")


async def judged(unit: Unit, monitor_id: UUID) -> tuple[datetime, datetime | None]:
    """Return up to where a monitor's expected instants are settled, and when it was last heard; it must exist."""
    row = await unit.row(SQL["judged"], {"id": monitor_id})
    assert row is not None
    return row["settled_until"], row["last_heard_at"]


async def heard(
    unit: Unit, monitor_id: UUID, kind: MonitorKind, since: datetime, until: datetime, most: int
) -> list[datetime]:
    """Return when the signals that count for a schedule came, oldest first: the newest `most` of the span.

    They are the pings, or what opened a run of a run monitor.
    """
    statement = SQL["openings"] if kind is MonitorKind.RUN else SQL["pings"]
    rows = await unit.rows(statement, {"monitor_id": monitor_id, "since": since, "until": until, "limit": most})
    return [row["received_at"] for row in reversed(rows)]
