"""The one line that every attempt to tell somebody leaves: what an operator searches by request id."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from luota_svc.telemetry import names
from luota_svc.telemetry.lines import QuickLines

if TYPE_CHECKING:
    from uuid import UUID


class _Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields in the order in which they are written; a request id only where there is one."""

    at: str
    level: str
    event: str
    logger: str
    trace_id: str
    delivery_id: UUID
    route_id: UUID
    kind: str
    number: int
    outcome: str
    http_status: int | None
    provider_id: str | None
    error: str | None
    duration_ms: int
    request_id: str | None = None


class AttemptLog(QuickLines):
    """Writes attempts: what was taken at `info`, all else at `warning`."""

    def attempt(
        self,
        *,
        delivered: bool,
        request_id: str | None,
        trace_id: str,
        delivery_id: UUID,
        route_id: UUID,
        kind: str,
        number: int,
        outcome: str,
        http_status: int | None,
        provider_id: str | None,
        error: str | None,
        seconds: float,
    ) -> None:
        """Write one line. `provider_id` and `error` may hold words of others; secrets are taken out of them."""
        level = logging.INFO if delivered else logging.WARNING
        if self._level > level:
            return
        provider_id = provider_id and self._scrub(provider_id)
        error = error and self._scrub(error)
        duration_ms = round(seconds * 1_000)
        if self._human:
            status = None if http_status is None else str(http_status)
            words = filter(None, (outcome, status, f"{duration_ms} ms", request_id, error))
            self._tell_human(f"{kind:<7} attempt {number} of {delivery_id} {' '.join(words)}")
            return
        line = _Line(
            self._instant(),
            "info" if delivered else "warning",
            names.LOG_ATTEMPT,
            "luota.attempt",
            trace_id,
            delivery_id,
            route_id,
            kind,
            number,
            outcome,
            http_status,
            provider_id,
            error,
            duration_ms,
            request_id,
        )
        self._tell(line)
