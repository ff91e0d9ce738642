"""Managing alert routes. What a target holds in secret leaves Luota in the answer that made it, and never again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, Missing, ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.model.routes import Route, RouteKind, RouteSettings, Target
from luota_svc.rules.route_targets import (
    GENERATE,
    carried_problems,
    destination_of,
    manners_of,
    merged,
    settings_problems,
    shown_target,
    standard_secret,
    target_problems,
    with_secret,
)
from luota_svc.store import drills, maintenance, routes, workspaces
from luota_svc.store.database import Unit
from luota_svc.store.routes import Sealed, StoredRoute
from luota_svc.store.vault import CannotOpen
from luota_svc.usecases.changes import Change, check_problems, check_version, claim_id, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Operator, admit, found
from luota_svc.usecases.public_fields import route_fields

Write = Callable[[Unit, StoredRoute, datetime], Awaitable[None]]
# What a caller gives of targets, by kind: one, if they know what they do.
Given = Mapping[RouteKind, Target]

# The ingest batch reads all routes of its workspaces.
ROUTES_MAX: Final = 200
TEST_POLICY: Final = "manage.test_send.minute"
TESTS_PER_MINUTE: Final = 10
# What nobody could send for an hour proves nothing to whoever pressed the button.
TEST_EXPIRES_AFTER: Final = timedelta(hours=1)
# So many waiting deliveries follow a change of their route at once; the others within seconds (usecases/left_behind).
UNFINISHED_MOST: Final = 1_000
DISABLED: Final = "the route was disabled"
DELETED: Final = "the route was deleted"


@dataclass(frozen=True, slots=True)
class MadeRoute:
    """A route, and the secret that was made for it just now; None where none was, or a key was repeated."""

    route: Route
    secret: str | None = None


async def create_route(
    at: Installation, call: Call, workspace_id: UUID, settings: RouteSettings, given: Given, once: Idempotency | None
) -> MadeRoute:
    """Make a route, which is unproven. ResourceConflict where a workspace has too many."""
    target, secret = _with_made_secret(at, given.get(settings.kind, {}))
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.OPERATOR, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        route_id, new = await claim_id(at, unit, operator, once)
        if new:
            target = merged(settings.kind, {}, target)
            check_problems(
                [
                    *settings_problems(settings),
                    *await _monitor_problems(unit, workspace_id, settings.monitor_ids),
                    *_foreign_problems(settings.kind, given),
                    *target_problems(settings.kind, target, at.targets),
                ]
            )
            if await routes.count(unit, workspace_id) >= ROUTES_MAX:
                raise ResourceConflict(f"The workspace has {ROUTES_MAX} alert routes; delete some first")
            sealed = _seal(at, settings.kind, target)
            await _keep_destination(unit, workspace_id, settings.kind, sealed)
            await routes.insert(unit, route_id, workspace_id, settings, sealed, at.clock.now())
        route = found(await routes.get(unit, route_id), Missing.ALERT_ROUTE).route
        if not new:
            return MadeRoute(route)
        change = Change("alert_route.create", route_id, workspace_id, None, route_fields(route))
        await keep_audit(at.clock, unit, operator.author, change)
        return MadeRoute(route, secret)


async def get_route(at: Installation, call: Call, route_id: UUID) -> Route:
    """Read one."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        return (await _require(unit, operator, Role.VIEWER, route_id)).route


async def list_routes(at: Installation, call: Call, workspace_id: UUID, ask: Ask[Newest]) -> Page[Route, Newest]:
    """List a workspace's, those made last first."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require(Role.VIEWER, workspace_id, Missing.WORKSPACE)
        found(await workspaces.get(unit, workspace_id), Missing.WORKSPACE)
        return await routes.page(unit, workspace_id, ask)


async def update_route(
    at: Installation, call: Call, route_id: UUID, changes: Mapping[str, Any], given: Given, version: int | None
) -> MadeRoute:
    """Change the named settings (fields of RouteSettings) and lay what is given of the target over what stands.

    Another target is unproven, and what waits for the route goes there at once. What waits for a route that is
    disabled ends as failed. ResourceConflict for a version that has passed, and for a drill's own route.
    """
    secret: str | None = None

    async def write(unit: Unit, before: StoredRoute, now: datetime) -> None:
        nonlocal secret
        check_version(Missing.ALERT_ROUTE, before.route.version, version)
        settings = replace(before.route.settings, **changes)
        kind = before.route.settings.kind
        problems = [*settings_problems(settings), *_foreign_problems(kind, given)]
        if settings.kind is not kind:
            problems.append(FieldProblem("kind", "is fixed at creation"))
        added = settings.monitor_ids - before.route.settings.monitor_ids
        problems += await _monitor_problems(unit, before.route.workspace_id, added)
        part, secret = _with_made_secret(at, given.get(kind, {}))
        sealed, target_faults = _retargeted(at, before, part)
        check_problems([*problems, *target_faults])
        if settings != before.route.settings or sealed != before.sealed:
            await _write(unit, before, settings, sealed, now)

    return MadeRoute(await _change(at, call, route_id, "alert_route.update", write), secret)


async def delete_route(at: Installation, call: Call, route_id: UUID, version: int | None) -> None:
    """Delete one softly: what it was still to be told ends as failed, its secrets are forgotten, deliveries stay.

    ResourceConflict for a version that has passed.
    """
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.OPERATOR, route_id)
        before = found(await routes.lock(unit, route_id), Missing.ALERT_ROUTE)
        check_version(Missing.ALERT_ROUTE, before.route.version, version)
        now = at.clock.now()
        await routes.end_waiting(unit, await routes.lock_unfinished(unit, before, UNFINISHED_MOST), DELETED, now)
        await routes.delete(unit, before.route, now)
        fields = route_fields(before.route)
        change = Change("alert_route.delete", route_id, before.route.workspace_id, fields, None)
        await keep_audit(at.clock, unit, operator.author, change)


async def send_test_alert(at: Installation, call: Call, route_id: UUID) -> UUID:
    """Write the duty to send a test alert and return the delivery's id: it goes the way of every alert, for an hour.

    ResourceConflict where the route is disabled. RateLimited above 10 a minute in the workspace, Unavailable while
    Redis is away.
    """
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        stored = await _require(unit, operator, Role.OPERATOR, route_id)
    # Outside any transaction, for Redis may be slow.
    await at.limiter.spend_strict(str(stored.route.workspace_id), TEST_POLICY, TESTS_PER_MINUTE, 60)
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.OPERATOR, route_id)
        stored = found(await routes.lock(unit, route_id), Missing.ALERT_ROUTE)
        if not stored.route.settings.enabled:
            raise ResourceConflict("The alert route is disabled; enable it first")
        now, author, delivery_id = at.clock.now(), operator.author, at.clock.new_id()
        await routes.insert_test(
            unit,
            delivery_id,
            stored,
            now=now,
            expires_at=now + TEST_EXPIRES_AFTER,
            request_id=author.request_id,
            traceparent=author.traceparent,
        )
        # Whoever tests wants to know how it is now, not in a quarter of an hour.
        await routes.let_probe(unit, stored.route.workspace_id, stored.sealed.destination, now)
        told = {"deliveryId": str(delivery_id)}
        change = Change("alert_route.test", route_id, stored.route.workspace_id, None, told)
        await keep_audit(at.clock, unit, author, change)
        return delivery_id


async def rotate_secret(at: Installation, call: Call, route_id: UUID) -> MadeRoute:
    """Give a webhook a new secret; the one before it, if there was one, signs too for 24 hours.

    ResourceConflict for a route of another kind, and for one whose target can't be decrypted.
    """
    secret = standard_secret(at.clock.new_secret())

    async def write(unit: Unit, before: StoredRoute, now: datetime) -> None:
        if before.route.settings.kind is not RouteKind.WEBHOOK:
            raise ResourceConflict("Only a webhook signs with a secret of ours")
        try:
            target = with_secret(at.vault.open(before.sealed.target), secret, now)
        except CannotOpen as error:
            raise ResourceConflict(f"The alert route can't be used: {error}") from error
        await _write(unit, before, before.route.settings, _seal(at, RouteKind.WEBHOOK, target), now)

    return MadeRoute(await _change(at, call, route_id, "alert_route.rotate_secret", write), secret)


async def _change(at: Installation, call: Call, route_id: UUID, action: str, write: Write) -> Route:
    """Change one that is held; a write that wrote nothing leaves no audit entry."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, Role.OPERATOR, route_id)
        before = found(await routes.lock(unit, route_id), Missing.ALERT_ROUTE)
        if await drills.made_route(unit, route_id):
            # What else it covered would be told to the drill alone: to nobody.
            raise ResourceConflict("The alert route is a drill's, and goes with it")
        await write(unit, before, at.clock.now())
        after = found(await routes.get(unit, route_id), Missing.ALERT_ROUTE).route
        if after.version != before.route.version:
            fields = route_fields(before.route), route_fields(after)
            await keep_audit(at.clock, unit, operator.author, Change(action, route_id, after.workspace_id, *fields))
        return after


async def _write(unit: Unit, before: StoredRoute, settings: RouteSettings, sealed: Sealed, now: datetime) -> None:
    """Write a route, and let what is unfinished follow: the route is held, then deliveries, then the destination."""
    route, retargeted = before.route, sealed != before.sealed
    enabled = settings.enabled and not route.settings.enabled
    disabled = route.settings.enabled and not settings.enabled
    moves = retargeted or enabled or disabled
    unfinished = await routes.lock_unfinished(unit, before, UNFINISHED_MOST) if moves else []
    await routes.update(unit, route, settings, sealed, retargeted=retargeted, now=now)
    if disabled:
        await routes.end_waiting(unit, unfinished, DISABLED, now)
    if retargeted or enabled:
        await routes.redirect(unit, unfinished, sealed.destination, now)
        await _keep_destination(unit, route.workspace_id, settings.kind, sealed)
        # Whoever changes a route says that it is repaired.
        await routes.close_breaker(unit, route.workspace_id, sealed.destination)


def _retargeted(at: Installation, before: StoredRoute, given: Target) -> tuple[Sealed, list[FieldProblem]]:
    """Return the target with what is given laid over it, as it stands where that changes nothing, and its problems."""
    if not given:
        return before.sealed, []
    kind = before.route.settings.kind
    try:
        stands = at.vault.open(before.sealed.target)
    except CannotOpen:
        # It is given anew: as a whole, or its problems say what is missing.
        stands = {}
    target = merged(kind, stands, given)
    if stands and target == stands:
        return before.sealed, []
    problems = target_problems(kind, target, at.targets) or carried_problems(kind, stands, given)
    return (before.sealed if problems else _seal(at, kind, target)), problems


def _seal(at: Installation, kind: RouteKind, target: Target) -> Sealed:
    return Sealed(at.vault.seal(target), shown_target(kind, target), destination_of(kind, target))


def _with_made_secret(at: Installation, target: Target) -> tuple[Target, str | None]:
    """Return the target with a secret of ours where it asks for one, and that secret."""
    if target.get("secret") != GENERATE:
        return target, None
    secret = standard_secret(at.clock.new_secret())
    return {**target, "secret": secret}, secret


def _foreign_problems(kind: RouteKind, given: Given) -> list[FieldProblem]:
    return [
        FieldProblem(other.value, f"is no target of a route of kind {kind}") for other in given if other is not kind
    ]


async def _keep_destination(unit: Unit, workspace_id: UUID, kind: RouteKind, sealed: Sealed) -> None:
    per_second, paced = manners_of(kind)
    await routes.keep_destination(unit, workspace_id, sealed.destination, per_second=per_second, paced=paced)


async def _monitor_problems(unit: Unit, workspace_id: UUID, monitor_ids: frozenset[UUID]) -> list[FieldProblem]:
    foreign = await maintenance.foreign_monitors(unit, workspace_id, monitor_ids)
    return [FieldProblem("monitorIds", f"names no monitor of this workspace: {monitor_id}") for monitor_id in foreign]


async def _require(unit: Unit, operator: Operator, needed: Role, route_id: UUID) -> StoredRoute:
    stored = found(await routes.get(unit, route_id), Missing.ALERT_ROUTE)
    operator.require(needed, stored.route.workspace_id, Missing.ALERT_ROUTE)
    return stored
