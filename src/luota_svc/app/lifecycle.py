"""Named cleanups, run last-in first-out, each bounded, past every failure. Which there are is the root's affair."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


class CleanupTimedOut(Exception):
    """A cleanup did not end within its bound and was cancelled."""


class _Cleanup(NamedTuple):
    name: str
    run: Callable[[], Awaitable[object] | object]
    timeout_seconds: float


class Lifecycle:
    """What must be undone, in reverse order of its making. One event loop; any task may stop it, any number of times.

    A cleanup registered while a stop is going on is run by that stop: a start that is overtaken by a signal leaves
    nothing behind. One registered after the stop has ended is refused with RuntimeError, before anything leaks unseen.
    """

    def __init__(self, *, total_seconds: float = 45.0) -> None:
        """`total_seconds` bounds a whole stop: cleanups that begin after it get a tenth of a second each."""
        self._total_seconds = total_seconds
        self._cleanups: list[_Cleanup] = []
        self._stop: asyncio.Task[list[Exception]] | None = None

    @property
    def stopping(self) -> bool:
        """True from the first `stop` on."""
        return self._stop is not None

    def on_stop(self, name: str, run: Callable[[], Awaitable[object] | object], timeout_seconds: float) -> None:
        """Register the undoing of what the line before made; `run` may be a coroutine function or a plain one."""
        if self._stop is not None and self._stop.done():
            raise RuntimeError(f"{name} was started after the stop had ended")
        self._cleanups.append(_Cleanup(name, run, timeout_seconds))

    async def stop(self) -> None:
        """Run every cleanup, newest first, each once, whoever asks; all callers wait for the same end.

        Raises ExceptionGroup with every failure, each noting its cleanup's name, once all have been tried. A caller
        that is cancelled leaves the stop running.
        """
        if self._stop is None:
            self._stop = asyncio.create_task(self._run_all(), name="luota-stop")
        failures = await asyncio.shield(self._stop)
        if failures:
            raise ExceptionGroup("some cleanups failed", failures)

    async def _run_all(self) -> list[Exception]:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._total_seconds
        failures: list[Exception] = []
        while self._cleanups:
            cleanup = self._cleanups.pop()
            # Even past the end each gets a moment: closing a socket takes none, and skipping it would leak it.
            seconds = max(0.1, min(cleanup.timeout_seconds, ends_at - loop.time()))
            failure = await _run_one(cleanup, seconds)
            if failure is not None:
                failure.add_note(f"while stopping: {cleanup.name}")
                log.error(names.LOG_STOP_FAILED, extra={"cleanup": cleanup.name}, exc_info=failure)
                failures.append(failure)
        return failures


async def _run_one(cleanup: _Cleanup, seconds: float) -> Exception | None:
    task = asyncio.create_task(_call(cleanup.run), name=f"luota-stop-{cleanup.name}")
    # wait() and not wait_for(): a cleanup that swallows its cancellation must not hold the stop any longer.
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
        task.add_done_callback(_forget)
        return CleanupTimedOut(f"{cleanup.name} did not end within {seconds:g} s")
    if task.cancelled():
        return RuntimeError(f"{cleanup.name} was cancelled")
    error = task.exception()
    if error is None or isinstance(error, Exception):
        return error
    raise error


async def _call(run: Callable[[], Awaitable[object] | object]) -> None:
    result = run()
    if hasattr(result, "__await__"):
        await result


def _forget(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
