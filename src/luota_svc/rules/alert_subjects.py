"""An alert in one line: how grave it is, whom it is about, what happened."""

from __future__ import annotations

from luota_svc.model.alerts import AlertFacts, ToldIncident
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentState
from luota_svc.rules.alert_words import NAME_MOST, brief, one_line, stands
from luota_svc.rules.durations import in_words


def subject_of(facts: AlertFacts) -> str:
    """Return the alert in one line: severity, whom it is about, what happened."""
    delivery, incident = facts.delivery, facts.incident
    if delivery.reason is DeliveryReason.TEST:
        return f'[test] Luota reaches "{one_line(delivery.route_name, NAME_MOST)}"'
    if delivery.reason is DeliveryReason.ROUTE_FAILURE:
        named = f" news of {_named(facts)}" if incident else ""
        return f"[{_mark(facts)}] Alert route {failed_route_name(facts)} does not deliver{named}"
    if incident is None:
        return f"[{_mark(facts)}] An incident that is kept no more"
    if facts.further or facts.further_omitted:
        return f"[{_mark(facts)}] {count_of(facts)} incidents: {_named(facts)}"
    return f"[{_mark(facts)}] {name_of(incident)}: {_happened(facts, incident)}"


def line_of(incident: ToldIncident) -> str:
    """Return one of several incidents in a line, as a subject is."""
    mark = incident.severity.value if stands(incident) else "resolved"
    return f"[{mark}] {name_of(incident)}: {brief(incident, None) if stands(incident) else lasted_words(incident)}"


def lasted_words(incident: ToldIncident) -> str:
    """Return how long an incident lasted: `missed for 2 h 13 min`."""
    lasted = in_words(incident.resolved_at - incident.opened_at) if incident.resolved_at else "a while"
    return f"{incident.kind.value} for {lasted}"


def count_of(facts: AlertFacts) -> int:
    """Return of how many incidents an alert tells, those that find no room in it included."""
    return (facts.incident is not None) + len(facts.further) + facts.further_omitted


def failed_route_name(facts: AlertFacts) -> str:
    """Return what the route that fails is called in a sentence."""
    return f'"{one_line(facts.failed_route.name, NAME_MOST)}"' if facts.failed_route else "that is gone"


def _happened(facts: AlertFacts, incident: ToldIncident) -> str:
    if not stands(incident):
        return lasted_words(incident)
    words = brief(incident, facts.packet.parts if facts.packet else None)
    open_for = in_words(facts.now - incident.opened_at)
    match facts.delivery.reason:
        case DeliveryReason.REMINDER:
            return f"{words}, still open after {open_for}"
        case DeliveryReason.ESCALATION if incident.state is IncidentState.OPEN:
            return f"{words}, not acknowledged for {open_for}"
        case _:
            return words


def _mark(facts: AlertFacts) -> str:
    incidents = ((facts.incident,) if facts.incident else ()) + facts.further
    if facts.delivery.reason is DeliveryReason.DRILL:
        return "drill"
    if not incidents:
        return "error"
    if facts.delivery.reason is not DeliveryReason.ROUTE_FAILURE and not any(map(stands, incidents)):
        return "resolved"
    return incidents[0].severity.value


def _named(facts: AlertFacts) -> str:
    assert facts.incident is not None
    more = count_of(facts) - 1
    return name_of(facts.incident) + (f" and {more} more" if more else "")


def name_of(incident: ToldIncident) -> str:
    """Return what an incident's monitor is called in a line."""
    return one_line(incident.monitor.name, NAME_MOST)
