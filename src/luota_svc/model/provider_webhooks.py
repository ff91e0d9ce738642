"""What a provider tells Luota by its own webhook, once a door has read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """Something happened there to what the provider knows under `incident_key`; `agent` is who did it, if it says."""

    event_type: str
    incident_key: str
    agent: str
