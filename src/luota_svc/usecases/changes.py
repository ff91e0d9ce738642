"""What every management write shares: one key makes one thing, one version is changed once, and who did it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from luota_svc.clock import Clock
from luota_svc.model.audit import AuditEntry
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.store import audit, idempotency
from luota_svc.store.database import Unit
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import Author, Operator

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One change as the audit keeps it. `action` is noun.verb, and the noun is the target's."""

    action: str
    target_id: UUID
    workspace_id: UUID | None
    before: Fields | None
    after: Fields | None


async def claim_id(at: Installation, unit: Unit, operator: Operator, once: Idempotency | None) -> tuple[UUID, bool]:
    """Return the id of what is to be made and True, or the id of what this idempotency key made before and False."""
    new_id = at.clock.new_id()
    if once is None:
        return new_id, True
    claimed = await idempotency.claim(unit, operator.token.id, once, new_id, at.clock.now())
    return claimed, claimed == new_id


def check_version(what: Missing, stands: int, expected: int | None) -> None:
    """Refuse to overwrite what the caller has not read; 0 and None check nothing."""
    if expected and expected != stands:
        raise ResourceConflict(f"The {what.value.replace('_', ' ')} was changed by somebody else; read it again")


def future_instant(clock: Clock, at: datetime, field: str) -> datetime:
    """Return an instant that must lie ahead, to the millisecond as it is shown: what was read can be sent back."""
    shown = at.replace(microsecond=at.microsecond // 1_000 * 1_000)
    if shown <= clock.now():
        raise InvalidRequest(FieldProblem(field, "must be in the future"))
    return shown


def check_problems(problems: list[FieldProblem]) -> None:
    """Raise InvalidRequest with all problems at once, if there are any."""
    if problems:
        raise InvalidRequest(*problems)


async def keep_audit(clock: Clock, unit: Unit, author: Author, change: Change) -> None:
    """Write who changed what, in the transaction of the change."""
    entry = AuditEntry(
        id=clock.new_id(),
        at=clock.now(),
        workspace_id=change.workspace_id,
        actor=author.actor,
        action=change.action,
        target_type=change.action.partition(".")[0],
        target_id=str(change.target_id),
        before=change.before,
        after=change.after,
        request_id=author.request_id,
    )
    await audit.insert(unit, entry)
