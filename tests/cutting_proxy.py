"""A door in front of PostgreSQL's socket that a test can stall, or cut around one COMMIT of the ingest batch."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

_SOCKET = ".s.PGSQL.5432"
# The batch's COMMIT as a Bind message names it (unnamed portal, store/round_trip.py), and the server's word for it.
_COMMIT = b"\x00luota_commit\x00"
_COMMITTED = b"COMMIT\x00"


class Cut(Enum):
    """What happens to the next COMMIT, and to its session."""

    BEFORE = "the server never gets it"
    AFTER = "the server does it, its answer is lost"


class _Over(Exception):
    """One end of a session is gone."""


class CuttingProxy:
    """Forwards every session to the real socket. `cut` acts once; with `cut_all` every other session ends then too."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.cut: Cut | None = None
        self.cut_all = False
        self.cuts = 0

    def stall(self) -> None:
        """Let nothing through; sessions stay open, as behind a network that forgot them."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one session until one of its ends is gone."""
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task] = writer
        swallowing = asyncio.Event()
        committed = asyncio.Event()
        server_writer: asyncio.StreamWriter | None = None
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(str(self._server))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._up(reader, server_writer, writer, swallowing, committed))
                both.create_task(self._down(server_reader, writer, swallowing, committed))
        except* (_Over, OSError):
            pass
        finally:
            del self._sessions[task]
            writer.close()
            if server_writer is not None:
                server_writer.close()

    async def end(self) -> None:
        """End every session."""
        self.flow()
        tasks = list(self._sessions)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(
        self,
        reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        swallowing: asyncio.Event,
        committed: asyncio.Event,
    ) -> None:
        while data := await reader.read(1 << 20):
            await self._flowing.wait()
            if self.cut is not None and _COMMIT in data:
                cut, self.cut = self.cut, None
                self.cuts += 1
                if cut is Cut.AFTER:
                    swallowing.set()
                    server_writer.write(data)
                    await committed.wait()
                if self.cut_all:
                    for other in self._sessions.values():
                        if other is not writer:
                            other.transport.abort()
                raise _Over
            server_writer.write(data)
            await server_writer.drain()
        raise _Over

    async def _down(
        self,
        server_reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        swallowing: asyncio.Event,
        committed: asyncio.Event,
    ) -> None:
        while data := await server_reader.read(1 << 20):
            await self._flowing.wait()
            if swallowing.is_set():
                if _COMMITTED in data:
                    committed.set()
                continue
            writer.write(data)
            await writer.drain()
        raise _Over


@asynccontextmanager
async def cutting_proxy(url: str) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """Stand in front of the server of `url` (a Unix socket); give the address that leads through the proxy."""
    parts = urlsplit(url)
    (folder,) = parse_qs(parts.query)["host"]
    proxy = CuttingProxy(Path(folder) / _SOCKET)
    mine = Path(tempfile.mkdtemp(prefix="luota-proxy-"))
    try:
        server = await asyncio.start_unix_server(proxy.serve, str(mine / _SOCKET))
        async with server:
            yield proxy, parts._replace(query=f"host={quote(str(mine))}").geturl()
            server.close()
            await proxy.end()
    finally:
        shutil.rmtree(mine)
