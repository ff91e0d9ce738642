"""Where an incident is read."""

from __future__ import annotations

from luota_svc.model.alerts import AlertFacts, ToldIncident


def incident_url(facts: AlertFacts, incident: ToldIncident) -> str:
    """Return where a person reads an incident."""
    return f"{facts.public_url}/incidents/{incident.id}"


def packet_url(facts: AlertFacts, incident: ToldIncident) -> str:
    """Return where a program reads an incident's evidence packet."""
    return f"{facts.public_url}/v1/incidents/{incident.id}/packet"
