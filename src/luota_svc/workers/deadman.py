"""Tells another monitor that Luota works, as long as it does: who watches the watcher hears its silence."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from luota_svc.loop import Loop
from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EVERY_SECONDS: Final = 60.0
# So soon it goes out again after what held it back is over, or after it failed.
_AGAIN_SECONDS: Final = 5.0
_LOG = logging.getLogger(__name__)


class DeadMan(Loop):
    """One loop of a process. Stop it before what `alive` looks at."""

    def __init__(
        self,
        ping: Callable[[], Awaitable[Outcome]],
        *,
        alive: Callable[[], bool],
        every_seconds: float = EVERY_SECONDS,
        again_seconds: float = _AGAIN_SECONDS,
    ) -> None:
        """Take what tells the other monitor (providers/deadman), and what says that everything that should turn does.

        Where `alive` says no, nothing is sent, until it says yes again. Nothing runs before `start`.
        """
        super().__init__("dead-man")
        self._ping = ping
        self._alive = alive
        self._every_seconds = every_seconds
        self._again_seconds = again_seconds
        # What was said last: a state that goes on is logged once.
        self._state = names.LOG_DEADMAN_RESTORED

    async def _run(self) -> None:
        began = False
        while True:
            if self._alive():
                began = True
                sent = await self._tell()
                await asyncio.sleep(self._every_seconds if sent else self._again_seconds)
                continue
            if began:
                # Before the first time it is only that nothing has turned yet.
                self._say(names.LOG_DEADMAN_HELD, "the sweeper or the worker has not turned for 30 s")
            await asyncio.sleep(self._again_seconds)

    async def _tell(self) -> bool:
        try:
            outcome = await self._ping()
        except Exception as error:  # noqa: BLE001 - whatever it is must not end the loop; its text may hold the URL
            outcome = Outcome(OutcomeKind.FAILED, f"a fault of Luota's own: {type(error).__name__}")
        if outcome.kind is OutcomeKind.DELIVERED:
            self._say(names.LOG_DEADMAN_RESTORED, None)
            return True
        self._say(names.LOG_DEADMAN_FAILED, outcome.error)
        return False

    def _say(self, state: str, reason: str | None) -> None:
        if state == self._state:
            return
        self._state = state
        level = logging.INFO if state == names.LOG_DEADMAN_RESTORED else logging.WARNING
        _LOG.log(level, state, extra={"reason": reason} if reason else None)
