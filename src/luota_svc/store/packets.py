"""Evidence packets as rows: what was frozen, and who was told and did what since."""

from __future__ import annotations

from collections import defaultdict
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.model.incidents import Incident
from luota_svc.model.packets import Attempt, TellingRoute, Told, ToldDelivery
from luota_svc.store import audit
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit
from luota_svc.store.incidents import timeline_entry

SQL = load_catalogue("packets")

# A packet is bounded; the newest are kept and the rest is counted.
_DELIVERIES_MAX: Final = 100
_TIMELINE_MAX: Final = 1_000
_CHANGES_MAX: Final = 200


async def frozen(unit: Unit, incident_id: UUID) -> tuple[str, bytes] | None:
    """Return the canonical text that an incident froze and its SHA-256; None where it opened before packets were."""
    row = await unit.row(SQL["frozen"], {"incident_id": incident_id})
    return (row["frozen"], bytes(row["digest"])) if row else None


async def told(unit: Unit, incident: Incident) -> Told:
    """Return what is told beside the frozen parts, as it stands in this transaction."""
    incident_id = incident.id
    owner = await unit.row(SQL["owner"], {"monitor_id": incident.monitor_id})
    routes = await _routes(unit, incident)
    deliveries, deliveries_total = await _deliveries(unit, incident_id)
    timeline = await unit.rows(SQL["timeline"], {"incident_id": incident_id, "limit": _TIMELINE_MAX})
    changes = await unit.rows(
        SQL["changes"],
        {
            "workspace_id": incident.workspace_id,
            "since": incident.opened_at,
            "targets": [str(incident.monitor_id), *(str(route.id) for route in routes)],
            "limit": _CHANGES_MAX,
        },
    )
    return Told(
        owner=owner["owner"] if owner else "",
        runbook_url=owner["runbook_url"] if owner else "",
        routes=routes,
        deliveries=deliveries,
        deliveries_omitted=deliveries_total - len(deliveries),
        timeline=tuple(timeline_entry(row) for row in reversed(timeline)),
        timeline_omitted=incident.event_count - len(timeline),
        changes=tuple(audit.entry_of(row) for row in reversed(changes)),
        changes_omitted=_total(changes) - len(changes),
    )


async def _routes(unit: Unit, incident: Incident) -> tuple[TellingRoute, ...]:
    parameters = {
        "incident_id": incident.id,
        "workspace_id": incident.workspace_id,
        "monitor_id": incident.monitor_id,
        "severity": incident.severity,
    }
    return tuple(TellingRoute(**row) for row in await unit.rows(SQL["routes"], parameters))


async def _deliveries(unit: Unit, incident_id: UUID) -> tuple[tuple[ToldDelivery, ...], int]:
    rows = await unit.rows(SQL["deliveries"], {"incident_id": incident_id, "limit": _DELIVERIES_MAX})
    attempts: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    for row in await unit.rows(SQL["attempts"], {"deliveries": [row["id"] for row in rows]}):
        delivery_id = row.pop("delivery_id")
        attempts[delivery_id].append(Attempt(**row))
    deliveries = tuple(_delivery(row, attempts[row["id"]]) for row in reversed(rows))
    return deliveries, _total(rows)


def _delivery(row: DictRow, attempts: list[Attempt]) -> ToldDelivery:
    return ToldDelivery(
        id=row["id"],
        route_id=row["route_id"],
        reason=DeliveryReason(row["reason"]),
        state=DeliveryState(row["state"]),
        created_at=row["created_at"],
        next_attempt_at=row["next_attempt_at"],
        attempt_count=row["attempt_count"],
        provider_id=row["provider_id"],
        request_id=row["request_id"],
        attempts=tuple(attempts),
    )


def _total(rows: list[DictRow]) -> int:
    return rows[0]["total"] if rows else 0
