"""A socket between a process and PostgreSQL that holds one session at a chosen moment, until it is cut or killed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path
from urllib.parse import quote

import psycopg
from tests.faults.cutting_proxy import messages

_SOCKET = ".s.PGSQL.5432"
_READ_BYTES = 1 << 16
_COMMITTED = b"COMMIT\0"
_BATCH_COMMIT = b"\0luota_commit\0"
_BEGIN, _COMMIT = b"BEGIN", b"COMMIT"


class Moment(Enum):
    """Where a session is held: its mark within a statement's text, and whether it ends before or after the COMMIT."""

    CLAIMED = "the claim is committed, its worker does not know"
    SENT = "the receiver has answered, the settle never arrives"
    COMMITTING = "the settle's COMMIT is on its way"
    SETTLED = "the settle is committed, its worker does not know"
    LANDED = "the ingest batch is committed, nobody was answered"


_MARKS = {
    Moment.CLAIMED: b"SET state = 'sending'",
    Moment.SENT: b"last_error = v.last_error",
    Moment.COMMITTING: b"last_error = v.last_error",
    Moment.SETTLED: b"last_error = v.last_error",
}


class HoldingProxy:
    """Forwards every session; holds the next one that comes to the moment it was told."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._next: Moment | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []
        self.held = asyncio.Event()
        self._cut = asyncio.Event()

    def hold_next(self, moment: Moment) -> None:
        self.held.clear()
        self._cut = asyncio.Event()  # of this hold alone
        self._next = moment

    def cut(self) -> None:
        """End the session that is held; its process lives and must find out."""
        self._cut.set()

    def accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        session = asyncio.create_task(self._serve(client, to_client))
        self._sessions.add(session)
        session.add_done_callback(self._ended)

    async def close(self) -> None:
        """End every session; raise what broke one, for a proxy at fault proves nothing."""
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        for broken in self._broken:
            raise broken

    def _ended(self, session: asyncio.Task[None]) -> None:
        self._sessions.discard(session)
        if not session.cancelled() and (error := session.exception()):
            self._broken.append(error)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, FileNotFoundError):
            server, to_server = await asyncio.open_unix_connection(self._real)
            answers = _Answers(server, to_client)
            try:
                size = await client.readexactly(4)  # the start-up packet alone has no type
                to_server.write(size + await client.readexactly(int.from_bytes(size) - 4))
                await self._forward(client, to_server, answers)
            finally:
                await answers.end()
                to_server.close()
                to_client.close()

    async def _forward(self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, answers: _Answers) -> None:
        prepared: dict[bytes, bytes] = {}
        said: list[bytes] = []  # the statements of the transaction that is open
        async for message in messages(client):
            kind, content = message[:1], message[5:]
            if kind == b"P":
                name, _, rest = content.partition(b"\0")
                prepared[name] = rest
            elif kind == b"B":
                said.append(prepared.get(content.partition(b"\0")[2].partition(b"\0")[0], b""))
            if (kind == b"Q" and content.startswith(_BEGIN)) or (kind == b"B" and said[-1].startswith(_BEGIN)):
                said = []
            commits = (kind == b"Q" and content.startswith(_COMMIT)) or (kind == b"B" and _BATCH_COMMIT in message)
            moment = self._next
            if moment is None or not _is_at(moment, said, message, commits=commits):
                to_server.write(message)
                await to_server.drain()
                continue
            self._next = None
            if moment is not Moment.SENT:
                await self._commit_unheard(client, to_server, answers, message, at_once=moment is Moment.COMMITTING)
            self.held.set()
            # What the one who is held still sends finds nobody.
            ends = {asyncio.create_task(_read_to_its_end(client)), asyncio.create_task(self._cut.wait())}
            _, others = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            return

    async def _commit_unheard(
        self,
        client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        answers: _Answers,
        message: bytes,
        *,
        at_once: bool,
    ) -> None:
        answers.muted = True
        to_server.write(message)
        if message[:1] == b"B":  # Execute and Sync follow the Bind; without them the server would wait for more
            async for rest in messages(client):
                to_server.write(rest)
                if rest[:1] == b"S":
                    break
        await to_server.drain()
        if not at_once:
            await answers.committed.wait()


class _Answers:
    """The server's half of a session: passed on until nobody is to hear it any more."""

    def __init__(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.muted = False
        self.committed = asyncio.Event()
        self._task = asyncio.create_task(self._pump(server, to_client))

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _pump(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await server.read(_READ_BYTES):
                if not self.muted:
                    to_client.write(data)
                    await to_client.drain()
                elif _COMMITTED in data:
                    self.committed.set()
        to_client.close()


async def _read_to_its_end(client: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await client.read(_READ_BYTES):
            pass


def _is_at(moment: Moment, said: list[bytes], message: bytes, *, commits: bool) -> bool:
    if moment is Moment.LANDED:
        return commits and _BATCH_COMMIT in message
    if moment is Moment.SENT:
        return message[:1] == b"B" and bool(said) and _MARKS[moment] in said[-1]
    return commits and any(_MARKS[moment] in statement for statement in said)


@asynccontextmanager
async def holding_proxy(database_url: str) -> AsyncIterator[tuple[HoldingProxy, str]]:
    """Stand in front of a server; yield the proxy and the address of the same database behind it."""
    known = psycopg.conninfo.conninfo_to_dict(database_url)
    with tempfile.TemporaryDirectory(prefix="luota-hold-") as folder:
        proxy = HoldingProxy(f"{known['host']}/{_SOCKET}")
        server = await asyncio.start_unix_server(proxy.accept, Path(folder) / _SOCKET)
        try:
            yield proxy, f"postgresql://{known['user']}@/{known['dbname']}?host={quote(folder)}"
        finally:
            server.close()
            await proxy.close()
