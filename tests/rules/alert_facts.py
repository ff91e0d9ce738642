"""Facts as the use case reads them, for composing alerts of: a night in Helsinki that went wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from luota_svc.model.alerts import AlertFacts, FrozenPacket, ToldIncident, ToldMonitor, Uncomposed
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentKind, IncidentReason, IncidentState
from luota_svc.model.monitors import Severity, SignalRef
from luota_svc.model.packets import BadSignal, Opening, Promise, RootRun
from luota_svc.rules.packet import freeze

NIGHT = datetime(2026, 5, 25, tzinfo=UTC)
ZONE = "Europe/Helsinki"
REASONS = {
    IncidentKind.FAILED: IncidentReason.FAILURES,
    IncidentKind.MISSED: IncidentReason.NO_SIGNAL,
    IncidentKind.LATE: IncidentReason.NO_SIGNAL,
    IncidentKind.SLOW: IncidentReason.TOO_LONG,
    IncidentKind.FAST: IncidentReason.TOO_SHORT,
    IncidentKind.STUCK: IncidentReason.NO_SIGN_OF_LIFE,
    IncidentKind.STALE: IncidentReason.TOO_OLD,
}


def id_of(number: int) -> UUID:
    """Return an id that is easy to read."""
    return UUID(f"0197b2c4-0000-7000-8000-{number:012x}")


def at(text: str) -> datetime:
    """Return an instant of that night or the day before: `24 23:05` UTC, seconds if they matter."""
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2026-05-{day}T{clock}Z")


MONITOR = ToldMonitor(
    id=id_of(0xC1),
    slug="nightly-backup",
    name="nightly-backup",
    owner="Data platform, +358 40 123 4567",
    runbook_url="https://wiki.example.org/runbooks/nightly-backup",
    environment="production",
    promise="Every night by 03:00 the database stands in cold storage.",
    tags={"team": "data"},
    timezone=ZONE,
)
GOOD = SignalRef(id_of(0x51), "success", at("23 23:12:09"), "req-01JZ0000000000000000000000", id_of(0xE0))


def promise(**settings: Any) -> Promise:
    """Return the monitor as it stood: nightly at 02:00 in Helsinki, which is 23:00 UTC."""
    values: dict[str, Any] = {
        **dict.fromkeys(Promise._fields),
        "slug": MONITOR.slug, "name": MONITOR.name, "kind": "run", "schedule_cron": "0 2 * * *",
        "schedule_timezone": ZONE, "grace_seconds": 300, "failure_threshold": 1, "recovery_threshold": 1,
        "remind_every_seconds": 0, "severity": "critical", "owner": MONITOR.owner, "runbook_url": MONITOR.runbook_url,
        "environment": "production", "promise": MONITOR.promise, "tags": {"team": "data"}, "version": 1,
        "last_good_signal": GOOD,
    }  # fmt: skip
    return Promise(**{**values, **settings})


def run(**words: Any) -> RootRun:
    """Return the run of that night, still running where nothing else is said."""
    values: dict[str, Any] = {
        **dict.fromkeys(RootRun._fields),
        "id": id_of(0xE1), "external_run_id": "backup-2026-05-25", "state": "running", "started_at": at("24 23:00:03"),
        "received_at": at("24 23:00:03"), "last_sign_at": at("24 23:00:03"), "timeout_at": at("25 23:00:03"),
        "deploy_sha": "9f2c41d", "host": "backup-7c9d8", "environment": "production", "tags": {}, "notes": [],
        "request_id": "req-01JZ0000000000000000000001",
    }  # fmt: skip
    return RootRun(**{**values, **words})


def signal(**words: Any) -> BadSignal:
    """Return the signal that broke the promise."""
    values: dict[str, Any] = {
        **dict.fromkeys(BadSignal._fields),
        "id": id_of(0x52), "type": "finish", "received_at": at("25 00:07:41"), "tags": {}, "notes": [],
        "request_id": "req-01JZ0000000000000000000002",
    }  # fmt: skip
    return BadSignal(**{**values, **words})


def failure(**words: Any) -> dict[str, Any]:
    """Return what broke where a run failed: its signal and its run."""
    said = {"summary": "Upload stopped after 41 of 96 GiB", "exit_code": 1, **words}
    output = said.pop("output", "23:58:02 part 412 of 960 sent\n23:58:40 part 413: 403 Forbidden <AccessDenied>\n")
    ended = run(state="failed", finished_at=at("25 00:07:41"), duration_ms=4_058_000, **said)
    return {"bad_signal": signal(output=output, **said), "run": ended}


def packet(incident: ToldIncident, settings: Promise | None = None, **words: Any) -> FrozenPacket:
    """Return what the incident froze, as the fold freezes it."""
    deadline = words.pop("deadline_at", None)
    opening = Opening(
        incident_id=incident.id,
        workspace_id=id_of(0xB1),
        monitor_id=incident.monitor.id,
        kind=incident.kind,
        severity=incident.severity,
        reason=incident.reason,
        opened_at=incident.opened_at,
        request_id=None,
        previous_incident_id=None,
        expected_at=incident.expected_at,
        deadline_at=deadline,
        promise=settings or promise(),
        good_signal=words.pop("good_signal", GOOD),
        bad_signal=words.pop("bad_signal", None),
        run=words.pop("run", None),
        gaps=(),
    )
    assert not words
    frozen = freeze(opening)
    return FrozenPacket(json.loads(frozen.frozen), frozen.digest.hex())


def incident(kind: IncidentKind, number: int = 0xA1, **words: Any) -> ToldIncident:
    """Return an incident that opened at 02:05:01 in Helsinki."""
    values: dict[str, Any] = {
        **dict.fromkeys(ToldIncident._fields),
        "id": id_of(number), "kind": kind, "state": IncidentState.OPEN, "severity": Severity.CRITICAL,
        "reason": REASONS[kind], "opened_at": at("24 23:05:01"), "occurrence_count": 1, "sequence": 1,
        "monitor": MONITOR,
    }  # fmt: skip
    return ToldIncident(**{**values, **words})


def delivery(reason: DeliveryReason = DeliveryReason.OPENED, **words: Any) -> Uncomposed:
    """Return a delivery to the on-call route."""
    values: dict[str, Any] = {
        "id": id_of(0xD1), "workspace_id": id_of(0xB1), "route_id": id_of(0xF1), "route_name": "On-call by e-mail",
        "reason": reason, "created_at": at("24 23:05:01"), "request_id": "req-01JZ0000000000000000000002",
        "about_route_id": None,
    }  # fmt: skip
    return Uncomposed(**{**values, **words})


def facts(told: ToldIncident | None = None, reason: DeliveryReason = DeliveryReason.OPENED, **words: Any) -> AlertFacts:
    """Return what an alert is made of, a second after the incident opened."""
    now = words.pop("now", told.opened_at + timedelta(seconds=1) if told else NIGHT)
    return AlertFacts(delivery(reason), now, "https://luota.example.org", incident=told, **words)


def missed_backup(**words: Any) -> tuple[ToldIncident, FrozenPacket]:
    """Return a run that never started, and its packet."""
    told = incident(IncidentKind.LATE, expected_at=at("24 23:00"), **words)
    return told, packet(told, deadline_at=at("24 23:05"))
