"""The caretaker: partitions made ahead, old records gone, last uses of keys written. Any replica may run it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from luota_svc.model.errors import LuotaError
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from luota_svc.usecases.partitions import PartitionReport

_LOG = logging.getLogger(__name__)
_KEY_USAGE_SECONDS: Final = 60.0
_PARTITIONS_SECONDS: Final = 3_600.0
_LIVENESS_SECONDS: Final = 3_600.0
# A database that was away is asked again soon, not after the whole interval.
_AFTER_FAILURE_SECONDS: Final = 30.0


class Upkeep:
    """A loop for each care. Start once; stop as often as one likes."""

    def __init__(
        self,
        *,
        ensure_partitions: Callable[[], Awaitable[PartitionReport]],
        write_key_usage: Callable[[], Awaitable[None]],
        forget_liveness: Callable[[], Awaitable[None]],
    ) -> None:
        """Take the use cases that the loops call; nothing runs before `start`."""
        self._ensure_partitions = ensure_partitions
        self._write_key_usage = write_key_usage
        self._forget_liveness = forget_liveness
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin the loops."""
        self._tasks = [
            asyncio.create_task(self._every(_PARTITIONS_SECONDS, self._keep_partitions), name="upkeep-partitions"),
            asyncio.create_task(self._every(_KEY_USAGE_SECONDS, self._write_key_usage), name="upkeep-key-usage"),
            asyncio.create_task(self._every(_LIVENESS_SECONDS, self._forget_liveness), name="upkeep-liveness"),
        ]

    async def stop(self) -> None:
        """End the loops and write what is left."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            await self._try(self._write_key_usage)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            done = await self._try(work)
            await asyncio.sleep(seconds if done else min(seconds, _AFTER_FAILURE_SECONDS))

    async def _try(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except LuotaError as error:
            _LOG.warning(names.LOG_UPKEEP_FAILED, extra={"reason": str(error)})
            return False
        except Exception:  # noqa: BLE001 - a fault of one turn must not end the caretaker
            _LOG.exception(names.LOG_UPKEEP_FAILED)
            return False
        return True

    async def _keep_partitions(self) -> None:
        report = await self._ensure_partitions()
        if any(report.strayed.values()):
            _LOG.error(names.LOG_PARTITION_MISSING, extra={"rows": dict(report.strayed)})
