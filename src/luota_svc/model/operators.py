"""Those who manage: operator tokens and roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID


class Role(IntEnum):
    """What an operator may do; each includes the ones below."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class OperatorToken:
    """The record of an operator token. `workspace_id` None means the whole instance."""

    id: UUID
    name: str
    role: Role
    workspace_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as the audit and the timeline name them: an operator token, a key, a rule or the bootstrap."""

    kind: str
    id: str
    name: str
