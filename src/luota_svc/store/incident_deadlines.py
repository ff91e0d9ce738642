"""What incidents wait for, as rows: found when due, held, written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.batch import NewEvent
from luota_svc.model.incident_deadlines import DueIncident, LookedAt, Waiting
from luota_svc.model.incidents import IncidentKind, IncidentState
from luota_svc.model.monitors import Severity
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.columns import columns
from luota_svc.store.database import Unit
from luota_svc.store.ingest import SQL as INGEST

SQL = load_catalogue("incident_deadlines")


async def find_due(unit: Unit, now: datetime, most: int) -> dict[UUID, UUID]:
    """Return incident -> monitor of what is due, the longest overdue first, without holding anything."""
    rows = await unit.rows(SQL["due"], {"now": now, "most": most})
    return {row["id"]: row["monitor_id"] for row in rows}


async def lock_free_monitors(unit: Unit, monitor_ids: Collection[UUID]) -> dict[UUID, int]:
    """Take the mutexes that nobody holds and return their monitors with `remindEverySeconds`."""
    rows = await unit.rows(SQL["lock_monitors"], {"ids": list(monitor_ids)})
    return {row["id"]: row["remind_every_seconds"] for row in rows}


async def lock_due(
    unit: Unit, incident_ids: Collection[UUID], monitor_ids: Collection[UUID], now: datetime
) -> list[DueIncident]:
    """Hold those that are still due, on monitors whose locks are held; in id order."""
    parameters = {"ids": list(incident_ids), "monitor_ids": list(monitor_ids), "now": now}
    return [_due(row) for row in await unit.rows(SQL["lock_due"], parameters)]


async def write(unit: Unit, looks: Sequence[LookedAt]) -> None:
    """Write what the looks at incidents that are held found."""
    rows = [
        (
            look.incident.id,
            look.incident.version,
            look.after.state.value,
            look.after.muted,
            look.after.tell_at,
            look.after.next_reminder_at,
            look.after.acknowledged_until,
            look.next_look_at,
            len(look.events),
        )
        for look in looks
    ]
    await unit.connection.execute(SQL["write"], [*columns(rows), len(rows)])


async def append_events(unit: Unit, events: Sequence[NewEvent]) -> None:
    """Append to the timelines of incidents that are held."""
    if events:
        await unit.connection.execute(INGEST["insert_events"], columns(events))


async def set_aside(unit: Unit, due: Mapping[UUID, UUID], until: datetime) -> None:
    """Let incidents (with their monitors) that could not be looked at be due again later."""
    await unit.rows(SQL["hold_monitors"], {"ids": list(due.values())})
    await unit.run(SQL["set_aside"], {"ids": list(due), "until": until})


async def look_at_workspace(unit: Unit, workspace_id: UUID, now: datetime) -> None:
    """Let what waits in a workspace be looked at at once: its quiet times have become others."""
    rows = await unit.rows(SQL["waiting_monitors"], {"workspace_id": workspace_id, "now": now})
    monitor_ids = [row["monitor_id"] for row in rows]
    if monitor_ids:
        await unit.rows(SQL["hold_monitors"], {"ids": monitor_ids})
        await look_at_monitors(unit, monitor_ids, now)


async def look_at_monitors(unit: Unit, monitor_ids: Collection[UUID], now: datetime) -> None:
    """Let what waits on monitors whose locks are held be looked at at once."""
    await unit.run(SQL["look_now"], {"ids": list(monitor_ids), "now": now})


async def set_reminders(unit: Unit, monitor_id: UUID, next_at: datetime | None) -> None:
    """Let reminders of what stands on a monitor, whose lock is held, begin anew then, or end with None."""
    await unit.run(SQL["set_reminders"], {"monitor_id": monitor_id, "next_at": next_at})


def _due(row: DictRow) -> DueIncident:
    return DueIncident(
        id=row["id"],
        workspace_id=row["workspace_id"],
        monitor_id=row["monitor_id"],
        kind=IncidentKind(row["kind"]),
        severity=Severity(row["severity"]),
        waiting=Waiting(
            state=IncidentState(row["state"]),
            muted=row["muted"],
            tell_at=row["tell_at"],
            next_reminder_at=row["next_reminder_at"],
            acknowledged_until=row["acknowledged_until"],
        ),
        event_count=row["event_count"],
        version=row["version"],
        request_id=row["request_id"],
        traceparent=row["traceparent"],
        began_at=row["began_at"],
    )
