"""The first admin: a token that somebody brings (or that is made here) becomes the instance's, once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from luota_svc.clock import Clock
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, ResourceConflict
from luota_svc.model.keys import Token
from luota_svc.model.operators import Actor, Role
from luota_svc.rules.ingest_key import OPERATOR, format_token, hash_secret, parse_token, secret_matches
from luota_svc.store import operators
from luota_svc.store.database import Database, Unit
from luota_svc.usecases.changes import Change, keep_audit
from luota_svc.usecases.operator_admission import Author, found
from luota_svc.usecases.public_fields import token_fields

NAME: Final = "bootstrap"


class BootstrapOutcome(StrEnum):
    """What stood already."""

    CREATED = "created"
    STANDS = "stands"
    # Revoked or expired: said, and not raised from the dead. Whoever ended it meant it.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The outcome, and the token as text (a secret: show it once, never log it)."""

    outcome: BootstrapOutcome
    token: str


async def ensure_admin(database: Database, clock: Clock, token_text: str | None) -> Bootstrapped:
    """Make sure that the instance has this admin token; without one, make a new one. Repeating it changes nothing.

    InvalidRequest where the text is no operator token, ResourceConflict where its id is somebody else's.
    """
    token = _parsed(token_text) if token_text is not None else Token(OPERATOR, clock.new_id(), clock.new_secret())
    async with database.unit() as unit:
        outcome = await ensure_operator(unit, clock, token, NAME)
    return Bootstrapped(outcome, format_token(OPERATOR, token.key_id, token.secret))


async def ensure_operator(unit: Unit, clock: Clock, token: Token, name: str) -> BootstrapOutcome:
    """Make sure that a token is an admin of the whole instance, in a transaction of the caller's."""
    new = await operators.insert(
        unit,
        token_id=token.key_id,
        name=name,
        role=Role.ADMIN,
        workspace_id=None,
        secret_hash=hash_secret(token.secret),
        expires_at=None,
        now=clock.now(),
    )
    stands = found(await operators.recognise(unit, token.key_id), Missing.OPERATOR_TOKEN)
    if new:
        author = Author(Actor("bootstrap", NAME, NAME), clock.new_request_id())
        change = Change("operator_token.create", token.key_id, None, None, token_fields(stands.token))
        await keep_audit(clock, unit, author, change)
        return BootstrapOutcome.CREATED
    if not secret_matches(token.secret, stands.secret_hash):
        raise ResourceConflict("Another operator token has this id already")
    return BootstrapOutcome.STANDS if stands.alive else BootstrapOutcome.ENDED


def _parsed(text: str) -> Token:
    token = parse_token(text.strip())
    if token is None or token.prefix != OPERATOR:
        raise InvalidRequest(FieldProblem("", "The bootstrap token must be wfop1.<id>.<secret>"))
    return token
