"""Monitors as rows: what operators set and read. Their counters belong to the ingest batch."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from luota_svc.model.monitors import Monitor, MonitorKind, MonitorSettings, MonitorState, Severity, SignalRef
from luota_svc.model.pages import Ask, Page
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.paging import slug_page, slug_parameters

SQL = load_catalogue("monitors")

_PLAIN: Final = [field.name for field in fields(MonitorSettings) if field.name not in {"kind", "severity"}]


async def get(unit: Unit, monitor_id: UUID, now: datetime) -> Monitor | None:
    """Return one as it stands at `now`, or None where it is not or is deleted."""
    row = await unit.row(SQL["get"], {"id": monitor_id, "now": now})
    return _monitor(row) if row else None


async def find(unit: Unit, workspace_id: UUID, slug: str, now: datetime) -> Monitor | None:
    """Return the one of this slug, or None."""
    row = await unit.row(SQL["find"], {"workspace_id": workspace_id, "slug": slug})
    return await get(unit, row["id"], now) if row else None


async def home(unit: Unit, monitor_id: UUID) -> UUID | None:
    """Return whose a monitor is, a deleted one included; None where there never was one."""
    row = await unit.row(SQL["home"], {"id": monitor_id})
    return row["workspace_id"] if row else None


async def alive_home(unit: Unit, monitor_id: UUID) -> UUID | None:
    """Return whose a monitor is; None where it is not or is deleted."""
    row = await unit.row(SQL["alive_home"], {"id": monitor_id})
    return row["workspace_id"] if row else None


async def lock(unit: Unit, monitor_id: UUID) -> datetime | None:
    """Take the mutex of a monitor's runs, incidents and counters until the transaction ends; return its mute's end."""
    row = await unit.row(SQL["lock"], {"id": monitor_id})
    return row["muted_until"] if row else None


async def page(unit: Unit, workspace_id: UUID, ask: Ask[str], now: datetime) -> Page[Monitor, str]:
    """List a workspace's by slug."""
    rows = await unit.rows(SQL["page"], {"workspace_id": workspace_id, "now": now, **slug_parameters(ask)})
    return slug_page(rows, ask, _monitor)


async def insert(unit: Unit, monitor_id: UUID, workspace_id: UUID, settings: MonitorSettings, now: datetime) -> None:
    """Make one. ResourceConflict where the slug is taken in its workspace."""
    parameters = {"id": monitor_id, "workspace_id": workspace_id, "now": now, **_columns(settings)}
    await unit.change("monitors.insert", SQL["insert"], parameters)


async def update(unit: Unit, monitor: Monitor, settings: MonitorSettings, now: datetime) -> None:
    """Write new settings over the version that was read. ResourceConflict where the slug is taken."""
    await unit.change("monitors.update", SQL["update"], {**_guard(monitor, now), **_columns(settings)})


async def pause(unit: Unit, monitor: Monitor, until: datetime | None, now: datetime) -> None:
    """Set a pause, or end it with None; either way the counters start again."""
    await unit.change("monitors.pause", SQL["pause"], {**_guard(monitor, now), "until": until})


async def mute(unit: Unit, monitor: Monitor, until: datetime | None, now: datetime) -> None:
    """Set a mute, or end it with None."""
    await unit.change("monitors.mute", SQL["mute"], {**_guard(monitor, now), "until": until})


async def forget_failures(unit: Unit, monitor_id: UUID) -> None:
    """Let the next incident take its own failures in a row; the monitor's lock is held."""
    await unit.change("monitors.forget_failures", SQL["forget_failures"], {"id": monitor_id})


async def delete(unit: Unit, monitor: Monitor, now: datetime) -> None:
    """Delete one softly."""
    await unit.change("monitors.delete", SQL["delete"], _guard(monitor, now))


def _guard(monitor: Monitor, now: datetime) -> dict[str, Any]:
    return {"id": monitor.id, "version": monitor.version, "now": now}


def _columns(settings: MonitorSettings) -> dict[str, Any]:
    return {
        **asdict(settings),
        "kind": settings.kind.value,
        "severity": settings.severity.value,
        "tags": Jsonb(settings.tags or {}),
    }


def _monitor(row: DictRow) -> Monitor:
    settings = MonitorSettings(
        kind=MonitorKind(row["kind"]), severity=Severity(row["severity"]), **{name: row[name] for name in _PLAIN}
    )
    return Monitor(
        id=row["id"],
        workspace_id=row["workspace_id"],
        settings=settings,
        state=MonitorState(row["state"]),
        paused_until=row["paused_until"],
        muted_until=row["muted_until"],
        next_deadline_at=row["next_deadline_at"],
        last_signal=signal_ref(row["last_signal"]),
        last_good_signal=signal_ref(row["last_good_signal"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


def signal_ref(kept: dict[str, Any] | None) -> SignalRef | None:
    """Return the signal that a monitor remembers in one of its columns, if any."""
    if kept is None:
        return None
    return SignalRef(
        signal_id=UUID(kept["id"]),
        type=kept["type"],
        received_at=datetime.fromisoformat(kept["receivedAt"]),
        request_id=kept["requestId"],
        run_id=UUID(kept["runId"]) if "runId" in kept else None,
    )
