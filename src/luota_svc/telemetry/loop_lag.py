"""Measures how late the event loop runs what is due: the one thing that /healthz looks at."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_SECONDS: Final = 0.25
# As many samples as stand for the last five seconds: one slow callback stays visible for a probe or two.
_KEPT: Final = 20


class LoopLag:
    """A timer on the running loop. Start and stop on that loop's thread; both twice-safe."""

    def __init__(self, observe: Callable[[float], None] | None = None) -> None:
        """`observe` is told every sample, in seconds."""
        self._observe = observe
        self._samples: deque[float] = deque(maxlen=_KEPT)
        self._due_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def seconds(self) -> float:
        """The worst lag of about the last five seconds, one that is still going on included; 0 when not started."""
        if self._loop is None or self._timer is None:
            return 0.0
        overdue = max(0.0, self._loop.time() - self._due_at)
        return max(overdue, *self._samples, 0.0)

    def start(self) -> None:
        """Begin to measure on the running loop."""
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._arm(self._loop)

    def stop(self) -> None:
        """Stop measuring; the samples are forgotten."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._samples.clear()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due_at = loop.time() + INTERVAL_SECONDS
        self._timer = loop.call_at(self._due_at, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        lag = max(0.0, loop.time() - self._due_at)
        self._samples.append(lag)
        if self._observe is not None:
            self._observe(lag)
        self._arm(loop)
