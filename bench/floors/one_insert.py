"""Floor: the app that one would write first: one Redis script and one INSERT for every request.

Written as well as that design allows: typed decoder, pooled pipelined-by-the-driver connections, autocommit,
prepared statements, one script for all four buckets, an idempotent insert. Its pool's size is an argument, and the
benchmark takes the best one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator

import msgspec
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import BlockingConnectionPool, Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.floors.bodies import StartBody
from bench.floors.listening import serve

_LIMIT = 100_000_000

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS reference;
CREATE TABLE IF NOT EXISTS reference.starts (
    id uuid PRIMARY KEY,
    monitor_id uuid NOT NULL,
    external_run_id text NOT NULL,
    host text,
    deploy_sha text,
    received_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (monitor_id, external_run_id)
)
"""

_INSERT = """
INSERT INTO reference.starts (id, monitor_id, external_run_id, host, deploy_sha) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (monitor_id, external_run_id) DO NOTHING
"""

# Fixed windows: the cheapest honest way to four limits.
_SPEND = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[i * 2 - 1]) then
    return {i, redis.call('PTTL', key)}
  end
end
for i, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[i * 2]) end
end
return {0, 0}
"""
_ARGUMENTS = (_LIMIT, 60_000, _LIMIT, 3_600_000, _LIMIT, 60_000, _LIMIT, 60_000)

_decoder = msgspec.json.Decoder(StartBody)
_encode = msgspec.json.Encoder().encode


class Reference:
    """The app's two pools and its one endpoint."""

    def __init__(self, database_url: str, redis_url: str, pool_size: int) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
            database_url, min_size=pool_size, max_size=pool_size, open=False, kwargs={"autocommit": True}
        )
        pool = BlockingConnectionPool.from_url(redis_url, max_connections=pool_size, timeout=5)
        self._redis = Redis(connection_pool=pool)
        self._spend = self._redis.register_script(_SPEND)
        self._hashes: dict[str, bytes] = {}

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Open both pools, and close them."""
        async with self._pool:
            await self._pool.wait()
            await self._redis.ping()
            yield
        await self._redis.aclose()

    async def start(self, request: Request) -> Response:
        """Verify, spend, insert, answer."""
        body = _decoder.decode(await request.body())
        key_id = self._verified(request.headers["x-luota-key"])
        address = request.client.host if request.client else ""
        keys = (f"b:m:{key_id}:{body.monitor_id}", f"b:h:{key_id}:{body.monitor_id}", f"b:w:{key_id}", f"b:a:{address}")
        refused, wait = await self._spend(keys, _ARGUMENTS)
        if refused:
            return Response(_encode({"error": "Rate limit exceeded", "wait": wait}), 429, media_type="application/json")
        run_id, monitor_id = uuid.uuid4(), uuid.UUID(body.monitor_id)
        async with self._pool.connection() as connection:
            await connection.execute(
                _INSERT, (run_id, monitor_id, body.external_run_id, body.host, body.deploy_sha), prepare=True
            )
        run = {"id": run_id, "monitorId": monitor_id, "externalRunId": body.external_run_id, "state": "running"}
        answer = {"run": run, "duplicate": False, "requestId": f"req-{time.time_ns()}"}
        return Response(_encode(answer), 202, media_type="application/json")

    def _verified(self, token: str) -> str:
        _, key_id, secret = token.split(".")
        digest = hashlib.sha256(secret.encode()).digest()
        if not hmac.compare_digest(self._hashes.setdefault(key_id, digest), digest):
            raise PermissionError
        return key_id


async def prepare(database_url: str) -> None:
    """Make the table, empty."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(SCHEMA)
        await connection.execute("TRUNCATE reference.starts")


def main() -> None:
    """Serve until SIGTERM; the pool's size is the argument, the servers come from the environment."""
    database_url, redis_url = os.environ["LUOTA_DATABASE_URL"], os.environ["LUOTA_REDIS_URL"]
    asyncio.run(prepare(database_url))
    reference = Reference(database_url, redis_url, int(sys.argv[1]))
    routes = [Route("/v1/runs/start", reference.start, methods=["POST"])]
    serve(Starlette(routes=routes, lifespan=reference.lifespan))


if __name__ == "__main__":
    main()
