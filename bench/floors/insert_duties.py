"""Floor: what PostgreSQL takes of rows as wide as a duty with its content: INSERTs of 64 a statement, each committed.

The table has the columns that a duty fills and a primary key; no other index, and nothing is ever changed in it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime

import uvloop
from psycopg import AsyncConnection

from bench.duties import TRACEPARENT, alert

_ROWS = 64
_WRITERS = 4

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS reference;
CREATE TABLE IF NOT EXISTS reference.duties (
    id uuid PRIMARY KEY, workspace_id uuid NOT NULL, route_id uuid NOT NULL, destination bytea NOT NULL,
    reason text NOT NULL, state text NOT NULL, severity_rank smallint NOT NULL, created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL, next_attempt_at timestamptz, due_at timestamptz, content bytea, request_id text,
    traceparent text, attempt_count int NOT NULL DEFAULT 0, deferral_count int NOT NULL DEFAULT 0,
    lost_count int NOT NULL DEFAULT 0, lease_token bigint NOT NULL DEFAULT 0
)
"""
_INSERT = """
INSERT INTO reference.duties (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at,
                              expires_at, next_attempt_at, due_at, content, request_id, traceparent)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[], %s::text[], %s::text[], %s::smallint[],
                     %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::bytea[],
                     %s::text[], %s::text[])
"""


def duties_per_second(database_url: str, seconds: float) -> float:
    """Insert for so long with a few writers; rows a second. The table is emptied first."""
    return uvloop.run(_measure(database_url, seconds))


async def _measure(database_url: str, seconds: float) -> float:
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(_SCHEMA)
        await connection.execute("TRUNCATE reference.duties")
    began = time.perf_counter()
    statements = await asyncio.gather(*(_write(database_url, began + seconds) for _ in range(_WRITERS)))
    return sum(statements) * _ROWS / (time.perf_counter() - began)


async def _write(database_url: str, until: float) -> int:
    statements = 0
    content, now = [alert()] * _ROWS, [datetime.now(UTC)] * _ROWS
    words = (["test"] * _ROWS, ["pending"] * _ROWS, [3] * _ROWS, now, now, now, now, content)
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        while time.perf_counter() < until:
            ids = [uuid.uuid4() for _ in range(_ROWS)]
            keys = [key.bytes * 2 for key in ids]
            columns = (ids, ids, ids, keys, *words, ["req-bench-000000"] * _ROWS, [TRACEPARENT] * _ROWS)
            await connection.execute(_INSERT, columns, prepare=True, binary=True)
            statements += 1
    return statements
