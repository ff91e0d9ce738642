"""Floor: what PostgreSQL takes when nothing else is done: INSERTs of 64 rows a statement, each committed."""

from __future__ import annotations

import asyncio
import time
import uuid

import uvloop
from psycopg import AsyncConnection

_ROWS = 64
_WRITERS = 4

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS reference;
CREATE TABLE IF NOT EXISTS reference.rows_of_64 (
    id uuid PRIMARY KEY, monitor_id uuid NOT NULL, state text NOT NULL, payload text, at timestamptz DEFAULT now()
)
"""
_INSERT = """
INSERT INTO reference.rows_of_64 (id, monitor_id, state, payload)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[])
"""


def rows_per_second(database_url: str, seconds: float) -> float:
    """Insert for so long with a few writers; rows a second. The table is emptied first."""
    return uvloop.run(_measure(database_url, seconds))


async def _measure(database_url: str, seconds: float) -> float:
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(_SCHEMA)
        await connection.execute("TRUNCATE reference.rows_of_64")
    began = time.perf_counter()
    statements = await asyncio.gather(*(_write(database_url, began + seconds) for _ in range(_WRITERS)))
    return sum(statements) * _ROWS / (time.perf_counter() - began)


async def _write(database_url: str, until: float) -> int:
    statements = 0
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        while time.perf_counter() < until:
            ids = [uuid.uuid4() for _ in range(_ROWS)]
            columns = (ids, ids, ["pending"] * _ROWS, ["x" * 200] * _ROWS)
            await connection.execute(_INSERT, columns, prepare=True)
            statements += 1
    return statements
