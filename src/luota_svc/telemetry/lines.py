"""Lines written thousands of times a second, past the logging library: its record alone costs more than a whole one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from luota_svc.telemetry.sink import LineSink

_MILLISECONDS: Final = tuple(f"{count:03d}Z" for count in range(1_000))
_encode: Final = msgspec.json.Encoder().encode


class QuickLines:
    """One kind of line at a time. Whoever writes one sees to its secrets: nothing here looks for them."""

    def __init__(
        self,
        sink: LineSink,
        *,
        now: Callable[[], datetime],
        scrub: Callable[[str], str],
        human: bool = False,
        level: int = logging.INFO,
    ) -> None:
        """Take the sink and a clock in UTC; `human` writes for a terminal, below `level` nothing is written."""
        self._write = sink.write
        self._now = now
        self._scrub = scrub
        self._human = human
        self._level = level
        self._second = -1
        self._second_text = ""

    def _tell(self, line: msgspec.Struct) -> None:
        """Write one line of JSON."""
        self._write(_encode(line) + b"\n")

    def _tell_human(self, words: str) -> None:
        """Write one line for whoever watches a terminal, behind the time of day."""
        at = self._now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        self._write(f"{at} {words}\n".encode(errors="backslashreplace"))

    def _instant(self) -> str:
        """Return now, in RFC 3339 with milliseconds."""
        now = self._now()
        # Thousands of lines share a second; its text is the dearest part of the line.
        second = int(now.timestamp())
        if second != self._second:
            self._second, self._second_text = second, now.strftime("%Y-%m-%dT%H:%M:%S.")
        return self._second_text + _MILLISECONDS[now.microsecond // 1000]
