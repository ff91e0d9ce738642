"""What happened to an incident at a provider, brought back by its own webhook: acknowledged or resolved there."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, InvalidSignature, Unavailable
from luota_svc.model.incidents import Incident, IncidentState
from luota_svc.model.operators import Actor
from luota_svc.model.provider_webhooks import ProviderEvent
from luota_svc.model.routes import RouteKind
from luota_svc.rules.provider_signature import signed_by_pagerduty
from luota_svc.store import incidents, provider_webhooks
from luota_svc.store.database import Unit
from luota_svc.store.incidents import HeldIncident
from luota_svc.store.vault import CannotOpen
from luota_svc.usecases.acknowledging import tell_acknowledged
from luota_svc.usecases.incidents import acknowledge_held, change_held, resolve_by_hand
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Author

PROVIDER_ACTOR: Final = "provider"
_ACKNOWLEDGED: Final = "incident.acknowledged"
_RESOLVED: Final = "incident.resolved"
_AGENT_MOST: Final = 100
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]+")


async def take_pagerduty_event(
    at: Installation, call: Call, route_id: UUID, *, signatures: str, body: bytes, event: ProviderEvent | None
) -> None:
    """Acknowledge or resolve the incident that an event of PagerDuty's names, within the route's own workspace.

    What is so already, what we know nothing of and every other event change nothing: telling it twice is harmless.
    InvalidSignature where the body is not signed with the route's `webhookSecret`, the same where there is no such
    route; InvalidRequest for a signed body that is no event (`event` is None).
    """
    async with at.database.unit() as unit:
        workspace_id = await _admit(at, unit, route_id, signatures, body)
        call.subject["workspace_id"] = str(workspace_id)
        if event is None:
            raise InvalidRequest(FieldProblem("event", "must be an event of a PagerDuty v3 webhook"))
        incident_id = _incident_of(event)
        if incident_id is None:
            return
        home = await incidents.home(unit, incident_id)
        if home is None or home[0] != workspace_id:
            return
        actor = Actor(PROVIDER_ACTOR, str(route_id), _name(event.agent))
        call.subject |= {"incident_id": str(incident_id), "monitor_id": str(home[1]), "actor": actor.name}
        author = Author(actor, call.request_id, call.traceparent)
        await _follow(at, unit, author, incident_id, home[1], event)


async def _admit(at: Installation, unit: Unit, route_id: UUID, signatures: str, body: bytes) -> UUID:
    """Return the workspace of the route that the body is signed for."""
    route = await provider_webhooks.find_route(unit, route_id, RouteKind.PAGERDUTY)
    try:
        secret = at.vault.open(route.target).get("webhookSecret") if route else None
    except CannotOpen as error:
        # Somebody forgot a key; PagerDuty tries again for twenty minutes.
        raise Unavailable(str(error)) from error
    if not signed_by_pagerduty(secret, body, signatures) or route is None:
        raise InvalidSignature
    return route.workspace_id


def _incident_of(event: ProviderEvent) -> UUID | None:
    """Return the incident that is to follow; None for events and keys that are none of ours."""
    if event.event_type not in {_ACKNOWLEDGED, _RESOLVED}:
        return None
    try:
        return UUID(event.incident_key)
    except ValueError:
        return None


async def _follow(
    at: Installation, unit: Unit, author: Author, incident_id: UUID, monitor_id: UUID, event: ProviderEvent
) -> None:
    note = "in PagerDuty"

    async def acknowledge(unit: Unit, author: Author, held: HeldIncident, before: Incident) -> None:
        # Whoever has it keeps it: PagerDuty says this too when it was Luota that told it.
        if before.state is IncidentState.OPEN:
            await acknowledge_held(at, unit, author, held, None, note)
            await tell_acknowledged(at, unit, held, author, but=UUID(author.actor.id))

    async def resolve(unit: Unit, author: Author, held: HeldIncident, _before: Incident) -> None:
        if not held.resolved:
            await resolve_by_hand(at, unit, author, held, note)

    write, action = (
        (acknowledge, "incident.acknowledge") if event.event_type == _ACKNOWLEDGED else (resolve, "incident.resolve")
    )
    await change_held(at, unit, author, incident_id, monitor_id, action, write)


def _name(agent: str) -> str:
    """Return whom the timeline names: the person, where PagerDuty says who."""
    shown = _UNPRINTABLE.sub(" ", agent).strip()[:_AGENT_MOST]
    return f"pagerduty:{shown}" if shown else "pagerduty"
