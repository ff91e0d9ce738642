"""Ingest keys (the record) and tokens (the string a job shows)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What never changes about an ingest key, and so may be cached: whose it is and the hash of its secret."""

    key_id: UUID
    workspace_id: UUID
    monitor_id: UUID | None
    secret_hash: bytes


@dataclass(frozen=True, slots=True)
class WorkspaceLimits:
    """A workspace's own limits, tokens per interval; None means the installation's, 0 none."""

    monitor_token_minute: int | None
    monitor_token_hour: int | None
    workspace_minute: int | None


@dataclass(frozen=True, slots=True)
class IngestKey:
    """The record. `monitor_id` None means the whole workspace. Times say when it stops being accepted."""

    id: UUID
    workspace_id: UUID
    monitor_id: UUID | None
    name: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    replaces_id: UUID | None


@dataclass(frozen=True, slots=True)
class Token:
    """A parsed token: its kind's prefix, the key's id and the secret as sent. Never logged, never in a repr."""

    prefix: str
    key_id: UUID
    secret: str

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"Token({self.prefix}.{self.key_id}.***)"
