"""Rows the way the hot statements take them: column by column, for `unnest`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Return each column of rows that are all alike, in their order; nothing where there is no row."""
    return [list(column) for column in zip(*rows, strict=True)]
