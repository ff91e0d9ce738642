"""The alerts that are about a route: a test of one, and the word to somebody else that one does not deliver."""

from __future__ import annotations

from collections.abc import Iterator

from luota_svc.model.alerts import AlertFacts, ToldIncident
from luota_svc.rules.alert_layout import COLUMNS, labelled, link, wrapped
from luota_svc.rules.alert_steps import route_steps
from luota_svc.rules.alert_subjects import count_of, failed_route_name, line_of
from luota_svc.rules.alert_words import NAME_MOST, broken_promise, one_line, when
from luota_svc.rules.incident_links import incident_url, packet_url


def route_test_text(facts: AlertFacts) -> list[str]:
    """Say plainly that nothing is wrong."""
    name = one_line(facts.delivery.route_name, NAME_MOST)
    return [
        *wrapped(
            f'This is a test. Nothing is wrong, and there is nothing to do. It shows that the route "{name}" works.'
        ),
        "If you did not expect it, somebody has just sent it to see whether alerts reach you.",
    ]


def route_failure_text(facts: AlertFacts) -> Iterator[list[str]]:
    """Say which route fails, since when and why, what to do about it, and what its readers have not been told."""
    route, zone = facts.failed_route, facts.incident.monitor.timezone if facts.incident else "UTC"
    block = wrapped(f"Alert route {failed_route_name(facts)} does not deliver, so you are told in its place.")
    if route is not None:
        since = "" if route.since is None else f" since {when(route.since, zone)}"
        error = one_line(route.error, 300) if route.error else "it did not say why"
        block += wrapped(f"It has failed{since}: {error}{'' if error.endswith(('.', '!')) else '.'}")
    yield block
    about_incidents, about_route = route_steps(facts)
    yield [*labelled("What to do", about_incidents), *labelled("", about_route)]
    incidents = ((facts.incident,) if facts.incident else ()) + facts.further
    if incidents:
        yield (
            [f"It was to tell of {'this incident' if count_of(facts) == 1 else f'these {count_of(facts)} incidents'}:"]
            + [one_line(f"- {line_of(incident)}", COLUMNS) for incident in incidents]
            + ([f"- and {facts.further_omitted} more that found no room here"] if facts.further_omitted else [])
        )
    if facts.incident:
        yield list(_route_facts(facts, facts.incident))


def _route_facts(facts: AlertFacts, incident: ToldIncident) -> Iterator[str]:
    if facts.further:
        yield "The first of them:"
    packet = facts.packet.parts if facts.packet else None
    yield from wrapped(f"{broken_promise(incident, packet)}.")
    yield from labelled("Since", when(incident.opened_at, incident.monitor.timezone))
    yield from labelled("Owner", incident.monitor.owner)
    yield from link("Runbook", incident.monitor.runbook_url)
    yield from link("Incident", incident_url(facts.public_url, incident.id))
    yield from link("Evidence", packet_url(facts.public_url, incident.id))
