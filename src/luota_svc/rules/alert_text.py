"""An alert in plain text: what broke first, then what to do, then the facts, and the job's own words at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from luota_svc.model.alerts import AlertFacts, Ending, ToldIncident
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentState
from luota_svc.rules.alert_changes import change_line
from luota_svc.rules.alert_layout import COLUMNS, boxed, labelled, link, wrapped
from luota_svc.rules.alert_routes import route_failure_text, route_test_text
from luota_svc.rules.alert_steps import what_to_do
from luota_svc.rules.alert_subjects import count_of, line_of, name_of
from luota_svc.rules.alert_words import (
    broken_promise,
    clean,
    instant_of,
    one_line,
    run_of,
    signal_of,
    stands,
    when,
)
from luota_svc.rules.durations import in_words
from luota_svc.rules.incident_links import incident_url, packet_url

_ACTOR_MOST: Final = 60
# A word that comes so much later than what it tells says so.
_LATE: Final = timedelta(minutes=10)
# What opens so close together may have one cause.
_TOGETHER: Final = timedelta(minutes=5)


class Room(NamedTuple):
    """How much of what others wrote an alert holds: of output and words characters, of the others a number."""

    output: int
    words: int
    tags: int
    changes: int


def text_of(facts: AlertFacts, room: Room) -> str:
    """Return the whole text; lines of at most 100 columns, but for a URL that has to be longer."""
    if facts.delivery.reason is DeliveryReason.TEST:
        blocks = [route_test_text(facts)]
    elif facts.delivery.reason is DeliveryReason.ROUTE_FAILURE:
        blocks = list(route_failure_text(facts))
    elif facts.incident is None:
        blocks = [["The incident that this alert was about is kept no more; there is nothing to do."]]
    else:
        blocks = list(_incident_blocks(facts, facts.incident, room))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _incident_blocks(facts: AlertFacts, incident: ToldIncident, room: Room) -> Iterator[list[str]]:
    if facts.delivery.reason is DeliveryReason.DRILL:
        yield ["This is a drill: it was made to fail on purpose, to see that you are told. Nothing is wrong."]
    gathered = bool(facts.further or facts.further_omitted)
    if gathered:
        yield _gathered(facts, incident)
    packet = facts.packet.parts if facts.packet else None
    if stands(incident):
        said = _said(packet, room)
        yield [*wrapped(f"{broken_promise(incident, packet)}."), *said, *_standing(facts, incident)]
        yield [*labelled("What to do", what_to_do(facts)), *_who_and_where(facts, incident)]
    else:
        yield [*_over(facts, incident)]
        yield list(_who_and_where(facts, incident))
    yield list(_facts(facts, incident, room))
    if facts.changes and stands(incident):
        yield list(_changed(facts, incident, room))
    if gathered:
        yield list(_further(facts))
    if stands(incident):
        yield list(_output(packet, room))


def _gathered(facts: AlertFacts, main: ToldIncident) -> list[str]:
    """Say how many there are and how close they came: what comes at once may have one cause."""
    all_told = (main, *facts.further)
    opened = [incident.opened_at for incident in all_told]
    grave = Counter(incident.severity.value for incident in all_told if stands(incident))
    counted = ", ".join(f"{grave[name]} {name}" for name in ("critical", "error", "warning", "info") if grave[name])
    over = sum(not stands(incident) for incident in all_told)
    if not grave:
        return [f"{count_of(facts)} incidents are over.", "The gravest of them:"]
    counted += f", {over} over already" if over else ""
    counted += f", {facts.further_omitted} more" if facts.further_omitted else ""
    spread = max(opened) - min(opened)
    within = f"They opened within {in_words(max(spread, timedelta(seconds=1)))}"
    hint = ": look for a cause that they share" if spread <= _TOGETHER else ""
    return [*wrapped(f"{count_of(facts)} incidents: {counted}. {within}{hint}."), "The gravest of them:"]


def _standing(facts: AlertFacts, incident: ToldIncident) -> Iterator[str]:
    """Say what has become of it since it opened, where it is not new."""
    open_for = in_words(facts.now - incident.opened_at)
    zone = incident.monitor.timezone
    if incident.state is IncidentState.ACKNOWLEDGED and incident.acknowledged_at is not None:
        who = one_line(incident.acknowledged_by or "Somebody", _ACTOR_MOST)
        yield from wrapped(f"{who} acknowledged it at {when(incident.acknowledged_at, zone)}.")
    match facts.delivery.reason:
        case DeliveryReason.OPENED if facts.now - incident.opened_at >= _LATE:
            yield f"It opened {open_for} ago; you are told only now."
        case DeliveryReason.REMINDER:
            number = max(1, incident.sequence - 1)
            open_state = incident.state is IncidentState.OPEN
            nobody = ", and nobody has acknowledged it" if open_state else ""
            yield f"Still open after {open_for}{nobody}. This is reminder {number}."
            if not facts.earlier.delivered:
                yield "You were not told before: no earlier alert about it reached this route."
        case DeliveryReason.ESCALATION if incident.state is IncidentState.OPEN:
            yield f"Nobody has acknowledged it for {open_for}, so you are told. Acknowledge it if you take it."


def _over(facts: AlertFacts, incident: ToldIncident) -> Iterator[str]:
    ending = facts.ending or Ending("", None)
    match incident.resolution:
        case "by_hand":
            note = f": {one_line(ending.detail, 300)}" if ending.detail and ending.detail != incident.resolution else ""
            how = f"{one_line(ending.actor, _ACTOR_MOST) or 'Somebody'} resolved it by hand{note}"
        case "monitor_deleted":
            how = "its monitor was deleted"
        case _:
            how = "the monitor keeps its promise again"
    yield from wrapped(f"Over after {_length(incident)}: {how}{'' if how.endswith(('.', '!')) else '.'}")
    if not facts.earlier.delivered:
        reason = "this route was not reachable" if facts.earlier.failed else "it was over before your turn came"
        yield f"You were not told before: {reason}."


def _said(packet: Mapping[str, Any] | None, room: Room) -> list[str]:
    """Return the job's own summary."""
    summary = signal_of(packet).get("summary") or (run_of(packet) or {}).get("summary")
    return wrapped(f"It said: {one_line(summary, room.words)}") if summary else []


def _who_and_where(facts: AlertFacts, incident: ToldIncident) -> Iterator[str]:
    yield from link("Runbook", incident.monitor.runbook_url)
    yield from labelled("Owner", incident.monitor.owner)
    yield from labelled("Monitor", name_of(incident))
    yield from link("Incident", incident_url(facts.public_url, incident.id))


def _facts(facts: AlertFacts, incident: ToldIncident, room: Room) -> Iterator[str]:
    packet = facts.packet.parts if facts.packet else None
    monitor, zone = incident.monitor, incident.monitor.timezone
    run, bad = run_of(packet) or {}, signal_of(packet)
    if incident.resolved_at is not None:
        yield from labelled("What broke", broken_promise(incident, packet))
    yield from labelled("Since", when(incident.opened_at, zone))
    if incident.resolved_at is not None:
        yield from labelled("Until", when(incident.resolved_at, zone))
    yield from _last_good(packet, incident)
    if incident.occurrence_count > 1:
        yield from labelled("Happened", f"{incident.occurrence_count} times so far")
    if run:
        began = instant_of(run.get("startedAt"))
        started = f", started {when(began, zone)}" if began else ""
        yield from labelled("Run", f"{one_line(run['externalRunId'], 60)}{started}")
    yield from labelled("Host", run.get("host") or bad.get("host"))
    yield from labelled("Deploy", run.get("deploySha") or bad.get("deploySha"))
    yield from labelled("Environment", run.get("environment") or bad.get("environment") or monitor.environment)
    yield from labelled("Promise", one_line(monitor.promise, room.words))
    yield from link("Evidence", packet_url(facts.public_url, incident.id))


def _last_good(packet: Mapping[str, Any] | None, incident: ToldIncident) -> Iterator[str]:
    good = (packet or {}).get("healthySignal")
    if good is None:
        yield from labelled("Last good", "never" if packet else None)
        return
    at = instant_of(good["receivedAt"])
    assert at is not None
    before = in_words(incident.opened_at - at)
    yield from labelled("Last good", f"{when(at, incident.monitor.timezone)}, {good['type']}, {before} earlier")


def _changed(facts: AlertFacts, incident: ToldIncident, room: Room) -> Iterator[str]:
    since = "the last good signal" if facts.packet and facts.packet.parts.get("healthySignal") else "lately"
    yield "Changed lately:" if since == "lately" else f"Changed since {since}:"
    for change in facts.changes[: room.changes]:
        yield from wrapped(change_line(change, incident.monitor.timezone), first="- ", then="  ")
    if (more := len(facts.changes) - room.changes) > 0:
        yield f"- and {more} more that found no room here"


def _further(facts: AlertFacts) -> Iterator[str]:
    yield "The others:"
    for incident in facts.further:
        yield one_line(f"- {line_of(incident)}", COLUMNS)
    if facts.further_omitted:
        yield f"- and {facts.further_omitted} more that found no room here"


def _output(packet: Mapping[str, Any] | None, room: Room) -> Iterator[str]:
    tail, more = output_tail(packet, room)
    if tail is None:
        return
    yield "The end of its output (all of it is in the evidence):" if more else "Its output:"
    for line in tail.split("\n"):
        yield from boxed(line)


def output_tail(packet: Mapping[str, Any] | None, room: Room) -> tuple[str | None, bool]:
    """Return the end of the job's output on whole lines where there are any, and whether there is more of it."""
    output = clean(signal_of(packet).get("output") or "").strip("\n")
    if not output.strip() or room.output <= 0:
        return None, False
    if len(output) <= room.output:
        return output, False
    tail = output[-room.output :]
    if output[-room.output - 1] != "\n" and "\n" in tail[:-1]:
        tail = tail[tail.index("\n") + 1 :]
    return tail, True


def _length(incident: ToldIncident) -> str:
    return in_words(incident.resolved_at - incident.opened_at) if incident.resolved_at else "a while"
