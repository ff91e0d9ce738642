"""One task of a process that goes on until it is stopped: begun once, ended as often as one likes."""

from __future__ import annotations

import asyncio


class Loop:
    """What it does is in `_run`, which its kind writes and which ends by being cancelled alone."""

    def __init__(self, name: str) -> None:
        """Take the task's name; nothing runs before `start`."""
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End at once, in the midst of whatever it does; safe to repeat."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        raise NotImplementedError
