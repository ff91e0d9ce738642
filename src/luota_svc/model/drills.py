"""A failure on purpose, which proves the whole way from a signal to a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Drill:
    """What a drill made, and how far it is. `request_id` is of whoever started it."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID
    route_id: UUID
    request_id: str
    received_count: int
    created_at: datetime
    expires_at: datetime
    repaired_at: datetime | None
    ended_at: datetime | None
