"""What a plan of PostgreSQL's is made of, and parameters of many rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a plan's node and all below it."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def ids(letter: str, count: int) -> str:
    """Write an array of the ids that `md5('<letter><number>')` gives, from 1 on."""
    return f"(SELECT array_agg(md5('{letter}' || n)::uuid) FROM generate_series(1, {count}) AS n)"
