"""What every use case works with: this installation's database, clock, limiter and settings."""

from __future__ import annotations

from dataclasses import dataclass

from luota_svc.clock import Clock
from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Installation:
    """Built once by the composition root. `public_url` has no slash at its end."""

    database: Database
    clock: Clock
    limiter: RedisLimiter
    public_url: str
    vault: Vault
