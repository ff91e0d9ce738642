"""Composes an alert: what people and programs read of the same facts, as canonical JSON (docs/alerts.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from luota_svc.model.alerts import AlertFacts, FrozenPacket, ToldIncident
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentState
from luota_svc.model.monitors import Severity
from luota_svc.rules.alert_changes import change_fields
from luota_svc.rules.alert_steps import what_to_do
from luota_svc.rules.alert_subjects import line_of, subject_of
from luota_svc.rules.alert_text import Room, output_tail, text_of
from luota_svc.rules.alert_words import (
    NAME_MOST,
    broken_promise,
    clean,
    instant_of,
    one_line,
    run_of,
    signal_of,
)
from luota_svc.rules.canonical_json import canonical_json
from luota_svc.rules.incident_links import incident_url, packet_url
from luota_svc.rules.instants import instant_or_none, instant_text

Fields = dict[str, Any]

FORMAT: Final = "luota.alert/1"
# Beside the main one; what is more is counted.
FURTHER_MOST: Final = 200
# Of an alert about one incident: what receivers of webhooks take without being asked.
ALONE_BYTES_MAX: Final = 20 * 1024
# Of one that names two hundred; many receivers refuse what is above 100 kB.
BYTES_MAX: Final = 96 * 1024

# What an alert holds of others' words: as much as fits.
_ROOMS: Final = (Room(2_000, 1_000, 16, 5), Room(1_000, 400, 16, 5), Room(400, 200, 4, 5), Room(0, 80, 0, 1))
_OTHERS_MOST: Final = 200
_URL_MOST: Final = 2_048


def compose_alert(facts: AlertFacts) -> bytes:
    """Return the alert: the same bytes for the same facts, at most 20 KiB for one incident, 96 KiB for many.

    Where others wrote too much, their words are cut first, then the least grave further incidents are left out and
    counted. Never fails, whatever is missing.
    """
    alone = facts._replace(further=(), further_omitted=0)
    for room in _ROOMS:
        content = _encoded(alone, room)
        if len(content) <= ALONE_BYTES_MAX:
            break
    if facts != alone:
        content = _encoded(facts, room)
    while len(content) > BYTES_MAX and facts.further:
        kept = len(facts.further) * 9 // 10
        omitted = facts.further_omitted + len(facts.further) - kept
        facts = facts._replace(further=facts.further[:kept], further_omitted=omitted)
        content = _encoded(facts, room)
    return content


def last_good_at(packet: FrozenPacket | None) -> datetime | None:
    """Return when the last good signal before an incident came; None where there was none."""
    good = packet.parts.get("healthySignal") if packet else None
    return instant_of(good["receivedAt"]) if good else None


def _encoded(facts: AlertFacts, room: Room) -> bytes:
    incident = facts.incident
    return canonical_json(
        {
            "incidentId": str(incident.id) if incident else None,
            "subject": subject_of(facts),
            "text": text_of(facts, room),
            "monitorName": one_line(incident.monitor.name, NAME_MOST) if incident else None,
            "metadata": {**_delivery(facts), **_incident(facts), **_evidence(facts, room)},
        }
    ).encode()


def _delivery(facts: AlertFacts) -> Fields:
    delivery, route = facts.delivery, facts.failed_route
    return {
        "format": FORMAT,
        "reason": delivery.reason.value,
        "deliveryId": str(delivery.id),
        "workspaceId": str(delivery.workspace_id),
        "requestId": delivery.request_id,
        "route": {"id": str(delivery.route_id), "name": one_line(delivery.route_name, NAME_MOST)},
        "failedRoute": route
        and {
            "id": str(route.id),
            "name": one_line(route.name, NAME_MOST),
            "kind": route.kind,
            "error": one_line(route.error, 300) if route.error else "It did not say why",
            "since": instant_or_none(route.since),
        },
        "furtherIncidents": [_further(facts, incident) for incident in facts.further],
        "furtherIncidentsOmitted": facts.further_omitted,
    }


def _further(facts: AlertFacts, incident: ToldIncident) -> Fields:
    return {
        "incidentId": str(incident.id),
        "monitorName": one_line(incident.monitor.name, NAME_MOST),
        "kind": incident.kind.value,
        "severity": incident.severity.value,
        "state": incident.state.value,
        "subject": line_of(incident),
        "openedAt": instant_text(incident.opened_at),
        "resolvedAt": instant_or_none(incident.resolved_at),
        "url": incident_url(facts.public_url, incident.id),
    }


def _incident(facts: AlertFacts) -> Fields:
    incident = facts.incident
    nothing = Severity.INFO if facts.delivery.reason is DeliveryReason.TEST else Severity.ERROR
    resolved_at = incident.resolved_at if incident else None
    # An acknowledgement that ended counts no more.
    taken = incident is not None and incident.state is not IncidentState.OPEN
    return {
        "sequence": incident.sequence if incident else 1,
        "kind": incident.kind.value if incident else None,
        "state": incident.state.value if incident else None,
        "severity": (incident.severity if incident else nothing).value,
        "openedAt": instant_text(incident.opened_at) if incident else None,
        "acknowledgedAt": instant_or_none(incident.acknowledged_at) if incident and taken else None,
        "resolvedAt": instant_or_none(resolved_at),
        "durationSeconds": int((resolved_at - incident.opened_at).total_seconds())
        if incident and resolved_at
        else None,
        "occurrenceCount": incident.occurrence_count if incident else None,
        "firstWord": not facts.earlier.delivered,
    }


def _evidence(facts: AlertFacts, room: Room) -> Fields:
    incident, packet = facts.incident, facts.packet.parts if facts.packet else None
    good = (packet or {}).get("healthySignal")
    runbook = _url(incident.monitor.runbook_url) if incident else None
    return {
        "brokenPromise": f"{broken_promise(incident, packet)}." if incident else None,
        "whatToDo": what_to_do(facts),
        "lastGoodSignal": good and {name: good[name] for name in ("type", "receivedAt", "requestId")},
        "monitor": _monitor(incident, room) if incident else None,
        "run": _run(packet, room),
        "changes": [change_fields(change) for change in facts.changes[: room.changes]],
        "links": {
            "incident": incident_url(facts.public_url, incident.id) if incident else None,
            "packet": packet_url(facts.public_url, incident.id) if incident else None,
            "runbook": runbook,
        },
        "evidenceDigest": facts.packet.digest if facts.packet else None,
    }


def _monitor(incident: ToldIncident, room: Room) -> Fields:
    monitor = incident.monitor
    return {
        "id": str(monitor.id),
        "slug": monitor.slug,
        "name": one_line(monitor.name, NAME_MOST),
        "owner": one_line(monitor.owner, _OTHERS_MOST),
        "runbookUrl": _url(monitor.runbook_url),
        "environment": one_line(monitor.environment, _OTHERS_MOST),
        "promise": one_line(monitor.promise, room.words),
        "tags": dict(_tags(monitor.tags, room)),
    }


def _tags(tags: Mapping[str, str], room: Room) -> Iterator[tuple[str, str]]:
    for name in sorted(tags)[: room.tags]:
        yield one_line(name, _OTHERS_MOST), one_line(tags[name], min(room.words, 256))


def _run(packet: Mapping[str, Any] | None, room: Room) -> Fields | None:
    run, signal = run_of(packet), signal_of(packet)
    if run is None:
        return None
    return {
        "id": run["id"],
        "externalRunId": one_line(run["externalRunId"], _OTHERS_MOST),
        "state": run["state"],
        "startedAt": run["startedAt"],
        "summary": _short(run.get("summary") or signal.get("summary"), room.words),
        "exitCode": run.get("exitCode"),
        "outputTail": output_tail(packet, room)[0],
        "deploySha": _short(run.get("deploySha"), _OTHERS_MOST),
        "host": _short(run.get("host"), _OTHERS_MOST),
        "environment": _short(run.get("environment"), _OTHERS_MOST),
    }


def _short(text: str | None, most: int) -> str | None:
    return one_line(text, most) if text else None


def _url(text: str) -> str | None:
    """Return a link without blanks; None for none, and for one so long that nobody made it by hand."""
    line = "".join(clean(text).split())
    return line if 0 < len(line) <= _URL_MOST else None
