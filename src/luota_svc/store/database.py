"""The pool and the unit of work: one `async with database.unit()` is one transaction."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from luota_svc.store.errors import RowCountMismatch, translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

# Longer than any statement of ours should take, shorter than a caller's patience (design: no hang beyond 5 s).
_SESSION = (
    "SET statement_timeout = {statement}; SET lock_timeout = {lock}; SET idle_in_transaction_session_timeout = 10000"
)
_CONNECTION_WAIT_SECONDS = 2.0
# The pool doubles its pause after each failed try. It starts anew with whoever asks next, so giving up early is what
# keeps a server that comes back after a long outage from being waited for as long again.
_RECONNECT_SECONDS = 5.0
# A server that vanished without a word (its machine died, a firewall forgot us) is noticed in seconds, not hours.
_KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Unit:
    """One open transaction. Statements come from a noun's catalogue; rows are dicts."""

    def __init__(self, connection: AsyncConnection[DictRow]) -> None:
        """Wrap the connection that the transaction runs on."""
        self.connection = connection
        self._rings = False

    @property
    def rings(self) -> bool:
        """True where this transaction wrote duties: workers are to be woken once it has committed."""
        return self._rings

    def ring(self) -> None:
        """Wake the workers after the commit."""
        self._rings = True

    async def rows(self, statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> list[DictRow]:
        """Run a statement and return all of its rows."""
        cursor = await self.connection.execute(statement, parameters)
        return await cursor.fetchall()

    async def row(self, statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> DictRow | None:
        """Run a statement and return its first row, or None."""
        cursor = await self.connection.execute(statement, parameters)
        return await cursor.fetchone()

    async def run(self, statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement without rows and return how many it touched."""
        cursor = await self.connection.execute(statement, parameters)
        return cursor.rowcount

    async def change(
        self, what: str, statement: LiteralString, parameters: Mapping[str, Any] | None = None, *, rows: int = 1
    ) -> None:
        """Run a guarded write that must touch exactly `rows` rows, else RowCountMismatch and nothing is kept."""
        touched = await self.run(statement, parameters)
        if touched != rows:
            raise RowCountMismatch(f"guarded write {what} touched {touched} rows, expected {rows}")


class Database:
    """A pool of sessions with our limits set. Opened once; outlives every restart of the server."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        sessions: int,
        statement_timeout_ms: int = 5_000,
        lock_timeout_ms: int = 1_000,
        prepare_threshold: int | None = 5,
    ) -> None:
        """Prepare the pool; nothing is dialled before `open`. `sessions` bounds what this process takes.

        `prepare_threshold` None is for sessions whose statements are prepared by hand (store/round_trip): psycopg
        deallocates all of a session's statements at a rollback once it has prepared any itself.
        """
        self._session = _SESSION.format(statement=statement_timeout_ms, lock=lock_timeout_ms)
        self.pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=sessions,
            open=False,
            name=name,
            timeout=_CONNECTION_WAIT_SECONDS,
            reconnect_timeout=_RECONNECT_SECONDS,
            configure=self._configure,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 3,
                "application_name": name,
                "prepare_threshold": prepare_threshold,
                **_KEEPALIVES,
            },
        )
        self._checking: asyncio.Task[None] | None = None
        # Whom to tell that duties were written; set once by the composition root, where workers are to be woken.
        self.on_duties: Callable[[], None] = _tell_nobody

    async def _configure(self, connection: AsyncConnection[DictRow]) -> None:
        await connection.execute(self._session)

    async def begin(self) -> None:
        """Start the pool and wait for nothing; until the server is there, every unit is Unavailable."""
        await self.pool.open(wait=False)

    async def open(self) -> None:
        """Start the pool and wait for its first session; raise Unavailable if none comes within 5 s."""
        with translated():
            await self.pool.open(wait=True, timeout=5.0)

    @property
    def waiting(self) -> int:
        """How many callers wait for a session at this moment."""
        return self.pool.get_stats().get("requests_waiting", 0)

    async def close(self) -> None:
        """Close every session; safe to repeat."""
        if self._checking is not None:
            await asyncio.wait({self._checking}, timeout=1.0)
        await self.pool.close(timeout=3.0)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Lend a session. What goes wrong leaves as the driver's or the pool's own error.

        A restart of the server cuts all sessions at once. So where the borrowed one turns out to be cut, the pool looks
        at the idle ones and replaces the dead: one borrower hears of the restart, not one for each session.
        """
        async with self.pool.connection() as connection:
            try:
                yield connection
            finally:
                if connection.closed and (self._checking is None or self._checking.done()):
                    self._checking = asyncio.create_task(self.pool.check(), name="pool-check")
                    await asyncio.sleep(0)  # it takes the idle ones in its first step: before the next borrower

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """Run one transaction: commit at the end, roll back on any error, which leaves as a model error."""
        with translated():
            async with self.session() as connection:
                async with connection.transaction():
                    unit = Unit(connection)
                    yield unit
                if unit.rings:
                    self.on_duties()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Unit]:
        """Run one transaction that only reads, and whose statements all see one instant."""
        async with self.unit() as unit:
            await unit.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield unit


def _tell_nobody() -> None:
    """Workers look every second in any case."""
