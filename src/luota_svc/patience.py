"""How long a thing may take, for thousands at once: one look at all of them, not a timer for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from luota_svc.loop import Loop

T = TypeVar("T")


class Patience(Loop):
    """Ends what takes longer than its bound, as `asyncio.timeout` does, at the next look and at a sixth of its price.

    A timer for each of a worker's attempts was 6 % of its CPU, and hardly one ever rang. What goes on
    when it is stopped is bounded no longer.
    """

    def __init__(self, seconds: float, *, look_seconds: float) -> None:
        """Take the bound, and how much later than that the end may come; nothing is looked at before `start`."""
        super().__init__("patience")
        self._seconds = seconds
        self._look_seconds = look_seconds
        self._began: dict[asyncio.Task[object], float] = {}
        self._overdue: set[asyncio.Task[object]] = set()

    async def within(self, work: Awaitable[T]) -> T:
        """Return what the work returns; raise TimeoutError where it was ended. One at a time within a task."""
        task = asyncio.current_task()
        assert task is not None
        assert task not in self._began
        cancelling = task.cancelling()
        self._began[task] = time.monotonic()
        try:
            return await work
        except asyncio.CancelledError:
            # Somebody else may have cancelled it at the same moment: that goes before.
            if task in self._overdue and task.uncancel() <= cancelling:
                raise TimeoutError from None
            raise
        finally:
            del self._began[task]
            self._overdue.discard(task)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            latest = time.monotonic() - self._seconds
            for task, began in list(self._began.items()):
                if began <= latest and task not in self._overdue:
                    self._overdue.add(task)
                    task.cancel()
