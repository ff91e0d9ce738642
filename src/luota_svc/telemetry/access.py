"""The one line that every request leaves, whichever door it came through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from luota_svc.telemetry.sink import LineSink

_encode: Final = msgspec.json.Encoder().encode


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
        """Take the sink and the clock; `human` writes for a terminal, `enabled` False writes nothing."""
        self._write = sink.write
        self._now = now
        self._scrub = scrub
        self._human = human
        self._enabled = enabled

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
        fields: dict[str, Any] = {
            "at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "info",
            "event": names.LOG_ACCESS,
            "logger": "luota.access",
            "request_id": request_id,
            "trace_id": trace_id,
            "door": door,
            "method": method,
            "status": status,
            "code": code,
            "duration_ms": round(duration_ms, 3),
            "caller_request_id": caller_request_id,
            "source_address": source_address,
            "workspace_id": workspace_id,
            "monitor_id": monitor_id,
        }
        self._write(_encode(fields) + b"\n")
