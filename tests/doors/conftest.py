"""The real composition on real PostgreSQL and Valkey, both doors open, and a fresh scene for every case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import psycopg
import pytest
import pytest_asyncio
import uvloop
from google.protobuf.message import Message
from tests.doors.scene import Scene, make_scene
from tests.http_api.wire import Connection, Response, request_bytes
from tests.servers import ENCRYPTION_KEY, Databases, empty
from tests.witness import WITNESS

from luota_svc.app.build import Application, build
from luota_svc.clock import Clock, RealClock
from luota_svc.embedded import PrivateServers
from luota_svc.settings import Settings, load
from luota_svc.telemetry.logs import Logging, configure_logging

WAIT = 10.0
# So few that a case can use them up, so many that no other case does: each scene knocks from an address of its own.
ADDRESS_LIMIT = 300


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """The loop that serves in production."""
    return {"uvloop": uvloop.new_event_loop}


class Lines:
    """Stdout, kept."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | memoryview) -> int:
        self.data += data
        return len(data)


@dataclass
class Luota:
    """A running Luota and a client for each door."""

    application: Application
    database: psycopg.Connection[Any]
    channel: grpc.aio.Channel
    lines: Lines

    async def http(self, raw: bytes) -> Response:
        connection = await Connection.open(self.application.http_port)
        try:
            async with asyncio.timeout(WAIT):
                await connection.send(raw)
                return await connection.response()
        finally:
            await connection.close()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Response:
        return await self.http(request_bytes(method, path, body, **headers))

    def call(self, method: str, request: Message | bytes, metadata: tuple[tuple[str, str], ...] = ()) -> Any:
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        return self.channel.unary_unary(f"/{method}")(raw, metadata=metadata, timeout=WAIT)

    def scene(self) -> Scene:
        scene = make_scene(self.database)
        WITNESS.uses(*scene.tokens())
        return scene


@asynccontextmanager
async def running_luota(
    database_url: str,
    redis_url: str,
    *,
    dev_file: Path | None = None,
    build: Callable[[Settings, Clock, Logging], Awaitable[Application]] = build,
    **environment: str,
) -> AsyncIterator[Luota]:
    """Compose as `serve` does, or as `dev` where its file is given."""
    env = {
        "LUOTA_DATABASE_URL": database_url,
        "LUOTA_REDIS_URL": redis_url,
        "LUOTA_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "LUOTA_HTTP_LISTEN": "127.0.0.1:0",
        "LUOTA_GRPC_LISTEN": "127.0.0.1:0",
        "LUOTA_PUBLIC_URL": "https://luota.example",
        "LUOTA_TRUSTED_PROXIES": "127.0.0.0/8",
        "LUOTA_LIMIT_SOURCE_IP_MINUTE": str(ADDRESS_LIMIT),
        **environment,
    }
    lines, clock = Lines(), RealClock()
    logging = configure_logging("info", now=clock.now, stream=lines, human=False)
    try:
        settings = load(env)
        application = await build(settings.with_dev(dev_file) if dev_file else settings, clock, logging)
        try:
            assert await application.readiness.wait(WAIT)
            target = f"127.0.0.1:{application.grpc_port}"
            with psycopg.connect(database_url, autocommit=True) as database:
                async with grpc.aio.insecure_channel(target) as channel:
                    luota = Luota(application, database, channel, lines)
                    yield luota
        finally:
            await application.stop()
    finally:
        logging.close()


@pytest.fixture(scope="module")
def module_database_url(template_database: Databases) -> Iterator[str]:
    with template_database.clone() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def luota(module_database_url: str, servers: PrivateServers) -> AsyncIterator[Luota]:
    """One Luota for all cases of a module; each case brings a scene of its own."""
    empty(servers.redis_url)
    async with running_luota(module_database_url, servers.redis_url) as luota:
        yield luota
