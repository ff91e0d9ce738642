"""Wake-ups between processes: whoever wrote duties rings, workers hear it. A lost ring costs a poll, no more."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg

from luota_svc.loop import Loop
from luota_svc.store.errors import translated
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from luota_svc.store.database import Database

_CHANNEL: Final = "luota_deliveries"
# A NOTIFY takes a lock that all commits wait for, so it is sent on its own and at most so often.
_RING_SECONDS: Final = 0.05
_LISTEN_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.5
_PAUSE_SECONDS_MAX: Final = 10.0
_LOG = logging.getLogger(__name__)


class Bell(Loop):
    """Rings after commits, never within a transaction, at most once in 50 ms. Failures are forgotten: workers poll."""

    def __init__(self, database: Database) -> None:
        """Take the sessions that ring; nothing runs before `start`."""
        super().__init__("bell")
        self._database = database
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that duties were written. Costs nothing; the caller's transaction has committed."""
        self._rung.set()

    async def _run(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                with translated():
                    async with self._database.session() as connection:
                        await connection.execute(f"NOTIFY {_CHANNEL}")
            except Exception as error:  # noqa: BLE001 - a ring that is lost costs a second
                _LOG.debug(names.LOG_WAKE_FAILED, extra={"reason": str(error)})
            await asyncio.sleep(_RING_SECONDS)


class Ear(Loop):
    """Listens on one session of its own, past every restart of the server."""

    def __init__(self, url: str, on_ring: Callable[[], None]) -> None:
        """Take where to listen, and who is woken; nothing is dialled before `start`."""
        super().__init__("ear")
        self._url = url
        self._on_ring = on_ring

    async def _run(self) -> None:
        pause = _PAUSE_SECONDS
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=3, application_name="luota-wake"
                ) as connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    pause = _PAUSE_SECONDS
                    # What was rung while nobody listened is looked for now.
                    self._on_ring()
                    await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                _LOG.debug(names.LOG_WAKE_FAILED, extra={"reason": str(error)})
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_SECONDS_MAX)

    async def _listen(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        while True:
            async for _ in connection.notifies(timeout=_LISTEN_SECONDS):
                self._on_ring()
            # A session that was cut without a word is noticed by asking.
            await connection.execute("SELECT 1")
