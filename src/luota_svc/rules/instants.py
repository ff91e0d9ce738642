"""How an instant is spelled wherever a person or a program reads it: RFC 3339, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(at: datetime) -> str:
    """Return `2026-05-25T12:00:00.000Z`, cut to the millisecond."""
    since = at - _EPOCH
    return f"{_second(since.days, since.seconds)}.{since.microseconds // 1_000:03d}Z"


def instant_or_none(at: datetime | None) -> str | None:
    """Return an instant as text, None for none."""
    return None if at is None else instant_text(at)


@lru_cache(maxsize=4_096)
def _second(days: int, seconds: int) -> str:
    """Return an instant of the epoch without its fraction; what is written together shares a few seconds."""
    return (_EPOCH + timedelta(days=days, seconds=seconds)).isoformat()[:19]
