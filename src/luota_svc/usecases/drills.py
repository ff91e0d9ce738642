"""Drills: a failure on purpose, with a monitor, a route and a receiver of its own, which prove the whole way."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.deliveries import DeliveryState
from luota_svc.model.drills import Drill
from luota_svc.model.errors import Missing, ResourceConflict
from luota_svc.model.keys import KeyFacts
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.operators import Actor, Role
from luota_svc.model.routes import RouteKind, RouteSettings
from luota_svc.rules.drills import LASTS, STANDING_MAX, receiver_url
from luota_svc.rules.ingest_key import MONITOR, format_token, hash_secret
from luota_svc.rules.route_targets import destination_of, shown_target
from luota_svc.store import drills, keys, monitors, routes, workspaces
from luota_svc.store.database import Unit
from luota_svc.store.routes import Sealed
from luota_svc.usecases.changes import Change, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.monitors import remove_held
from luota_svc.usecases.operator_admission import Author, Operator, admit, found

END_BATCH: Final = 10
# As the audit and the timeline name who ends a drill that was left alone.
_LUOTA: Final = Actor("rule", "drill", "rule")


async def start_drill(at: Installation, call: Call, workspace_id: UUID) -> tuple[Drill, str]:
    """Make a drill and return it with an ingest token of its monitor, which is shown this once.

    ResourceConflict where a workspace has five that have not ended.
    """
    now = at.clock.now()
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.OPERATOR, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        if await drills.count_standing(unit, workspace_id) >= STANDING_MAX:
            raise ResourceConflict(f"The workspace has {STANDING_MAX} drills that have not ended; end some first")
        drill = Drill(
            id=at.clock.new_id(),
            workspace_id=workspace_id,
            monitor_id=at.clock.new_id(),
            route_id=at.clock.new_id(),
            request_id=call.request_id,
            received_count=0,
            created_at=now,
            expires_at=now + LASTS,
            repaired_at=None,
            ended_at=None,
        )
        token = await _make_monitor(at, unit, drill)
        await _make_route(at, unit, drill)
        made = {"monitorId": str(drill.monitor_id), "routeId": str(drill.route_id)}
        change = Change("drill.start", drill.id, workspace_id, None, made)
        await keep_audit(at.clock, unit, operator.author, change)
    return drill, token


async def get_drill(at: Installation, call: Call, drill_id: UUID) -> Drill:
    """Read one."""
    async with at.database.unit() as unit:
        return await _require(unit, await admit(unit, call), Role.VIEWER, drill_id)


async def repair_drill(at: Installation, call: Call, drill_id: UUID) -> Drill:
    """Let a drill's receiver take what it is told, and send what waits for it at once; the first repair stands.

    ResourceConflict where it has ended.
    """
    async with at.database.unit() as unit:
        drill = await _require(unit, await admit(unit, call), Role.OPERATOR, drill_id)
        if drill.ended_at is not None:
            raise ResourceConflict("The drill has ended; start another one")
        await drills.repair(unit, drill, at.clock.now())
        return found(await drills.get(unit, drill_id), Missing.DRILL)


async def end_drill(at: Installation, call: Call, drill_id: UUID) -> Drill:
    """Remove what a drill made; one that has ended is answered as it is.

    ResourceConflict while an attempt is in flight, which would be told of as a route's failure.
    """
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        drill = await _require(unit, operator, Role.OPERATOR, drill_id)
        await _end(at, unit, drill, operator.author)
        return found(await drills.get(unit, drill_id), Missing.DRILL)


async def end_expired_drills(at: Installation) -> int:
    """End what nobody has ended in time, and return how many. What is in flight is left for the next look."""
    async with at.database.unit() as unit:
        expired = await drills.expired(unit, at.clock.now(), END_BATCH)
    ended = 0
    for drill_id in expired:
        try:
            async with at.database.unit() as unit:
                drill = found(await drills.get(unit, drill_id), Missing.DRILL)
                await _end(at, unit, drill, Author(_LUOTA, drill.request_id))
                ended += 1
        except ResourceConflict:
            continue
    return ended


async def receive(at: Installation, drill_id: UUID) -> bool | None:
    """Take what a drill's route is told: True where the receiver is repaired, None where there is no such drill now."""
    async with at.database.unit() as unit:
        return await drills.receive(unit, drill_id, at.clock.now())


async def _make_monitor(at: Installation, unit: Unit, drill: Drill) -> str:
    settings = MonitorSettings(
        slug=f"drill-{drill.id.hex[-12:]}",
        name="Drill",
        kind=MonitorKind.RUN,
        promise="Fails on purpose, to prove that somebody would be told. It is removed when the drill ends.",
    )
    await monitors.insert(unit, drill.monitor_id, drill.workspace_id, settings, drill.created_at)
    key_id, secret = at.clock.new_id(), at.clock.new_secret()
    facts = KeyFacts(key_id, drill.workspace_id, drill.monitor_id, hash_secret(secret))
    # It dies with its monitor.
    await keys.insert(unit, facts, name="drill", expires_at=None, now=drill.created_at)
    return format_token(MONITOR, key_id, secret)


async def _make_route(at: Installation, unit: Unit, drill: Drill) -> None:
    target = {"url": receiver_url(at.public_url, drill.id)}
    kind = RouteKind.WEBHOOK
    sealed = Sealed(at.vault.seal(target), shown_target(kind, target), destination_of(kind, target))
    settings = RouteSettings("Drill", kind, monitor_ids=frozenset({drill.monitor_id}))
    # Nobody reads there, so that it has no pace.
    await routes.keep_destination(unit, drill.workspace_id, sealed.destination, per_second=10, paced=False)
    await routes.insert(unit, drill.route_id, drill.workspace_id, settings, sealed, drill.created_at)
    await drills.insert(unit, drill)


async def _end(at: Installation, unit: Unit, drill: Drill, author: Author) -> None:
    """End one under the locks of its monitor, its route and what that is still to be told."""
    await monitors.lock(unit, drill.monitor_id)
    undelivered = await drills.lock_undelivered(unit, drill)
    stands = found(await drills.get(unit, drill.id), Missing.DRILL)
    if stands.ended_at is not None:
        return
    if DeliveryState.SENDING in undelivered.values():
        raise ResourceConflict("An attempt of the drill is in flight; try again in a few seconds")
    await drills.end(unit, drill, undelivered, at.clock.now())
    monitor = await monitors.get(unit, drill.monitor_id, at.clock.now())
    if monitor is not None:  # nobody was quicker
        await remove_held(at, unit, monitor, author)
    change = Change("drill.end", drill.id, drill.workspace_id, None, {"receivedCount": stands.received_count})
    await keep_audit(at.clock, unit, author, change)


async def _require(unit: Unit, operator: Operator, needed: Role, drill_id: UUID) -> Drill:
    drill = found(await drills.get(unit, drill_id), Missing.DRILL)
    operator.require(needed, drill.workspace_id, Missing.DRILL)
    return drill
