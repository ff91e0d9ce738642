"""Who changed what: one entry per management change, secrets masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from luota_svc.model.operators import Actor


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `before` and `after` are plain JSON values of the target, None where it did not exist."""

    id: UUID
    at: datetime
    workspace_id: UUID | None
    actor: Actor
    action: str
    target_type: str
    target_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
