"""One target within one workspace: what its bulkhead, its breaker and its pace remember."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

# A workspace and the SHA-256 of a whole target.
Destination = tuple[UUID, bytes]


@dataclass(frozen=True, slots=True)
class Breaker:
    """Failures in a row, and until when nothing is sent. Past `open_until` one probe decides (rules/breaker)."""

    failures_in_row: int = 0
    open_until: datetime | None = None
    # How long it was last open; it doubles.
    open_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How close messages to people follow one another (rules/pace)."""

    last_message_at: datetime | None = None
    messages_in_row: int = 0
    storm_until: datetime | None = None
