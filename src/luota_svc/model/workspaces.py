"""The tenant boundary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Workspace:
    """One tenant. The limits are its own where set, else the installation's."""

    id: UUID
    slug: str
    name: str
    limit_monitor_token_minute: int | None
    limit_monitor_token_hour: int | None
    limit_workspace_minute: int | None
    created_at: datetime
    updated_at: datetime
    version: int
