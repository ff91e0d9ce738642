"""Every way Luota says no. Each door has one table that maps these; nothing else crosses a door as an error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luota_svc.model.runs import RunView


class LuotaError(Exception):
    """Base of all errors that a caller may see."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field; `field` is the public JSON spelling, "" for the whole body."""

    field: str
    problem: str


class InvalidRequest(LuotaError):
    """What the client sent cannot be understood or breaks a published bound. Says what, in words."""

    def __init__(self, *problems: FieldProblem) -> None:
        """Take at least one problem; the first is the message."""
        assert problems
        self.problems = problems
        first = problems[0]
        super().__init__(f"{first.field}: {first.problem}" if first.field else first.problem)


class PayloadTooLarge(LuotaError):
    """The raw body is above the published limit; said before anything was parsed."""


class UnsupportedMediaType(LuotaError):
    """The content type is none that this endpoint reads."""


class InvalidIngestKey(LuotaError):
    """Missing, mistyped, rotated, foreign or mismatched: one answer for all, so that nothing can be learnt."""


class InvalidOperatorToken(LuotaError):
    """No operator token, or none that is valid now."""


class InvalidSignature(LuotaError):
    """A provider's own webhook that is unsigned, wrongly signed, or for no such route: one answer for all."""


class PermissionDenied(LuotaError):
    """The operator is known but has no such role here."""


class Missing(StrEnum):
    """The nouns that can be looked for and not found."""

    ROUTE = "route"
    WORKSPACE = "workspace"
    KEY = "key"
    OPERATOR_TOKEN = "operator_token"  # noqa: S105 - a noun, not a secret
    MONITOR = "monitor"
    RUN = "run"
    INCIDENT = "incident"
    MAINTENANCE_WINDOW = "maintenance_window"
    DELIVERY = "delivery"
    DRILL = "drill"
    ALERT_ROUTE = "alert_route"


class NotFound(LuotaError):
    """No such thing, or none that this caller may know of."""

    def __init__(self, what: Missing) -> None:
        """Name the noun that was looked for."""
        self.what = what
        super().__init__("Not found")


class RunConflict(LuotaError):
    """The other completion already won: a success after a failure or the reverse."""

    def __init__(self, run: RunView) -> None:
        """Keep the run as it stands, so that the answer can show who won."""
        self.run = run
        super().__init__(f"Run already {run.state.value}")


class ResourceConflict(LuotaError):
    """A management write that another write or a uniqueness rule forbids (slug taken, stale version)."""

    def __init__(self, message: str) -> None:
        """Take the sentence that the operator reads."""
        super().__init__(message)


class RateLimited(LuotaError):
    """A bucket is empty. Carries what the published body shows."""

    def __init__(self, *, policy: str, limit: int, retry_after_seconds: int) -> None:
        """`retry_after_seconds` is the true wait, at least 1."""
        self.policy = policy
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds
        super().__init__("Rate limit exceeded")


class WatcherTooSlow(LuotaError):
    """Somebody who watches does not read what they are told. Their last cursor lets them go on."""

    def __init__(self) -> None:
        """There is one sentence for it."""
        super().__init__("Watcher too slow; go on from the last cursor")


class Unavailable(LuotaError):
    """PostgreSQL is away, or the queue in front of it is full. Retry the same call: it may have landed all the same.

    Whoever waited too long, or for a COMMIT whose answer was lost, cannot be told which. The retry finds what landed.
    """

    def __init__(self, reason: str, *, retry_after_seconds: int = 1) -> None:
        """`reason` is for the log only."""
        self.retry_after_seconds = retry_after_seconds
        super().__init__(reason)
