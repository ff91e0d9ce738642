"""What an alert calls things: instants in two clocks, lines without surprises, and what each kind of incident means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from luota_svc.model.alerts import ToldIncident
from luota_svc.model.incidents import IncidentKind, IncidentReason, IncidentState
from luota_svc.rules.durations import in_words
from luota_svc.rules.redaction import redact_text

Fields = Mapping[str, Any]

NAME_MOST: Final = 80
_ID_MOST: Final = 60
# Colours and cursor moves of a terminal; then controls, line ends, what turns the direction of writing round.
_TERMINAL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_HEARD_NEVER: Final = IncidentReason.NEVER_REPORTED


def clean(text: str) -> str:
    """Return lines of text that are safe to show anywhere: no secret, no terminal code, no control character."""
    shown = _TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return redact_text(_UNPRINTABLE.sub("", shown))[0]


def one_line(text: str, most: int) -> str:
    """Return text as one line of at most `most` characters; a longer one ends in an ellipsis."""
    line = " ".join(clean(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def instant_of(text: str | None) -> datetime | None:
    """Return the instant that a frozen text spells."""
    return None if text is None else datetime.fromisoformat(text)


def when(at: datetime, zone: str) -> str:
    """Return an instant with its date: `2026-05-25 02:05 Europe/Helsinki (2026-05-24 23:05 UTC)`."""
    local, utc = at.astimezone(_zone(zone)), at.astimezone(UTC)
    if _plain(zone):
        return f"{utc:%Y-%m-%d %H:%M} UTC"
    return f"{local:%Y-%m-%d %H:%M} {zone} ({_beside(utc, local)} UTC)"


def clock(at: datetime, zone: str, *, seen_from: datetime) -> str:
    """Return an instant by the clock: `02:00 Europe/Helsinki (23:00 UTC)`; with its date where that is another."""
    local = at.astimezone(_zone(zone))
    if local.date() != seen_from.astimezone(_zone(zone)).date():
        return when(at, zone)
    utc = at.astimezone(UTC)
    return f"{utc:%H:%M} UTC" if _plain(zone) else f"{local:%H:%M} {zone} ({utc:%H:%M} UTC)"


def brief(incident: ToldIncident, packet: Fields | None) -> str:
    """Return what happened in a few words, for a subject: `never started (late)`."""
    bad = _bad_signal(packet)
    match incident.kind:
        case IncidentKind.FAILED:
            if (threshold := _setting(packet, "failureThreshold", 1)) > 1:
                return f"failed {threshold} times in a row"
            exit_code = bad.get("exitCode")
            return "failed" if not exit_code else f"failed with exit code {exit_code}"
        case IncidentKind.MISSED:
            return "never heard (missed)" if incident.reason == _HEARD_NEVER else "no ping (missed)"
        case IncidentKind.LATE:
            return "never started (late)"
        case IncidentKind.SLOW:
            return "took too long (slow)" if bad else "takes too long (slow)"
        case IncidentKind.FAST:
            return "finished too soon (fast)"
        case IncidentKind.STUCK:
            return "ran out of time (stuck)" if incident.reason == IncidentReason.EXPIRED else "no sign of life (stuck)"
        case IncidentKind.STALE:
            return "no fresh data (stale)"


def broken_promise(incident: ToldIncident, packet: Fields | None) -> str:
    """Return in one sentence, without a full stop, which promise broke and by how much."""
    match incident.kind:
        case IncidentKind.FAILED:
            return _failed(packet)
        case IncidentKind.MISSED if incident.reason == _HEARD_NEVER:
            return f"Never heard: no ping has ever come; the first was {_due(incident, packet)}"
        case IncidentKind.MISSED:
            return f"No ping: {_due(incident, packet)}"
        case IncidentKind.LATE if incident.reason == _HEARD_NEVER:
            return f"Never started: no run has ever come; the first was {_due(incident, packet)}"
        case IncidentKind.LATE:
            return f"Never started: {_due(incident, packet)}"
        case IncidentKind.SLOW:
            return _slow(packet)
        case IncidentKind.FAST:
            return _fast(packet)
        case IncidentKind.STUCK:
            return _stuck(incident, packet)
        case IncidentKind.STALE:
            return _stale(incident, packet)


def next_step(incident: ToldIncident, packet: Fields | None) -> str:
    """Return what to do, and what ends the incident by itself."""
    host = (run_of(packet) or {}).get("host")
    on = f" on {one_line(host, _ID_MOST)}" if host else ""
    match incident.kind:
        case IncidentKind.FAILED:
            runs = _setting(packet, "recoveryThreshold", 1)
            ends = "The next success ends this" if runs == 1 else f"{runs} successes in a row end this"
            return f"Mend why it failed, then run it again{on}. {ends}."
        case IncidentKind.MISSED:
            return "See whether the sender lives and reaches Luota (network, key). A ping ends this."
        case IncidentKind.LATE:
            return "See why nothing starts it (scheduler, host, key), or start it by hand: that ends this."
        case IncidentKind.SLOW:
            look = "See what took it so long" if _bad_signal(packet) else "See what it waits for"
            return f"{look}{on}. The next run that is in time ends this."
        case IncidentKind.FAST:
            return f"See whether it did its work{on}. The next run of a plausible length ends this."
        case IncidentKind.STUCK:
            return f"See whether it still runs{on}; else start it again. Its next word, or a success, ends this."
        case IncidentKind.STALE:
            return "See why no new data comes, or why nobody reports it. A fresh enough ping ends this."


def run_of(packet: Fields | None) -> Fields | None:
    """Return the run that the incident is about, as it stood."""
    run: Fields | None = (packet or {}).get("badDaySignal", {}).get("run")
    return run


def signal_of(packet: Fields | None) -> Fields:
    """Return the signal that broke the promise; empty where it was silence."""
    return _bad_signal(packet)


def run_name(run: Fields | None) -> str:
    """Return what a run is called in a sentence."""
    return f"run {one_line(run['externalRunId'], _ID_MOST)}" if run else "the run"


def _failed(packet: Fields | None) -> str:
    exit_code = _bad_signal(packet).get("exitCode")
    ended = "reported a failure" if not exit_code else f"ended with exit code {exit_code}"
    run = run_of(packet)
    name = run_name(run) if run else "a run"
    threshold = _setting(packet, "failureThreshold", 1)
    return f"Failed{f' {threshold} times in a row' if threshold > 1 else ''}: {name} {ended}"


def _due(incident: ToldIncident, packet: Fields | None) -> str:
    """Return when something was due: `due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min`."""
    if incident.expected_at is None:
        return "due before now"
    settings = _settings(packet)
    interval = (settings.get("schedule") or {}).get("intervalSeconds")
    every = "" if interval is None else f", one every {in_words(interval, exact=True)}"
    grace = f", grace {in_words(settings['graceSeconds'], exact=True)}" if settings.get("graceSeconds") else ""
    due = clock(incident.expected_at, incident.monitor.timezone, seen_from=incident.opened_at)
    return f"due {due}{every}{grace}"


def _slow(packet: Fields | None) -> str:
    run, allowed = run_of(packet), _allowed(packet, "maxDurationSeconds")
    if not _bad_signal(packet):
        return f"Slow: {run_name(run)} is still running{allowed and f' after the {allowed} that it may take'}"
    took = run["durationMs"] if run else None
    length = "too long" if took is None else in_words(took / 1_000)
    return f"Slow: {run_name(run)} took {length}{allowed and f', at most {allowed} is allowed'}"


def _fast(packet: Fields | None) -> str:
    run, allowed = run_of(packet), _allowed(packet, "minDurationSeconds")
    took = run["durationMs"] if run else None
    length = "too short a time" if took is None else in_words(took / 1_000)
    return f"Fast: {run_name(run)} took only {length}{allowed and f', at least {allowed} is plausible'}"


def _stuck(incident: ToldIncident, packet: Fields | None) -> str:
    run = run_of(packet)
    if run is None:
        return "Stuck: a run shows no sign of life"
    zone, deadline = incident.monitor.timezone, instant_of(_settings(packet).get("deadlineAt"))
    if incident.reason == IncidentReason.EXPIRED:
        begun, limit = instant_of(run["receivedAt"]), instant_of(run["timeoutAt"])
        assert begun is not None
        assert limit is not None
        started = clock(begun, zone, seen_from=incident.opened_at)
        return f"Stuck: {run_name(run)} never ended: it started {started}; {in_words(limit - begun)} was allowed"
    last = instant_of(run["lastSignAt"])
    assert last is not None
    since = clock(last, zone, seen_from=incident.opened_at)
    allowed = f", {in_words(deadline - last)} is allowed" if deadline is not None else ""
    return f"Stuck: no sign of life from {run_name(run)} since {since}{allowed}"


def _stale(incident: ToldIncident, packet: Fields | None) -> str:
    settings, zone = _settings(packet), incident.monitor.timezone
    age, deadline = settings.get("maxAgeSeconds"), instant_of(settings.get("deadlineAt"))
    if age is None or deadline is None:
        return "Stale: nothing new has come for too long"
    allowed = in_words(age, exact=True)
    if incident.reason == _HEARD_NEVER:
        return f"Stale: no data has ever come; the first was due {clock(deadline, zone, seen_from=incident.opened_at)}"
    newest = clock(deadline - timedelta(seconds=age), zone, seen_from=incident.opened_at)
    return f"Stale: nothing newer than {newest}; at most {allowed} old is allowed"


def _allowed(packet: Fields | None, name: str) -> str:
    seconds = _settings(packet).get(name)
    return "" if seconds is None else in_words(seconds, exact=True)


def _setting(packet: Fields | None, name: str, otherwise: int) -> int:
    value = _settings(packet).get(name)
    return value if isinstance(value, int) else otherwise


def _settings(packet: Fields | None) -> Fields:
    return (packet or {}).get("promise") or {}


def _bad_signal(packet: Fields | None) -> Fields:
    return (packet or {}).get("badDaySignal", {}).get("signal") or {}


def _plain(zone: str) -> bool:
    return zone == "UTC" or _zone(zone).key == "UTC"


def _zone(name: str) -> ZoneInfo:
    """Return a zone; UTC for one that this machine knows no more."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return ZoneInfo("UTC")


def _beside(utc: datetime, local: datetime) -> str:
    return f"{utc:%H:%M}" if utc.date() == local.date() else f"{utc:%Y-%m-%d %H:%M}"


def stands(incident: ToldIncident) -> bool:
    """Tell whether an incident is not over."""
    return incident.state is not IncidentState.RESOLVED
