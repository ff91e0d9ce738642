"""The one line that every request leaves, whichever door it came through."""

from __future__ import annotations

import logging

import msgspec

from luota_svc.telemetry import names
from luota_svc.telemetry.lines import QuickLines


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


class AccessLog(QuickLines):
    """Writes access lines."""

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
        if self._level > logging.INFO:
            return
        if caller_request_id is not None:
            caller_request_id = self._scrub(caller_request_id)
        if self._human:
            words = filter(None, (status, code, f"{duration_ms:.1f} ms", request_id, caller_request_id))
            self._tell_human(f"{door:<7} {method} {' '.join(words)}")
            return
        line = _Line(
            self._instant(),
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
        self._tell(line)
