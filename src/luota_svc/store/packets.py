"""Evidence packets as rows: what was frozen, and who was told and did what since."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.incidents import Incident
from luota_svc.model.packets import TellingRoute, Told
from luota_svc.store import audit, delivery_reading
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
    deliveries, deliveries_total = await delivery_reading.newest_of_incident(unit, incident_id, _DELIVERIES_MAX)
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
        deliveries=tuple(reversed(deliveries)),
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


def _total(rows: list[DictRow]) -> int:
    return rows[0]["total"] if rows else 0
