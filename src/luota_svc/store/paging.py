"""Keyset paging: one row more than asked for tells whether another page follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from psycopg.rows import DictRow

from luota_svc.model.pages import Ask, Item, Newest, Page


def newest_parameters(ask: Ask[Newest]) -> dict[str, Any]:
    """Return the parameters after_at, after_id and limit of a list that is sorted newest first."""
    after = ask.after
    return {
        "after_at": after.at if after else None,
        "after_id": after.id if after else None,
        "limit": ask.size + 1,
    }


def newest_page(
    rows: Sequence[DictRow], ask: Ask[Newest], read: Callable[[DictRow], Item], at: str
) -> Page[Item, Newest]:
    """Cut the page; `at` names the column that the list is sorted by, before id."""
    kept = rows[: ask.size]
    last = Newest(kept[-1][at], kept[-1]["id"]) if len(rows) > ask.size else None
    return Page(tuple(read(row) for row in kept), last)


def slug_parameters(ask: Ask[str]) -> dict[str, Any]:
    """Return the parameters after and limit of a list that is sorted by slug."""
    return {"after": ask.after, "limit": ask.size + 1}


def slug_page(rows: Sequence[DictRow], ask: Ask[str], read: Callable[[DictRow], Item]) -> Page[Item, str]:
    """Cut the page of a list that is sorted by slug."""
    kept = rows[: ask.size]
    last = kept[-1]["slug"] if len(rows) > ask.size else None
    return Page(tuple(read(row) for row in kept), last)


def number_parameters(ask: Ask[int]) -> dict[str, Any]:
    """Return the parameters after and limit of a list that is sorted by number, from 1."""
    return {"after": ask.after or 0, "limit": ask.size + 1}


def number_page(rows: Sequence[DictRow], ask: Ask[int], read: Callable[[DictRow], Item]) -> Page[Item, int]:
    """Cut the page of a list that is sorted by number."""
    kept = rows[: ask.size]
    last = kept[-1]["number"] if len(rows) > ask.size else None
    return Page(tuple(read(row) for row in kept), last)
