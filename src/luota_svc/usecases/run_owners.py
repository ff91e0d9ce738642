"""Remembers which monitor a run belongs to: a fact that never changes, so that a close by run id finds its lock."""

from __future__ import annotations

from uuid import UUID

# About 12 MiB at most; a run that was forgotten costs one more statement, nothing else.
OWNERS_MAX = 50_000


class RunOwners:
    """A bounded map run -> monitor; the oldest entry makes room."""

    def __init__(self, capacity: int = OWNERS_MAX) -> None:
        """Start empty."""
        self._owners: dict[UUID, UUID] = {}
        self._capacity = capacity

    def get(self, run_id: UUID) -> UUID | None:
        """Return the run's monitor, None where it is not remembered."""
        return self._owners.get(run_id)

    def remember(self, run_id: UUID, monitor_id: UUID) -> None:
        """Keep one more."""
        self._owners[run_id] = monitor_id
        if len(self._owners) > self._capacity:
            del self._owners[next(iter(self._owners))]
