"""Time knocks here: what is due is judged, and this process says that it takes signals. Any replica may run both."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from luota_svc.loop import Loop
from luota_svc.model.errors import LuotaError
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_LOG = logging.getLogger(__name__)

# Detection may take two seconds (design), one of which signals in the queue are given; most of the other is for the
# work. A look at which nothing is due costs one round trip.
_LOOK_SECONDS: Final = 0.25
_FAILURE_SECONDS: Final = 1.0
_FAILURE_SECONDS_MAX: Final = 15.0


class Sweeper:
    """One loop a sweep. Start once; stop as often as one likes.

    A sweep says how many things it looked at. While that is a full batch, more is due, and it looks again at once.
    """

    def __init__(
        self,
        sweeps: Mapping[str, Callable[[], Awaitable[int]]],
        *,
        full: int,
        look_seconds: float = _LOOK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the sweeps by their names in the log, and what a full batch is; nothing runs before `start`."""
        self._sweeps = sweeps
        self._full = full
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._turned_at = dict.fromkeys(sweeps, float("-inf"))
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to look."""
        self._tasks = [
            asyncio.create_task(self._run(name, sweep), name=f"sweep-{name}") for name, sweep in self._sweeps.items()
        ]

    async def stop(self) -> None:
        """End; a sweep in flight is rolled back, and whoever looks next finds the same. Bound it from outside."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def turned_within(self, seconds: float) -> bool:
        """Tell whether each of the sweeps could look within so many seconds: whether they work."""
        return all(self._monotonic() - at <= seconds for at in self._turned_at.values())

    async def _run(self, name: str, sweep: Callable[[], Awaitable[int]]) -> None:
        pause = _FAILURE_SECONDS
        while True:
            try:
                looked_at = await sweep()
            except LuotaError as error:
                # The database is away; once a while is enough to say it.
                _LOG.warning(names.LOG_SWEEP_FAILED, extra={"sweep": name, "reason": str(error)})
            except Exception:  # noqa: BLE001 - a fault of one turn must not end the sweep
                _LOG.exception(names.LOG_SWEEP_FAILED, extra={"sweep": name})
            else:
                pause = _FAILURE_SECONDS
                self._turned_at[name] = self._monotonic()
                await asyncio.sleep(0 if looked_at >= self._full else self._look_seconds)
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, _FAILURE_SECONDS_MAX)


class Pulse(Loop):
    """The loop that does one small thing every few seconds, past every failure."""

    def __init__(
        self, beat: Callable[[], Awaitable[None]], *, every_seconds: float, failed: str = names.LOG_BEAT_FAILED
    ) -> None:
        """Take what is done, and the event that is logged where it can't be; nothing runs before `start`."""
        super().__init__("pulse")
        self._failed = failed
        self._beat = beat
        self._every_seconds = every_seconds

    async def _run(self) -> None:
        while True:
            try:
                await self._beat()
            except LuotaError as error:
                _LOG.warning(self._failed, extra={"reason": str(error)})
            except Exception:  # noqa: BLE001 - as above
                _LOG.exception(self._failed)
            await asyncio.sleep(self._every_seconds)
