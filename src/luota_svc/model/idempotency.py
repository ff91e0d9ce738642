"""What makes a create repeatable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's own key for one create, and a hash of all else it asked for: one key never means two things."""

    key: str
    request_hash: bytes
