"""What every use case works with: this installation's database, clock, limiter and settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from luota_svc.clock import Clock
from luota_svc.rules.route_targets import TargetPolicy
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault


class StrictLimiter(Protocol):
    """What management charges: it refuses what it can't count, where model/limits' own lets it pass."""

    async def spend_strict(self, subject: str, policy_name: str, limit: int, interval_seconds: int) -> None:
        """Charge one token. RateLimited if there is none, Unavailable if that can't be told."""
        ...


@dataclass(frozen=True, slots=True)
class Installation:
    """Built once by the composition root. `public_url` has no slash at its end."""

    database: Database
    clock: Clock
    limiter: StrictLimiter
    public_url: str
    vault: Vault
    targets: TargetPolicy = field(default_factory=TargetPolicy)
