"""Managing operator tokens. Nobody makes one that is wider or stronger than their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, NotFound
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.operators import OperatorToken, Role
from luota_svc.model.pages import Ask, Newest, Page
from luota_svc.rules.ingest_key import OPERATOR, format_token, hash_secret
from luota_svc.rules.workspace_settings import name_problem
from luota_svc.store import operators, workspaces
from luota_svc.store.database import Unit
from luota_svc.usecases.changes import Change, claim_id, keep_audit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.keys import check_new_secret, spend_creation
from luota_svc.usecases.operator_admission import Operator, admit, found
from luota_svc.usecases.public_fields import token_fields


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token's record and its text; no text where an idempotency key was repeated."""

    record: OperatorToken
    token: str | None


async def create_operator_token(
    at: Installation,
    call: Call,
    *,
    name: str,
    role: Role,
    workspace_id: UUID | None,
    expires_at: datetime | None,
    once: Idempotency | None,
) -> MadeToken:
    """Make a token for one workspace or (None) the instance.

    RateLimited above 60 a minute, Unavailable while Redis is away.
    """
    if (problem := name_problem(name)) is not None:
        raise InvalidRequest(FieldProblem("name", problem))
    check_new_secret(at, name, expires_at)
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, workspace_id, Missing.WORKSPACE)
    await spend_creation(at, operator)
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        await _require(unit, operator, workspace_id, Missing.WORKSPACE)
        token_id, new = await claim_id(at, unit, operator, once)
        secret = at.clock.new_secret()
        if new:
            await operators.insert(
                unit,
                token_id=token_id,
                name=name,
                role=role,
                workspace_id=workspace_id,
                secret_hash=hash_secret(secret),
                expires_at=expires_at,
                now=at.clock.now(),
            )
        record = found(await operators.get(unit, token_id), Missing.OPERATOR_TOKEN)
        if not new:
            return MadeToken(record, None)
        change = Change("operator_token.create", token_id, workspace_id, None, token_fields(record))
        await keep_audit(at.clock, unit, operator.author, change)
        return MadeToken(record, format_token(OPERATOR, token_id, secret))


async def list_operator_tokens(
    at: Installation, call: Call, ask: Ask[Newest], *, workspace_id: UUID | None
) -> Page[OperatorToken, Newest]:
    """List the tokens that one may manage, newest first, all or one workspace's."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        wanted = workspace_id or operator.only
        if wanted is not None:
            await _require(unit, operator, wanted, Missing.WORKSPACE)
        operator.require_role(Role.ADMIN)
        return await operators.page(unit, ask, workspace_id=wanted)


async def revoke_operator_token(at: Installation, call: Call, token_id: UUID) -> OperatorToken:
    """End a token at once; one that was revoked before is answered as it is."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        before = found(await operators.get(unit, token_id), Missing.OPERATOR_TOKEN)
        if before.workspace_id is None and operator.only is not None:
            raise NotFound(Missing.OPERATOR_TOKEN)
        await _require(unit, operator, before.workspace_id, Missing.OPERATOR_TOKEN)
        if not await operators.revoke(unit, token_id):
            return before
        after = found(await operators.get(unit, token_id), Missing.OPERATOR_TOKEN)
        change = Change(
            "operator_token.revoke", token_id, before.workspace_id, token_fields(before), token_fields(after)
        )
        await keep_audit(at.clock, unit, operator.author, change)
        return after


async def _require(unit: Unit, operator: Operator, workspace_id: UUID | None, what: Missing) -> None:
    if workspace_id is None:
        operator.require_instance(Role.ADMIN, "manage tokens of the whole instance")
        return
    operator.require(Role.ADMIN, workspace_id, what)
    found(await workspaces.get(unit, workspace_id), what)
