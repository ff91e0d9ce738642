"""Whether this process may be sent traffic: migrations current, a session had once, not stopping. Nothing else."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from luota_svc.model.errors import Unavailable
from luota_svc.store.migrations import MigrationError, is_current
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from luota_svc.store.database import Database

_LOG = logging.getLogger(__name__)
_ASK_SECONDS: Final = 0.5


class Readiness:
    """Turns ready once and stays so until the stop.

    Were it to flip while PostgreSQL or Redis is away, the ingress would answer in place of our own 503.
    """

    def __init__(
        self,
        database: Database,
        on_change: Callable[[bool], Awaitable[None]],
        *,
        prepare: Callable[[], Awaitable[None]],
    ) -> None:
        """`on_change` hears each change. `prepare` runs on the current database before the first, maybe often."""
        self._database = database
        self._prepare = prepare
        self._on_change = on_change
        self._ready = False
        self._draining = False
        self._asking: asyncio.Task[None] | None = None
        self._became = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Tell whether traffic is welcome."""
        return self._ready and not self._draining

    def start(self) -> None:
        """Begin to ask the database whether it is there and current."""
        self._asking = asyncio.create_task(self._ask(), name="readiness")

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait, at most so long, until ready; tell whether it is."""
        try:
            await asyncio.wait_for(self._became.wait(), timeout_seconds)
        except TimeoutError:
            return False
        return True

    async def drain(self) -> None:
        """Turn not ready for good; safe to repeat."""
        if self._asking is not None:
            self._asking.cancel()
        if not self._draining:
            self._draining = True
            await self._on_change(False)

    async def _ask(self) -> None:
        said = ""
        while True:
            reason = await self._why_not()
            if reason is None:
                break
            if reason != said:
                _LOG.warning(names.LOG_NOT_READY, extra={"reason": reason})
                said = reason
            await asyncio.sleep(_ASK_SECONDS)
        self._ready = True
        self._became.set()
        await self._on_change(True)
        _LOG.info(names.LOG_READY)

    async def _why_not(self) -> str | None:
        try:
            if await is_current(self._database):
                await self._prepare()
                return None
        except (Unavailable, MigrationError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - no rights on a table, say: told, and asked again until it is mended
            return f"{type(error).__name__}: {error}"
        return "migrations are not current; run luota-svc migrate"
