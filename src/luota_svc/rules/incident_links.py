"""Where an incident is read: the one spelling of its addresses."""

from __future__ import annotations

from uuid import UUID


def incident_url(public_url: str, incident_id: UUID) -> str:
    """Return where a person reads an incident."""
    return f"{public_url}/incidents/{incident_id}"


def packet_url(public_url: str, incident_id: UUID) -> str:
    """Return where a program reads an incident's evidence packet."""
    return f"{public_url}/v1/incidents/{incident_id}/packet"
