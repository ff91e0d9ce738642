"""When to stop asking a Redis that does not answer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luota_svc.clock import Clock

_ERRORS = 5
_WINDOW_SECONDS = 1.0


class Breaker:
    """Opens on a refused connection, or on five errors in a second; closes when told that a probe succeeded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._errors: deque[float] = deque(maxlen=_ERRORS)
        self._open = False

    @property
    def is_open(self) -> bool:
        """True while Redis must not be asked."""
        return self._open

    def failed(self, *, refused: bool) -> None:
        """Count one error; `refused` means that not even a connection could be made."""
        now = self._clock.monotonic()
        self._errors.append(now)
        in_window = len(self._errors) == _ERRORS and now - self._errors[0] < _WINDOW_SECONDS
        self._open = self._open or refused or in_window

    def recovered(self) -> None:
        """Close, and forget the errors."""
        self._errors.clear()
        self._open = False
