"""What an evidence packet freezes when an incident opens, as plain JSON values in their public spelling. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.packets import BadSignal, Heard, NewPacket, Opening, Promise, RootRun
from luota_svc.rules.canonical_json import canonical_json

Fields = dict[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FORMAT: Final = "luota.packet/1"
# The members of a packet that its evidence digest is over: all that is frozen.
FROZEN: Final = ("identity", "promise", "healthySignal", "badDaySignal")


def freeze(opening: Opening) -> NewPacket:
    """Return the packet of an incident that opens: its canonical text and the SHA-256 of that."""
    text = canonical_json(
        {
            "identity": _identity(opening),
            "promise": _promise(opening),
            "healthySignal": _reference(opening.good_signal),
            "badDaySignal": _bad_day(opening),
        }
    )
    return NewPacket(opening.incident_id, text, hashlib.sha256(text.encode()).digest())


def instant(at: datetime | None) -> str | None:
    """Return `2026-05-25T12:00:00.000Z`, None for none."""
    if at is None:
        return None
    since = at - _EPOCH
    return f"{_second(since.days, since.seconds)}.{since.microseconds // 1_000:03d}Z"


@lru_cache(maxsize=4_096)
def _second(days: int, seconds: int) -> str:
    """Return an instant of the epoch without its fraction; a packet's instants share a few seconds."""
    return (_EPOCH + timedelta(days=days, seconds=seconds)).isoformat()[:19]


def text_or_none(value: object) -> str | None:
    """Return an id as text, None for none."""
    return None if value is None else str(value)


def why(opening: Opening) -> str:
    """Say in a sentence why this was a breach of the promise at that instant, from the settings as they were."""
    settings, deadline = opening.promise, instant(opening.deadline_at)
    never = ", and nothing has ever been heard" if opening.reason == IncidentReason.NEVER_REPORTED else ""
    match opening.kind:
        case IncidentKind.MISSED | IncidentKind.LATE:
            return (
                f"Expected at {instant(opening.expected_at)} by {_schedule_words(settings)}; with graceSeconds"
                f" {settings.grace_seconds} the deadline was {deadline}, and nothing had come by then{never}"
            )
        case IncidentKind.STALE:
            return f"Nothing newer than maxAgeSeconds {settings.max_age_seconds} had come by {deadline}{never}"
        case IncidentKind.SLOW:
            return f"The run took longer than maxDurationSeconds {settings.max_duration_seconds}"
        case IncidentKind.FAST:
            return f"The run was shorter than minDurationSeconds {settings.min_duration_seconds}"
        case IncidentKind.STUCK if opening.reason == IncidentReason.EXPIRED:
            return f"The run was not closed before its timeout at {deadline}"
        case IncidentKind.STUCK:
            bound = settings.stuck_after_seconds
            limit = f"stuckAfterSeconds {bound}" if bound is not None else "the default of stuckAfterSeconds"
            return f"The run showed no sign of life; by {limit} the deadline was {deadline}"
        case IncidentKind.FAILED:
            return f"Failures in a row reached failureThreshold {settings.failure_threshold}"


def _identity(opening: Opening) -> Fields:
    return {
        "format": FORMAT,
        "incidentId": str(opening.incident_id),
        "workspaceId": str(opening.workspace_id),
        "monitorId": str(opening.monitor_id),
        "kind": opening.kind.value,
        "severity": opening.severity.value,
        "reason": opening.reason,
        "openedAt": instant(opening.opened_at),
        "requestId": opening.request_id,
        "rootRunId": str(opening.run.id) if opening.run else None,
        "previousIncidentId": text_or_none(opening.previous_incident_id),
    }


def _promise(opening: Opening) -> Fields:
    settings = opening.promise
    return {
        "slug": settings.slug,
        "name": settings.name,
        "kind": settings.kind,
        "schedule": _schedule(settings),
        "graceSeconds": settings.grace_seconds,
        "earlyToleranceSeconds": settings.early_tolerance_seconds,
        "maxAgeSeconds": settings.max_age_seconds,
        "maxDurationSeconds": settings.max_duration_seconds,
        "minDurationSeconds": settings.min_duration_seconds,
        "stuckAfterSeconds": settings.stuck_after_seconds,
        "timeoutSeconds": settings.timeout_seconds,
        "failureThreshold": settings.failure_threshold,
        "recoveryThreshold": settings.recovery_threshold,
        "remindEverySeconds": settings.remind_every_seconds,
        "severity": settings.severity,
        "owner": settings.owner,
        "runbookUrl": settings.runbook_url,
        "environment": settings.environment,
        "promise": settings.promise,
        "tags": settings.tags,
        "version": settings.version,
        "expectedAt": instant(opening.expected_at),
        "deadlineAt": instant(opening.deadline_at),
        "why": why(opening),
    }


def _schedule(settings: Promise) -> Fields | None:
    if settings.schedule_cron is not None:
        return {"cron": settings.schedule_cron, "timezone": settings.schedule_timezone}
    if settings.interval_seconds is not None:
        return {"intervalSeconds": settings.interval_seconds}
    return None


def _schedule_words(settings: Promise) -> str:
    if settings.schedule_cron is not None:
        return f"cron {settings.schedule_cron} in {settings.schedule_timezone}"
    return f"intervalSeconds {settings.interval_seconds}"


def _reference(signal: Heard | None) -> Fields | None:
    if signal is None:
        return None
    return {
        "signalId": signal.signal_id,
        "type": signal.type,
        "receivedAt": instant(signal.received_at),
        "requestId": signal.request_id,
        "runId": signal.run_id,
    }


def _bad_day(opening: Opening) -> Fields:
    """Tell what was bad: a signal's own words, or that none came, with what had been heard and when nobody listened."""
    run = _run(opening.run) if opening.run else None
    if opening.bad_signal is not None:
        return {"what": "signal", "signal": _signal(opening.bad_signal), "run": run}
    what = "still_running" if opening.kind is IncidentKind.SLOW else "silence"
    return {
        "what": what,
        "expectedAt": instant(opening.expected_at),
        "deadlineAt": instant(opening.deadline_at),
        "lastSignal": _reference(opening.promise.last_signal),
        "gaps": [{"startedAt": instant(gap.started_at), "endedAt": instant(gap.ended_at)} for gap in opening.gaps],
        "run": run,
    }


def _signal(signal: BadSignal) -> Fields:
    return {
        "id": str(signal.id),
        "type": signal.type,
        "receivedAt": instant(signal.received_at),
        "occurredAt": instant(signal.occurred_at),
        "requestId": signal.request_id,
        "callerRequestId": signal.caller_request_id,
        "summary": signal.summary,
        "exitCode": signal.exit_code,
        "output": signal.output,
        "payload": signal.payload,
        "deploySha": signal.deploy_sha,
        "host": signal.host,
        "environment": signal.environment,
        "tags": signal.tags,
        "notes": signal.notes,
    }


def _run(run: RootRun) -> Fields:
    return {
        "id": str(run.id),
        "externalRunId": run.external_run_id,
        "state": run.state,
        "startedAt": instant(run.started_at),
        "receivedAt": instant(run.received_at),
        "lastSignAt": instant(run.last_sign_at),
        "timeoutAt": instant(run.timeout_at),
        "finishedAt": instant(run.finished_at),
        "durationMs": run.duration_ms,
        "summary": run.summary,
        "exitCode": run.exit_code,
        "deploySha": run.deploy_sha,
        "host": run.host,
        "environment": run.environment,
        "tags": run.tags,
        "notes": run.notes,
        "requestId": run.request_id,
        "closeRequestId": run.close_request_id,
    }
