"""How a call ends otherwise than well, whatever its kind: refused by us, or given up by its caller."""

from __future__ import annotations

import logging
from typing import Any, Final, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message

from luota_svc.clock import Clock
from luota_svc.grpc_api.answers import reason_of, refuse, status_of, trailers_of
from luota_svc.grpc_api.methods import BoundMethod, BoundStream
from luota_svc.grpc_api.observing import Hooks
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest, LuotaError
from luota_svc.telemetry import names
from luota_svc.telemetry.traces import Span

log = logging.getLogger(__name__)

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class Endings:
    """Ends calls and leaves what they leave behind."""

    def __init__(self, hooks: Hooks, clock: Clock) -> None:
        """Take where it is told, and the clock that `started` was read from."""
        self._hooks = hooks
        self._clock = clock

    def gave_up(self, call: Call, span: Span, context: Any, started: float) -> None:
        """Note a client that hung up or let its deadline pass; what was on its way to the database may be kept."""
        left = context.time_remaining()  # None where the caller set no deadline
        code = grpc.StatusCode.CANCELLED if left is None or left > 0 else grpc.StatusCode.DEADLINE_EXCEEDED
        self._hooks.answered(call, span, code.name, None, self._clock.monotonic() - started)

    async def refuse(self, call: Call, span: Span, context: Any, error: Exception, started: float) -> NoReturn:
        """End the call with the error's status. Always raises, as gRPC's abort does."""
        if not isinstance(error, LuotaError):
            log.error(names.LOG_INTERNAL_ERROR, exc_info=error, extra={"method": call.method})
        status = status_of(error, call.request_id)
        word, seconds = _CODES[status.code].name, self._clock.monotonic() - started
        reason = reason_of(status)
        self._hooks.answered(call, span, word, reason, seconds)
        self._hooks.keep(call, span, word, reason, seconds)
        await refuse(context, status, trailers_of(call))


def parse(method: BoundMethod | BoundStream, raw: bytes) -> Message:
    """Return the message that was sent; InvalidRequest for bytes that are none."""
    try:
        return method.parse(raw)
    except DecodeError as error:
        raise InvalidRequest(FieldProblem("", "The message cannot be decoded")) from error
