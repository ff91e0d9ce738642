"""A socket between Luota and PostgreSQL that stalls every session, or cuts or holds one at a chosen moment."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

_SOCKET = ".s.PGSQL.5432"
_READ_BYTES = 1 << 16
# The batch's COMMIT as a Bind message names it: the unnamed portal's end, then the statement (store/round_trip.py).
_BATCH_COMMIT = b"\0luota_ingest_commit\0"
_BEGIN, _COMMIT = b"BEGIN", b"COMMIT"
# What the server says of a COMMIT that it has done, and at the end of each answer, done or not.
_COMMITTED, _READY = b"COMMIT\0", b"Z\0\0\0\5"
_CLAIM, _SETTLE = b"SET state = 'sending'", b"last_error = v.last_error"


class _Reach(Enum):
    """How far what is sent at a moment still gets."""

    UNSENT = 0
    SENT = 1
    DONE = 2


class Moment(Enum):
    """Where a session is cut or held: from then on its process neither says nor hears anything."""

    LANDING = "the ingest batch's COMMIT never arrives"
    LANDING_UNHEARD = "the ingest batch's COMMIT is on its way"
    LANDED = "the ingest batch is committed, nobody was answered"
    CLAIMED = "the claim is committed, its worker does not know"
    SENT = "the receiver has answered, the settle never arrives"
    COMMITTING = "the settle's COMMIT is on its way"
    SETTLED = "the settle is committed, its worker does not know"


# Of a moment at a transaction's COMMIT: what one of the transaction's statements says, and how far that COMMIT gets.
_AT_COMMIT = {
    Moment.CLAIMED: (_CLAIM, _Reach.DONE),
    Moment.COMMITTING: (_SETTLE, _Reach.SENT),
    Moment.SETTLED: (_SETTLE, _Reach.DONE),
}
_AT_BATCH_COMMIT = {
    Moment.LANDING: _Reach.UNSENT,
    Moment.LANDING_UNHEARD: _Reach.SENT,
    Moment.LANDED: _Reach.DONE,
}


class PostgresProxy:
    """Forwards every session; the next one that comes to the moment that it was told is cut, or held."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._next: Moment | None = None
        self._every = False
        self._sessions: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut = asyncio.Event()
        self.held = asyncio.Event()
        self.cuts = 0

    def hold_next(self, moment: Moment) -> None:
        """Hold the next session that comes there, until `cut` or its process ends it; `held` says that it did."""
        self.held.clear()
        self._cut = asyncio.Event()  # of this hold alone
        self._next, self._every = moment, False

    def cut(self) -> None:
        """End the session that is held; its process lives and must find out."""
        self._cut.set()

    def cut_next(self, moment: Moment, *, every: bool = False) -> None:
        """End the next session that comes there as soon as it does, and with it every other if so told."""
        self.hold_next(moment)
        self._every = every
        self.cut()

    def stall(self) -> None:
        """Let nothing through; sessions stay open, as behind a network that forgot them."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

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
        try:
            # A server that was killed has no socket.
            with suppress(ConnectionError, asyncio.IncompleteReadError, FileNotFoundError):
                server, to_server = await asyncio.open_unix_connection(self._real)
                answers = _Answers(server, to_client, self._flowing)
                try:
                    size = await client.readexactly(4)  # the start-up packet alone has no type
                    await self._pass(size + await client.readexactly(int.from_bytes(size) - 4), to_server)
                    await self._forward(client, to_server, answers)
                finally:
                    to_server.close()
                    await answers.end()
        finally:
            to_client.close()

    async def _forward(self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, answers: _Answers) -> None:
        said = _Said()
        async for message in _messages(client):
            said.hear(message)
            if self._next is None or (reach := said.comes_to(self._next)) is None:
                await self._pass(message, to_server)
                continue
            cut, every, self._next = self._cut, self._every, None
            self.cuts += cut.is_set()
            if reach is not _Reach.UNSENT:
                await self._commit_unheard(client, to_server, answers, message)
            if reach is _Reach.DONE and not await answers.committed():
                return  # refused: then this was not the moment
            if every:
                for other in self._sessions - {asyncio.current_task()}:
                    other.cancel()
            self.held.set()
            await _first_of(_read_to_its_end(client), cut.wait())
            return

    async def _pass(self, data: bytes, to_server: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        to_server.write(data)
        await to_server.drain()

    async def _commit_unheard(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, answers: _Answers, message: bytes
    ) -> None:
        answers.muted = True
        await self._pass(message, to_server)
        if message[:1] == b"B":  # Execute and Sync follow the Bind; without them the server would wait for more
            async for rest in _messages(client):
                await self._pass(rest, to_server)
                if rest[:1] == b"S":
                    break


class _Said:
    """What a session's process has said: the statements of the transaction that is open."""

    def __init__(self) -> None:
        self._prepared: dict[bytes, bytes] = {}
        self._statements: list[bytes] = []
        self._last = b""
        # The statement that the last message binds, if it does.
        self._bound = b""

    def hear(self, message: bytes) -> None:
        self._last, self._bound = message, b""
        kind, content = message[:1], message[5:]
        if kind == b"P":
            name, _, rest = content.partition(b"\0")
            self._prepared[name] = rest
        elif kind == b"B":
            self._bound = self._prepared.get(content.partition(b"\0")[2].partition(b"\0")[0], b"")
            self._statements.append(self._bound)
        if (content if kind == b"Q" else self._bound).startswith(_BEGIN):
            self._statements = []

    def comes_to(self, moment: Moment) -> _Reach | None:
        """Return how far the last message gets if it is the moment."""
        kind = self._last[:1]
        ends_batch = kind == b"B" and _BATCH_COMMIT in self._last
        if moment in _AT_BATCH_COMMIT:
            return _AT_BATCH_COMMIT[moment] if ends_batch else None
        if moment is Moment.SENT:
            return _Reach.UNSENT if _SETTLE in self._bound else None
        mark, reach = _AT_COMMIT[moment]
        commits = (self._last[5:] if kind == b"Q" else self._bound).startswith(_COMMIT)
        return reach if commits and any(mark in statement for statement in self._statements) else None


class _Answers:
    """The server's half of a session: passed on until nobody is to hear it any more."""

    def __init__(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
        self._server, self._to_client, self._flowing = server, to_client, flowing
        self.muted = False
        self._unheard = b""
        self._answered = asyncio.Event()
        self._task = asyncio.create_task(self._pump())

    async def committed(self) -> bool:
        """Wait for the answer that nobody hears; return whether it says that the COMMIT is done."""
        await self._answered.wait()
        return _COMMITTED in self._unheard

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _pump(self) -> None:
        with suppress(ConnectionError):
            while data := await self._server.read(_READ_BYTES):
                await self._flowing.wait()
                if not self.muted:
                    self._to_client.write(data)
                    await self._to_client.drain()
                    continue
                self._unheard += data
                if self._unheard[-6:-1] == _READY:
                    self._answered.set()
        self._answered.set()
        self._to_client.close()


async def _messages(client: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Read a session's messages: a type, a length, the rest."""
    with suppress(asyncio.IncompleteReadError):
        while True:
            head = await client.readexactly(5)
            yield head + await client.readexactly(int.from_bytes(head[1:]) - 4)


async def _read_to_its_end(client: asyncio.StreamReader) -> None:
    """What the one who is held still sends finds nobody."""
    with suppress(ConnectionError):
        while await client.read(_READ_BYTES):
            pass


async def _first_of(*awaited: Any) -> None:
    tasks = {asyncio.ensure_future(each) for each in awaited}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def postgres_proxy(url: str) -> AsyncIterator[tuple[PostgresProxy, str]]:
    """Stand in front of the server of `url` (a Unix socket); yield the proxy and the address that leads through it."""
    parts = urlsplit(url)
    (real,) = parse_qs(parts.query)["host"]
    with tempfile.TemporaryDirectory(prefix="luota-proxy-") as folder:
        proxy = PostgresProxy(f"{real}/{_SOCKET}")
        server = await asyncio.start_unix_server(proxy.accept, Path(folder) / _SOCKET)
        try:
            yield proxy, parts._replace(query=f"host={quote(folder)}").geturl()
        finally:
            server.close()
            await proxy.close()
