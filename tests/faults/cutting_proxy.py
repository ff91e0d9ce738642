"""A socket between the service and PostgreSQL that cuts a session at the COMMIT of a batch."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path
from urllib.parse import quote

import psycopg

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"\0luota_commit\0"  # in a Bind message: the unnamed portal's end, then the statement's name
_READ_BYTES = 1 << 16


class Cut(Enum):
    """Where the session ends."""

    BEFORE_COMMIT = "the server never sees the COMMIT"
    AFTER_COMMIT = "the server has the COMMIT, its answer finds nobody"
    AFTER_ANSWER = "the server has answered, nobody hears it"


class CuttingProxy:
    """Forwards every session; cuts the next one that commits a batch when told to."""

    def __init__(self, real: str, folder: Path) -> None:
        self._real = real
        self._path = folder / _SOCKET
        self._next: Cut | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []
        self.cuts = 0

    def cut_next(self, how: Cut) -> None:
        self._next = how

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._accept, self._path)

    async def close(self) -> None:
        """End every session; raise what broke one, for a proxy at fault proves nothing."""
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        for broken in self._broken:
            raise broken

    def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        session = asyncio.create_task(self._hold(client, to_client))
        self._sessions.add(session)
        session.add_done_callback(self._ended)

    def _ended(self, session: asyncio.Task[None]) -> None:
        self._sessions.discard(session)
        if not session.cancelled() and (error := session.exception()):
            self._broken.append(error)

    async def _hold(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            server, to_server = await asyncio.open_unix_connection(self._real)
            try:
                await self._forward(client, to_client, server, to_server)
            finally:
                to_server.close()
                to_client.close()

    async def _forward(self, client, to_client, server, to_server) -> None:
        answers = asyncio.create_task(_pump(server, to_client))
        try:
            size = await client.readexactly(4)  # the start-up packet alone has no type
            to_server.write(size + await client.readexactly(int.from_bytes(size) - 4))
            async for message in messages(client):
                if self._next is not None and message[:1] == b"B" and _COMMIT in message:
                    how, self._next = self._next, None
                    self.cuts += 1
                    if how is Cut.BEFORE_COMMIT:
                        return
                    # From here on the client hears nothing.
                    answers.cancel()
                    await asyncio.wait([answers])
                    # Execute and Sync follow the Bind; without them the server would wait for more.
                    to_server.write(message)
                    async for rest in messages(client):
                        to_server.write(rest)
                        if rest[:1] == b"S":
                            break
                    await to_server.drain()
                    if how is Cut.AFTER_ANSWER:
                        await server.read(_READ_BYTES)
                    return
                to_server.write(message)
                await to_server.drain()
        finally:
            answers.cancel()


async def messages(client: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Read a session's messages: a type, a length, the rest."""
    with suppress(asyncio.IncompleteReadError):
        while True:
            head = await client.readexactly(5)
            yield head + await client.readexactly(int.from_bytes(head[1:]) - 4)


async def _pump(server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await server.read(_READ_BYTES):
            to_client.write(data)
            await to_client.drain()
    to_client.close()


@asynccontextmanager
async def cutting_proxy(database_url: str) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """Stand in front of a server; yield the proxy and the address of the same database behind it."""
    known = psycopg.conninfo.conninfo_to_dict(database_url)
    with tempfile.TemporaryDirectory(prefix="luota-cut-") as folder:
        proxy = CuttingProxy(f"{known['host']}/{_SOCKET}", Path(folder))
        server = await proxy.serve()
        try:
            yield proxy, f"postgresql://{known['user']}@/{known['dbname']}?host={quote(folder)}"
        finally:
            server.close()
            await proxy.close()
