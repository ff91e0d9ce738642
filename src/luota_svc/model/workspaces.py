"""The tenant boundary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """Everything an operator sets. The limits are tokens per interval: None means the installation's, 0 none."""

    slug: str
    name: str
    limit_monitor_token_minute: int | None = None
    limit_monitor_token_hour: int | None = None
    limit_workspace_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Workspace:
    """One tenant as operators read it."""

    id: UUID
    settings: WorkspaceSettings
    created_at: datetime
    updated_at: datetime
    version: int
