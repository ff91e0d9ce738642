"""What an evidence packet freezes when an incident opens, as plain JSON values in their public spelling. Pure."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.monitors import SignalRef
from luota_svc.model.packets import BadSignal, NewPacket, Opening, Promise, RootRun
from luota_svc.rules.canonical_json import canonical_json
from luota_svc.rules.instants import instant_or_none, instant_text
from luota_svc.rules.monitor_settings import plain_settings

Fields = dict[str, Any]

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


def text_or_none(value: object) -> str | None:
    """Return an id as text, None for none."""
    return None if value is None else str(value)


def why(opening: Opening) -> str:
    """Say in a sentence why this was a breach of the promise at that instant, from the settings as they were."""
    settings, deadline = opening.promise, instant_or_none(opening.deadline_at)
    never = ", and nothing has ever been heard" if opening.reason == IncidentReason.NEVER_REPORTED else ""
    match opening.kind:
        case IncidentKind.MISSED | IncidentKind.LATE:
            return (
                f"Expected at {instant_or_none(opening.expected_at)} by {_schedule_words(settings)}; with graceSeconds"
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
        "openedAt": instant_or_none(opening.opened_at),
        "requestId": opening.request_id,
        "rootRunId": str(opening.run.id) if opening.run else None,
        "previousIncidentId": text_or_none(opening.previous_incident_id),
    }


def _promise(opening: Opening) -> Fields:
    settings = opening.promise
    return {
        **plain_settings(settings),
        "kind": settings.kind,
        "schedule": _schedule(settings),
        "severity": settings.severity,
        "tags": settings.tags,
        "version": settings.version,
        "expectedAt": instant_or_none(opening.expected_at),
        "deadlineAt": instant_or_none(opening.deadline_at),
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


def _reference(signal: SignalRef | None) -> Fields | None:
    if signal is None:
        return None
    return {
        "signalId": str(signal.signal_id),
        "type": signal.type,
        "receivedAt": instant_or_none(signal.received_at),
        "requestId": signal.request_id,
        "runId": text_or_none(signal.run_id),
    }


def _bad_day(opening: Opening) -> Fields:
    """Tell what was bad: a signal's own words, or that none came, with what had been heard and when nobody listened."""
    run = _run(opening.run) if opening.run else None
    if opening.bad_signal is not None:
        return {"what": "signal", "signal": _signal(opening.bad_signal), "run": run}
    what = "still_running" if opening.kind is IncidentKind.SLOW else "silence"
    return {
        "what": what,
        "expectedAt": instant_or_none(opening.expected_at),
        "deadlineAt": instant_or_none(opening.deadline_at),
        "lastSignal": _reference(opening.promise.last_signal),
        "gaps": [{"startedAt": instant_text(at), "endedAt": instant_text(end)} for at, end in opening.gaps],
        "run": run,
    }


def _signal(signal: BadSignal) -> Fields:
    return {
        "id": str(signal.id),
        "type": signal.type,
        "receivedAt": instant_or_none(signal.received_at),
        "occurredAt": instant_or_none(signal.occurred_at),
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
        "startedAt": instant_or_none(run.started_at),
        "receivedAt": instant_or_none(run.received_at),
        "lastSignAt": instant_or_none(run.last_sign_at),
        "timeoutAt": instant_or_none(run.timeout_at),
        "finishedAt": instant_or_none(run.finished_at),
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
