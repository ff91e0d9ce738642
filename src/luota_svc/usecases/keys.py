"""Managing ingest keys. A token leaves Luota in the answer that made it, and never again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.keys import IngestKey, KeyFacts
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.rules.ingest_key import MONITOR, WORKSPACE, format_token, hash_secret
from luota_svc.rules.workspace_settings import NAME_CHARACTERS_MAX
from luota_svc.store import keys, monitors, workspaces
from luota_svc.store.database import Unit
from luota_svc.usecases.changes import Change, claim_id, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Operator, admit, found
from luota_svc.usecases.public_fields import key_fields

OVERLAP_SECONDS_MAX: Final = 259_200
# Whoever makes secrets in a loop is not served: a minute's worth for one operator.
CREATE_POLICY: Final = "keys.create.minute"
CREATES_PER_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key is for: all of a workspace, or one monitor. Exactly one is named."""

    workspace_id: UUID | None = None
    monitor_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key and its token; no token where an idempotency key was repeated."""

    key: IngestKey
    token: str | None


async def create_key(
    at: Installation, call: Call, scope: Scope, *, name: str, expires_at: datetime | None, once: Idempotency | None
) -> MadeKey:
    """Make a key for a workspace or one monitor. RateLimited above 60 a minute, Unavailable while Redis is away."""
    check_new_secret(at, name, expires_at)
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, scope)
    await spend_creation(at, operator)
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        workspace_id = await _require(unit, operator, scope)
        key_id, new = await claim_id(at, unit, operator, once)
        secret = at.clock.new_secret()
        if new:
            facts = KeyFacts(key_id, workspace_id, scope.monitor_id, hash_secret(secret))
            await keys.insert(unit, facts, name=name, expires_at=expires_at, now=at.clock.now())
        key = found(await keys.get(unit, key_id), Missing.KEY)
        if not new:
            return MadeKey(key, None)
        change = Change("ingest_key.create", key_id, workspace_id, None, key_fields(key))
        await keep_audit(at.clock, unit, operator.author, change)
        return MadeKey(key, token_of(key, secret))


async def list_keys(at: Installation, call: Call, scope: Scope, ask: Ask[Newest]) -> Page[IngestKey, Newest]:
    """List the keys of a workspace, its monitors' included, or of one monitor, newest first."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        workspace_id = await _require(unit, operator, scope)
        if scope.monitor_id:
            return await keys.page_of_monitor(unit, scope.monitor_id, ask)
        return await keys.page_of_workspace(unit, workspace_id, ask)


async def rotate_key(at: Installation, call: Call, key_id: UUID, overlap_seconds: int) -> MadeKey:
    """Replace a key by a new one of the same scope; the old one dies now, or after the overlap (0 to 259,200 s).

    ResourceConflict for a key that is no longer accepted or was replaced before.
    """
    if not 0 <= overlap_seconds <= OVERLAP_SECONDS_MAX:
        raise InvalidRequest(FieldProblem("overlapSeconds", f"must be 0 to {OVERLAP_SECONDS_MAX}"))
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require_key(unit, operator, key_id)
    await spend_creation(at, operator)
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        before = await _require_key(unit, operator, key_id)
        if not await keys.lock(unit, key_id):
            raise ResourceConflict("This key is no longer accepted; make a new one")
        new_id, secret = at.clock.new_id(), at.clock.new_secret()
        await keys.replace(unit, key_id, by=new_id, secret_hash=hash_secret(secret), now=at.clock.now())
        if overlap_seconds:
            await keys.expire_after(unit, key_id, overlap_seconds)
        else:
            await keys.revoke(unit, key_id)
        after, new = found(await keys.get(unit, key_id), Missing.KEY), found(await keys.get(unit, new_id), Missing.KEY)
        for change in (
            Change("ingest_key.rotate", key_id, before.workspace_id, key_fields(before), key_fields(after)),
            Change("ingest_key.create", new_id, before.workspace_id, None, key_fields(new)),
        ):
            await keep_audit(at.clock, unit, operator.author, change)
        return MadeKey(new, token_of(new, secret))


async def revoke_key(at: Installation, call: Call, key_id: UUID) -> IngestKey:
    """End a key at once; one that was revoked before is answered as it is."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        before = await _require_key(unit, operator, key_id)
        if not await keys.revoke(unit, key_id):
            return before
        after = found(await keys.get(unit, key_id), Missing.KEY)
        change = Change("ingest_key.revoke", key_id, before.workspace_id, key_fields(before), key_fields(after))
        await keep_audit(at.clock, unit, operator.author, change)
        return after


def token_of(key: IngestKey, secret: str) -> str:
    """Return the string that a job shows; its prefix says the key's scope."""
    return format_token(WORKSPACE if key.monitor_id is None else MONITOR, key.id, secret)


def check_new_secret(at: Installation, name: str, expires_at: datetime | None) -> None:
    """Refuse what no key or token may be: a name that is too long, an end that has passed."""
    problems = []
    if len(name) > NAME_CHARACTERS_MAX:
        problems.append(FieldProblem("name", f"must be at most {NAME_CHARACTERS_MAX} characters"))
    if expires_at is not None and expires_at <= at.clock.now():
        problems.append(FieldProblem("expiresAt", "must be in the future"))
    if problems:
        raise InvalidRequest(*problems)


async def spend_creation(at: Installation, operator: Operator) -> None:
    """Charge the making of one secret; outside any transaction, for Redis may be slow. Unavailable while it is away."""
    await at.limiter.spend_strict(str(operator.token.id), CREATE_POLICY, CREATES_PER_MINUTE, 60)


async def _require(unit: Unit, operator: Operator, scope: Scope) -> UUID:
    """Return the workspace of a scope whose keys the operator may manage."""
    if scope.monitor_id is None:
        assert scope.workspace_id is not None
        operator.require(Role.ADMIN, scope.workspace_id, Missing.WORKSPACE)
        return found(await workspaces.get(unit, scope.workspace_id), Missing.WORKSPACE).id
    workspace_id = found(await monitors.alive_home(unit, scope.monitor_id), Missing.MONITOR)
    operator.require(Role.ADMIN, workspace_id, Missing.MONITOR)
    operator.call.subject["monitor_id"] = str(scope.monitor_id)
    return workspace_id


async def _require_key(unit: Unit, operator: Operator, key_id: UUID) -> IngestKey:
    key = found(await keys.get(unit, key_id), Missing.KEY)
    operator.require(Role.ADMIN, key.workspace_id, Missing.KEY)
    operator.call.subject["key_id"] = str(key_id)
    return key
