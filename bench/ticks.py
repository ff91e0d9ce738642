"""A steady beat finer than a millisecond, which is all that the event loop's own timers know."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class _Interval(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


class Ticks:
    """Calls `due(instant)` for every instant of a fixed rate, those that a busy loop slept through included."""

    def __init__(self, rate: float, due: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._gap = 1 / rate
        self._due = due
        self._next = time.perf_counter() + self._gap
        self._descriptor = self._timer() if sys.platform == "linux" else -1
        self._stopped = False
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._beat)
        else:
            self._soon()

    def stop(self) -> None:
        """End the beat."""
        self._stopped = True
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _timer(self) -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor: int = libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        gap = max(int(self._gap * 1e9), 100_000)  # several are due at a beat where the rate is above 10,000/s
        every = _Interval(*divmod(gap, 1_000_000_000), *divmod(gap, 1_000_000_000))
        if descriptor < 0 or libc.timerfd_settime(descriptor, 0, ctypes.byref(every), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd")
        return descriptor

    def _beat(self) -> None:
        os.read(self._descriptor, 8)
        self._catch_up()

    def _soon(self) -> None:
        if not self._stopped:
            self._catch_up()
            self._loop.call_later(max(self._next - time.perf_counter(), 0), self._soon)

    def _catch_up(self) -> None:
        now = time.perf_counter()
        while self._next <= now:
            self._due(self._next)
            self._next += self._gap
