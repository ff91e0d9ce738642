"""When each ingest key was last accepted, to the minute: gathered in memory, written rarely, never in a job's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luota_svc.store import keys

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from luota_svc.clock import Clock
    from luota_svc.model.keys import KeyFacts
    from luota_svc.store.database import Database


class KeyUsage:
    """Remembers keys that were used since the last write. What a kill loses is a minute of a convenience."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Start empty."""
        self._database = database
        self._clock = clock
        self._used: dict[UUID, datetime] = {}

    def note(self, facts: KeyFacts) -> None:
        """Remember that a signal under this key landed now."""
        self._used[facts.key_id] = self._clock.now()

    async def write(self) -> None:
        """Write what was remembered; raise Unavailable, and keep it, where the database is away."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with self._database.unit() as unit:
                await keys.set_last_used(unit, used)
        except BaseException:
            self._used = used | self._used
            raise
