"""Who manages: judges the operator token that a call shows, and what its operator may see and do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import InvalidOperatorToken, Missing, NotFound, PermissionDenied
from luota_svc.model.operators import Actor, OperatorToken, Role
from luota_svc.rules.ingest_key import DUMMY_HASH, OPERATOR, choose_credential, parse_token, secret_matches
from luota_svc.store import operators
from luota_svc.store.database import Unit

Thing = TypeVar("Thing")

OPERATOR_ACTOR = "operator_token"


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, by which request and trace."""

    actor: Actor
    request_id: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody whose token is valid now. What they may do where is asked for each thing."""

    token: OperatorToken
    call: Call

    @property
    def author(self) -> Author:
        """Name them as the audit and the timeline do."""
        actor = Actor(OPERATOR_ACTOR, str(self.token.id), self.token.name)
        return Author(actor, self.call.request_id, self.call.traceparent)

    @property
    def only(self) -> UUID | None:
        """Return the one workspace that they see, None for all."""
        return self.token.workspace_id

    def sees(self, workspace_id: UUID) -> bool:
        """Tell whether the workspace is theirs to know of."""
        return self.only is None or self.only == workspace_id

    def require(self, needed: Role, workspace_id: UUID, what: Missing) -> None:
        """Return where they may act; NotFound of the noun they asked for where they may not even know of it."""
        if not self.sees(workspace_id):
            raise NotFound(what)
        self.call.subject["workspace_id"] = str(workspace_id)
        self.require_role(needed)

    def require_role(self, needed: Role) -> None:
        """Return where their role is enough, else raise PermissionDenied."""
        if self.token.role < needed:
            raise PermissionDenied(f"This needs the role {needed.name.lower()}")

    def require_instance(self, needed: Role, to_do: str) -> None:
        """Return where their token is the instance's and its role enough."""
        if self.only is not None:
            raise PermissionDenied(f"Only an operator of the whole instance may {to_do}")
        self.require_role(needed)


async def admit(unit: Unit, call: Call) -> Operator:
    """Judge the shown token by the database's clock, in constant time; InvalidOperatorToken for any but a valid one."""
    shown = choose_credential(call.credentials)
    token = parse_token(shown) if shown else None
    stands = await operators.recognise(unit, token.key_id) if token else None
    matches = secret_matches(token.secret if token else "", stands.secret_hash if stands else DUMMY_HASH)
    if token is None or stands is None or token.prefix != OPERATOR or not matches or not stands.alive:
        raise InvalidOperatorToken
    call.subject["actor"] = stands.token.name
    await operators.touch(unit, stands.token.id)
    return Operator(stands.token, call)


def found(thing: Thing | None, what: Missing) -> Thing:
    """Return the thing, or raise NotFound of its noun."""
    if thing is None:
        raise NotFound(what)
    return thing
