"""A part of a list, and where the next part begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

Item = TypeVar("Item")
Position = TypeVar("Position")


@dataclass(frozen=True, slots=True)
class Newest:
    """A place in a list that is sorted newest first: everything older than this comes after it."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page(Generic[Item, Position]):
    """Some items in order; `next` is the last one's place where more follow, else None."""

    items: tuple[Item, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Ask(Generic[Position]):
    """Which part is wanted: at most `size` items after `after`, from the beginning where it is None."""

    size: int = 50
    after: Position | None = None
