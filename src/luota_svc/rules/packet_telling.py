"""What an evidence packet tells beside its frozen parts: who was told and what to do next, and who did what since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from luota_svc.model.audit import AuditEntry
from luota_svc.model.delivery_reading import Attempt, Delivery
from luota_svc.model.incidents import AlertState, Incident, TimelineEntry, TimelineEvent
from luota_svc.model.packets import Packet, TellingRoute, Told
from luota_svc.rules.canonical_json import INTEGER_MAX, canonical_json, digest_of
from luota_svc.rules.delivery_telling import cleaned, next_action, next_action_of_alert, next_action_of_route
from luota_svc.rules.instants import instant_or_none
from luota_svc.rules.packet import FROZEN, text_or_none

Fields = dict[str, Any]

_ACKNOWLEDGING: Final = {TimelineEvent.ACKNOWLEDGED, TimelineEvent.ACKNOWLEDGEMENT_ENDED}


def compose(frozen: str | None, digest: bytes | None, incident: Incident, told: Told, url: str) -> Packet:
    """Return the packet as it stands now around what was frozen, with its own digest over the whole."""
    parts = json.loads(frozen) if frozen is not None else dict.fromkeys(FROZEN)
    document: Fields = {
        "incident": _incident(incident, url),
        **{name: parts[name] for name in FROZEN},
        "ownerRoute": _owner_route(incident.alert_state, told),
        "auditTrail": _audit_trail(told),
        "alertState": incident.alert_state.value,
        "evidenceDigest": digest.hex() if digest is not None else None,
    }
    document["exportDigest"] = digest_of(document).hex()
    return Packet(document, canonical_json(document))


def _incident(incident: Incident, url: str) -> Fields:
    return {
        "id": str(incident.id),
        "monitorId": str(incident.monitor_id),
        "kind": incident.kind.value,
        "state": incident.state.value,
        "severity": incident.severity,
        "openedAt": instant_or_none(incident.opened_at),
        "acknowledgedAt": instant_or_none(incident.acknowledged_at),
        "resolvedAt": instant_or_none(incident.resolved_at),
        "resolution": incident.resolution,
        "rootRunId": text_or_none(incident.root_run_id),
        "requestId": incident.request_id,
        "occurrenceCount": incident.occurrence_count,
        "previousIncidentId": text_or_none(incident.previous_incident_id),
        "alertState": incident.alert_state.value,
        "url": url,
        "version": incident.version,
        "reason": incident.reason,
        "expectedAt": instant_or_none(incident.expected_at),
        "deadlineAt": instant_or_none(incident.deadline_at),
        "acknowledgedUntil": instant_or_none(incident.acknowledged_until),
        "acknowledgedBy": incident.acknowledged_by,
        "assignee": incident.assignee,
        "muted": incident.muted,
        "tellAt": instant_or_none(incident.tell_at),
        "eventCount": incident.event_count,
    }


def _owner_route(alert_state: AlertState, told: Told) -> Fields:
    return {
        "owner": told.owner,
        "runbookUrl": told.runbook_url,
        "alertState": alert_state.value,
        "nextAction": next_action_of_alert(alert_state),
        "routes": [
            _route(route, [delivery for delivery in told.deliveries if delivery.route_id == route.id])
            for route in told.routes
        ],
        "deliveriesOmitted": told.deliveries_omitted,
    }


def _route(route: TellingRoute, deliveries: Sequence[Delivery]) -> Fields:
    return {
        "id": str(route.id),
        "name": route.name,
        "kind": route.kind,
        "state": route.state,
        "enabled": route.enabled and not route.deleted,
        "lastDeliveredAt": instant_or_none(route.last_delivered_at),
        "nextAction": next_action_of_route(deliveries),
        "deliveries": [_delivery(cleaned(delivery)) for delivery in deliveries],
    }


def _delivery(delivery: Delivery) -> Fields:
    return {
        "id": str(delivery.id),
        "reason": delivery.reason.value,
        "state": delivery.state.value,
        "createdAt": instant_or_none(delivery.created_at),
        "attemptCount": delivery.attempt_count,
        "nextAttemptAt": instant_or_none(delivery.next_attempt_at),
        "providerId": delivery.provider_id,
        "requestId": delivery.request_id,
        "error": delivery.error,
        "settledAt": instant_or_none(delivery.settled_at),
        "replayOf": text_or_none(delivery.replay_of),
        "nextAction": next_action(delivery),
        "attempts": [_attempt(attempt) for attempt in delivery.attempts],
    }


def _attempt(attempt: Attempt) -> Fields:
    return {
        "number": attempt.number,
        "startedAt": instant_or_none(attempt.started_at),
        "durationMs": attempt.duration_ms,
        "outcome": attempt.outcome,
        "httpStatus": attempt.http_status,
        "providerId": attempt.provider_id,
        "error": attempt.error,
        "retryAfterSeconds": attempt.retry_after_seconds,
        "late": attempt.late,
    }


def _audit_trail(told: Told) -> Fields:
    timeline = [_entry(entry) for entry in told.timeline]
    return {
        "timeline": timeline,
        "timelineOmitted": told.timeline_omitted,
        "acknowledgements": [entry for entry in timeline if entry["event"] in _ACKNOWLEDGING],
        "changes": [_change(entry) for entry in told.changes],
        "changesOmitted": told.changes_omitted,
    }


def _entry(entry: TimelineEntry) -> Fields:
    return {
        "number": entry.number,
        "event": entry.event.value,
        "at": instant_or_none(entry.at),
        "actor": entry.actor,
        "requestId": entry.request_id,
        "runId": text_or_none(entry.run_id),
        "signalId": text_or_none(entry.signal_id),
        "occurrenceNumber": entry.occurrence_number,
        "detail": entry.detail,
    }


def _change(entry: AuditEntry) -> Fields:
    """Tell who changed what; of the values only those that differ."""
    before, after = entry.before or {}, entry.after or {}
    differing = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return {
        "at": instant_or_none(entry.at),
        "actor": entry.actor.name,
        "action": entry.action,
        "targetId": entry.target_id,
        "requestId": entry.request_id,
        "before": {name: _plain(before[name]) for name in differing if name in before},
        "after": {name: _plain(after[name]) for name in differing if name in after},
    }


def _plain(value: Any) -> Any:
    """Return a kept value as canonical JSON can hold it: a number that is none of its own becomes a text."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > INTEGER_MAX):
        return str(value)
    return value
