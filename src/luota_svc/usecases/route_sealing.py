"""Sealing what routes keep secret with the first key, after another one was put before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from luota_svc.clock import Clock
from luota_svc.store import routes
from luota_svc.store.database import Database
from luota_svc.store.vault import CannotOpen, Vault

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many targets were sealed anew, had been before, and can't be opened by any key."""

    moved: int
    stood: int
    lost: int


async def reseal_routes(database: Database, vault: Vault, clock: Clock) -> Resealed:
    """Seal every route's target with the vault's first key, in batches; what is sealed with it already stays.

    A route whose target no key opens is broken, and says why. Safe to repeat and beside a running service. Raises
    Unavailable; what was done by then is kept.
    """
    moved = stood = lost = 0
    after = UUID(int=0)
    while True:
        async with database.unit() as unit:
            sealed = await routes.sealed_after(unit, after, _BATCH)
            anew: dict[UUID, bytes] = {}
            broken: list[UUID] = []
            reason = ""
            for route_id, target in sealed.items():
                try:
                    fresh = vault.reseal(target)
                except CannotOpen as error:
                    broken.append(route_id)
                    reason = str(error)
                else:
                    anew |= {} if fresh is None else {route_id: fresh}
            await routes.reseal(unit, anew)
            await routes.mark_broken(unit, broken, reason, clock.now())
        moved, lost = moved + len(anew), lost + len(broken)
        stood += len(sealed) - len(anew) - len(broken)
        if len(sealed) < _BATCH:
            return Resealed(moved, stood, lost)
        after = max(sealed)
