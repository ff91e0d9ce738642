"""Reading deliveries, and telling one again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.deliveries import DeliveryState
from luota_svc.model.delivery_reading import Delivery
from luota_svc.model.errors import Missing, ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.rules.delivery_telling import cleaned
from luota_svc.rules.routing import EXPIRES_AFTER
from luota_svc.store import delivery_reading, incidents
from luota_svc.store.database import Unit
from luota_svc.usecases.changes import Change, claim_id, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Operator, admit, found

_ENDED: Final = {DeliveryState.DELIVERED, DeliveryState.FAILED_TERMINAL}


async def list_deliveries(at: Installation, call: Call, incident_id: UUID, ask: Ask[Newest]) -> Page[Delivery, Newest]:
    """List an incident's deliveries, newest first; what providers said is left out."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        workspace_id, monitor_id = found(await incidents.home(unit, incident_id), Missing.INCIDENT)
        operator.require(Role.VIEWER, workspace_id, Missing.INCIDENT)
        call.subject |= {"incident_id": str(incident_id), "monitor_id": str(monitor_id)}
        page = await delivery_reading.page_of_incident(unit, incident_id, ask)
    return Page(tuple(cleaned(delivery) for delivery in page.items), page.next)


async def get_delivery(at: Installation, call: Call, delivery_id: UUID) -> Delivery:
    """Read one; what providers said, and where they were dialled, is for operators and admins."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.VIEWER, delivery_id)
        return await _get(unit, operator, delivery_id)


async def replay_delivery(at: Installation, call: Call, delivery_id: UUID, once: Idempotency | None) -> Delivery:
    """Tell the same again, as it was told, and return the new delivery, which is due at once and names the old one.

    ResourceConflict where the old one has not ended, or was cancelled; where its route is disabled or deleted; where
    another delivery is about to tell the route about the same incident.
    """
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        workspace_id = await _require(unit, operator, Role.OPERATOR, delivery_id)
        new_id, new = await claim_id(at, unit, operator, once)
        if new:
            await _replay(at, unit, operator, delivery_id, new_id)
            told = {"replayOf": str(delivery_id)}
            change = Change("delivery.replay", new_id, workspace_id, None, told)
            await keep_audit(at.clock, unit, operator.author, change)
        return await _get(unit, operator, new_id)


async def _replay(at: Installation, unit: Unit, operator: Operator, delivery_id: UUID, new_id: UUID) -> None:
    held = found(await delivery_reading.lock(unit, delivery_id), Missing.DELIVERY)
    if held.gathered_into is not None:
        raise ResourceConflict(f"Delivery {held.gathered_into} tells this together with others; replay that one")
    if held.state is DeliveryState.CANCELLED:
        raise ResourceConflict(
            "The delivery was cancelled: its incident ended, or somebody took it, before it was told"
        )
    if held.state not in _ENDED:
        raise ResourceConflict(f"The delivery is {held.state.value}: it has not ended, and is not told twice")
    if not held.route_usable:
        raise ResourceConflict("The delivery's route is disabled or deleted; enable it if it was disabled")
    now = at.clock.now()
    await delivery_reading.insert_replay(
        unit,
        delivery_id,
        new_id,
        now=now,
        expires_at=now + EXPIRES_AFTER,
        traceparent=operator.author.traceparent,
    )


async def _require(unit: Unit, operator: Operator, needed: Role, delivery_id: UUID) -> UUID:
    workspace_id = found(await delivery_reading.home(unit, delivery_id), Missing.DELIVERY)
    operator.require(needed, workspace_id, Missing.DELIVERY)
    return workspace_id


async def _get(unit: Unit, operator: Operator, delivery_id: UUID) -> Delivery:
    whole = operator.token.role >= Role.OPERATOR
    return cleaned(found(await delivery_reading.get(unit, delivery_id, whole=whole), Missing.DELIVERY))
