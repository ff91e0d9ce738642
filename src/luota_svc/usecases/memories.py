"""What a process remembers between batches, bounded: forgetting costs one more statement, nothing else."""

from __future__ import annotations

from typing import Generic, TypeVar
from uuid import UUID

K = TypeVar("K")
V = TypeVar("V")

# About 12 MiB of runs at most.
ENTRIES_MAX = 50_000


class _Memory(Generic[K, V]):
    """A bounded map; the oldest entry makes room."""

    def __init__(self, capacity: int = ENTRIES_MAX) -> None:
        """Start empty."""
        self._entries: dict[K, V] = {}
        self._capacity = capacity

    def get(self, key: K) -> V | None:
        """Return what is remembered, None where nothing is."""
        return self._entries.get(key)

    def remember(self, key: K, value: V) -> None:
        """Keep one more."""
        self._entries[key] = value
        if len(self._entries) > self._capacity:
            del self._entries[next(iter(self._entries))]


class RunOwners(_Memory[UUID, UUID]):
    """Run -> monitor: a fact that never changes, so that a close by run id finds its lock."""


class MonitorSlugs(_Memory[tuple[UUID, str], UUID]):
    """(workspace, slug) -> the monitor that a batch last found behind it.

    A slug may be given to another monitor, so this names buckets alone: a monitor that is called by its id and by its
    slug must not have two of them. What a signal is about is asked in every batch.
    """
