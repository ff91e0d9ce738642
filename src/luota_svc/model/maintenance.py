"""Spans in which incidents are judged and not told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class WindowState(StrEnum):
    """How a maintenance window stands, derived."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    PAST = "past"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class WindowScope:
    """What a window covers: its monitors, or those that bear all of its tags; with neither, the whole workspace."""

    monitor_ids: frozenset[UUID] = frozenset()
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WindowTimes:
    """When a window is: once (`starts_at`, `ends_at`), or `duration_seconds` from each instant of a cron line."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    cron: str | None = None
    timezone: str = "UTC"
    duration_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Everything that an operator says of a window."""

    scope: WindowScope
    times: WindowTimes
    comment: str


class Span(NamedTuple):
    """From `starts_at` on, until before `ends_at`."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class QuietWindow:
    """What judging needs of a window that was not cancelled."""

    workspace_id: UUID
    scope: WindowScope
    times: WindowTimes


@dataclass(frozen=True, slots=True)
class Quietable:
    """What a monitor brings to the question of whether it is quiet."""

    id: UUID
    workspace_id: UUID
    tags: dict[str, str]
    muted_until: datetime | None


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A window as operators read it; its state and what comes next are derived (rules/maintenance)."""

    id: UUID
    workspace_id: UUID
    settings: WindowSettings
    author: str
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None
    version: int
