"""What `dev` told its operator in place of a provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One alert as it came. `content` is the frozen alert (docs/alerts.md)."""

    id: UUID
    delivery_id: UUID
    received_at: datetime
    content: bytes
    request_id: str | None
