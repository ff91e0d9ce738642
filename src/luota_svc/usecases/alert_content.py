"""Freezes what deliveries tell, when they are first claimed; from then on every attempt sends the same bytes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from luota_svc.model.alerts import AlertFacts, EarlierWords, FrozenPacket, MadeChange, ToldIncident, Uncomposed
from luota_svc.model.incidents import IncidentState
from luota_svc.rules.alert import FURTHER_MOST, compose_alert, last_good_at
from luota_svc.rules.routing import EXPIRES_AFTER
from luota_svc.store import alert_facts
from luota_svc.store.alert_facts import ChangeRow, ToldIncidents
from luota_svc.store.database import Unit
from luota_svc.telemetry import names
from luota_svc.usecases.installation import Installation

_CHANGES_SHOWN: Final = 5
# What was changed earlier than this before an incident opened has not broken it.
_CHANGES_BEFORE: Final = timedelta(days=31)
_LOG = logging.getLogger(__name__)
_NONE: Final = ToldIncidents((), 0)


async def freeze_contents(at: Installation, unit: Unit, deliveries: Sequence[Uncomposed]) -> dict[UUID, bytes]:
    """Return by delivery id the bytes that it is to tell: canonical JSON (docs/alerts.md).

    Reads, and locks nothing; a handful of statements, however many deliveries. Every delivery gets its content, also
    one whose incidents are kept no more.
    """
    now = at.clock.now()
    told = await alert_facts.incidents(unit, deliveries, FURTHER_MOST + 1)
    mains = {key: found.incidents[0] for key, found in told.items()}
    incident_ids = {incident.id for incident in mains.values()}
    packets = _readable(await alert_facts.packets(unit, incident_ids) if incident_ids else {})
    changes = await _changes(unit, deliveries, mains, packets)
    earlier = await alert_facts.earlier_words(
        unit, [(delivery, mains[delivery.id].id) for delivery in deliveries if delivery.id in mains]
    )
    ended = {incident.id for incident in mains.values() if incident.state is IncidentState.RESOLVED}
    endings = await alert_facts.endings(unit, ended) if ended else {}
    about = {delivery.about_route_id for delivery in deliveries if delivery.about_route_id is not None}
    # What was made before has expired.
    failed = await alert_facts.failed_routes(unit, about, now - EXPIRES_AFTER) if about else {}
    contents = {}
    for delivery in deliveries:
        main, found = mains.get(delivery.id), told.get(delivery.id, _NONE)
        facts = AlertFacts(
            delivery=delivery,
            now=now,
            public_url=at.public_url,
            incident=main,
            packet=packets.get(main.id) if main else None,
            changes=changes.get(delivery.id, ()),
            earlier=earlier.get(delivery.id, EarlierWords(delivered=False, failed=False)),
            ending=endings.get(main.id) if main else None,
            further=found.incidents[1:],
            further_omitted=found.omitted,
            failed_route=failed.get(delivery.about_route_id) if delivery.about_route_id else None,
        )
        contents[delivery.id] = _composed(facts)
    return contents


def _readable(packets: Mapping[UUID, FrozenPacket]) -> dict[UUID, FrozenPacket]:
    """Leave out packets that can't be read: another release may have frozen them."""
    readable = {}
    for incident_id, packet in packets.items():
        try:
            last_good_at(packet)
        except Exception:  # noqa: BLE001 - as in _composed
            _LOG.exception(names.LOG_ALERT_REDUCED, extra={"incident_id": str(incident_id)})
        else:
            readable[incident_id] = packet
    return readable


def _composed(facts: AlertFacts) -> bytes:
    """Compose an alert; where that fails, one that tells less: nobody else's may wait for what is wrong with it."""
    try:
        return compose_alert(facts)
    except Exception:  # noqa: BLE001 - whatever it is, it would fail every claim, and no alert would go any more
        _LOG.exception(names.LOG_ALERT_REDUCED, extra={"delivery_id": str(facts.delivery.id)})
    return compose_alert(facts._replace(packet=None, changes=(), ending=None))


async def _changes(
    unit: Unit,
    deliveries: Sequence[Uncomposed],
    mains: Mapping[UUID, ToldIncident],
    packets: Mapping[UUID, FrozenPacket],
) -> dict[UUID, tuple[MadeChange, ...]]:
    """Return by delivery what was changed since the last good signal, newest first."""
    if not mains:
        return {}
    homes = {delivery.id: delivery.workspace_id for delivery in deliveries}
    since = {key: _changes_since(incident, packets.get(incident.id)) for key, incident in mains.items()}
    monitor_ids = {incident.monitor.id for incident in mains.values()}
    rows = await alert_facts.changes(unit, {homes[key] for key in mains}, monitor_ids, min(since.values()))
    return {
        key: tuple(row.change for row in rows if _concerns(row, homes[key], incident, since[key]))[:_CHANGES_SHOWN]
        for key, incident in mains.items()
    }


def _changes_since(incident: ToldIncident, packet: FrozenPacket | None) -> datetime:
    earliest = incident.opened_at - _CHANGES_BEFORE
    return max(last_good_at(packet) or earliest, earliest)


def _concerns(row: ChangeRow, workspace_id: UUID, incident: ToldIncident, since: datetime) -> bool:
    return row.workspace_id == workspace_id and row.monitor_id in {None, incident.monitor.id} and row.change.at >= since
