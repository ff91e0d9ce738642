"""What alerts tell, as rows: read for many deliveries at once, without a lock."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.alerts import (
    EarlierWords,
    Ending,
    FailedRoute,
    FrozenPacket,
    MadeChange,
    ToldIncident,
    ToldMonitor,
    Uncomposed,
)
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentKind, IncidentState
from luota_svc.model.monitors import Severity
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("alert_facts")

_CHANGES_MOST: Final = 500


class ToldIncidents(NamedTuple):
    """What a delivery is to tell, the gravest first; `omitted` is how many more there are."""

    incidents: tuple[ToldIncident, ...]
    omitted: int


class ChangeRow(NamedTuple):
    """A change with what it was made to; `monitor_id` is None for one that concerns all of the workspace."""

    workspace_id: UUID
    monitor_id: UUID | None
    change: MadeChange


async def incidents(unit: Unit, deliveries: Collection[Uncomposed], most: int) -> dict[UUID, ToldIncidents]:
    """Return by delivery what it is to tell, at most `most` incidents each; one without any is left out."""
    parameters = {
        "ids": [delivery.id for delivery in deliveries],
        "of_route": [delivery.reason is DeliveryReason.ROUTE_FAILURE for delivery in deliveries],
        "most": most,
    }
    found: dict[UUID, list[ToldIncident]] = {}
    totals: dict[UUID, int] = {}
    for row in await unit.rows(SQL["incidents"], parameters):
        found.setdefault(row["delivery_id"], []).append(_incident(row))
        totals[row["delivery_id"]] = row["total"]
    return {key: ToldIncidents(tuple(told), totals[key] - len(told)) for key, told in found.items()}


async def packets(unit: Unit, incident_ids: Collection[UUID]) -> dict[UUID, FrozenPacket]:
    """Return what incidents froze; those that opened before packets were are left out."""
    rows = await unit.rows(SQL["packets"], {"ids": list(incident_ids)})
    return {row["incident_id"]: FrozenPacket(json.loads(row["frozen"]), bytes(row["digest"]).hex()) for row in rows}


async def earlier_words(unit: Unit, told: Sequence[tuple[Uncomposed, UUID]]) -> dict[UUID, EarlierWords]:
    """Return by delivery what became of earlier words to its route about an incident."""
    parameters = {
        "ids": [delivery.id for delivery, _ in told],
        "route_ids": [delivery.route_id for delivery, _ in told],
        "incident_ids": [incident_id for _, incident_id in told],
    }
    rows = await unit.rows(SQL["earlier_words"], parameters)
    return {row["delivery_id"]: EarlierWords(row["delivered"], row["failed"]) for row in rows}


async def changes(
    unit: Unit, workspace_ids: Collection[UUID], monitor_ids: Collection[UUID], since: datetime
) -> list[ChangeRow]:
    """Return the newest changes to monitors, their workspaces and their keys, newest first, at most 500."""
    parameters = {
        "workspace_ids": list(workspace_ids),
        "targets": [str(target) for target in (*monitor_ids, *workspace_ids)],
        "since": since,
        "most": _CHANGES_MOST,
    }
    return [_change(row) for row in await unit.rows(SQL["changes"], parameters)]


async def endings(unit: Unit, incident_ids: Collection[UUID]) -> dict[UUID, Ending]:
    """Return who ended incidents."""
    rows = await unit.rows(SQL["endings"], {"ids": list(incident_ids)})
    return {row["incident_id"]: Ending(row["actor"], row["detail"]) for row in rows}


async def failed_routes(unit: Unit, route_ids: Collection[UUID], since: datetime) -> dict[UUID, FailedRoute]:
    """Return how routes fail, by what they were to deliver since an instant."""
    rows = await unit.rows(SQL["failed_routes"], {"ids": list(route_ids), "since": since})
    return {row["id"]: FailedRoute(**row) for row in rows}


def _incident(row: DictRow) -> ToldIncident:
    monitor = ToldMonitor(
        id=row["monitor_id"],
        slug=row["slug"],
        name=row["name"],
        owner=row["owner"],
        runbook_url=row["runbook_url"],
        environment=row["environment"],
        promise=row["promise"],
        tags=row["tags"],
        timezone=row["schedule_timezone"],
    )
    return ToldIncident(
        id=row["id"],
        kind=IncidentKind(row["kind"]),
        state=IncidentState(row["state"]),
        severity=Severity(row["severity"]),
        reason=row["reason"],
        opened_at=row["opened_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        resolved_at=row["resolved_at"],
        resolution=row["resolution"],
        occurrence_count=row["occurrence_count"],
        expected_at=row["expected_at"],
        sequence=row["sequence"],
        monitor=monitor,
    )


def _change(row: DictRow) -> ChangeRow:
    change = MadeChange(row["at"], row["actor"], row["action"], row["before"], row["after"])
    if row["target_type"] == "monitor":
        return ChangeRow(row["workspace_id"], UUID(row["target_id"]), change)
    # A key may be of one monitor alone.
    monitor_id = (row["after"] or row["before"] or {}).get("monitorId")
    return ChangeRow(row["workspace_id"], UUID(monitor_id) if monitor_id else None, change)
