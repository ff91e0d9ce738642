"""The one line that every request leaves, whichever door it came through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from luota_svc.telemetry.sink import LineSink

_MILLISECONDS: Final = tuple(f"{count:03d}Z" for count in range(1_000))
_encode: Final = msgspec.json.Encoder().encode


class _Line(msgspec.Struct, frozen=True, gc=False):
    """The fields in the order in which they are written."""

    at: str
    level: str
    event: str
    logger: str
    request_id: str
    trace_id: str
    door: str
    method: str
    status: str
    code: str | None
    duration_ms: float
    caller_request_id: str | None
    source_address: str | None
    workspace_id: str | None
    monitor_id: str | None


class AccessLog:
    """Writes access lines past the logging library, whose record alone costs more than the whole line here."""

    def __init__(
        self,
        sink: LineSink,
        *,
        now: Callable[[], datetime],
        scrub: Callable[[str], str],
        human: bool = False,
        enabled: bool = True,
    ) -> None:
        """Take the sink and a clock in UTC; `human` writes for a terminal, `enabled` False writes nothing."""
        self._write = sink.write
        self._now = now
        self._scrub = scrub
        self._human = human
        self._enabled = enabled
        self._second = -1
        self._second_text = ""

    def access(
        self,
        *,
        door: str,
        method: str,
        status: str,
        duration_ms: float,
        request_id: str,
        trace_id: str = "",
        code: str | None = None,
        caller_request_id: str | None = None,
        source_address: str | None = None,
        workspace_id: str | None = None,
        monitor_id: str | None = None,
    ) -> None:
        """Write one line. `method` is the verb and route *template* or the gRPC method; `code` the error's word.

        Never the path, a header or a body: those are the caller's. Costs less than 8 us.
        """
        if not self._enabled:
            return
        if caller_request_id is not None:
            caller_request_id = self._scrub(caller_request_id)
        now = self._now()
        if self._human:
            at = now.astimezone().strftime("%H:%M:%S.%f")[:-3]
            words = filter(None, (status, code, f"{duration_ms:.1f} ms", request_id, caller_request_id))
            self._write(f"{at} {door:<7} {method} {' '.join(words)}\n".encode())
            return
        line = _Line(
            self._instant(now),
            "info",
            names.LOG_ACCESS,
            "luota.access",
            request_id,
            trace_id,
            door,
            method,
            status,
            code,
            round(duration_ms, 3),
            caller_request_id,
            source_address,
            workspace_id,
            monitor_id,
        )
        self._write(_encode(line) + b"\n")

    def _instant(self, now: datetime) -> str:
        # Thousands of lines share a second; its text is the dearest part of the line.
        second = int(now.timestamp())
        if second != self._second:
            self._second, self._second_text = second, now.strftime("%Y-%m-%dT%H:%M:%S.")
        return self._second_text + _MILLISECONDS[now.microsecond // 1000]
