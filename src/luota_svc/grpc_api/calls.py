"""From what gRPC knows of a call (metadata, peer, deadline) to a `Call`. Decides nothing about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from luota_svc.clock import Clock
from luota_svc.model.call import Call, Door
from luota_svc.rules.address import Network, source_address
from luota_svc.rules.caller_request_id import fit_caller_request_id

# An answer stands within so long of receipt, whatever the client would wait.
ANSWER_SECONDS_MAX: Final = 4.5
IDEMPOTENCY_KEY_MAX: Final = 200
_BEARER: Final = "bearer "


class CallReader:
    """Builds the `Call` of one request."""

    def __init__(self, clock: Clock, trusted_proxies: Sequence[Network]) -> None:
        """Take the clock that mints request ids and the proxies whose X-Forwarded-For is believed."""
        self._clock = clock
        self._trusted_proxies = trusted_proxies

    def read(self, method: str, context: Any) -> Call:
        """Return the call; `traceparent` is as the caller sent it. Never raises for what a client sent.

        Of a key that must be single, the last value stands; a value that is not text is not there.
        """
        credentials: list[str] = []
        forwarded_for: tuple[str, ...] = ()
        single: dict[str, str] = {}
        for key, value in context.invocation_metadata():
            if not isinstance(value, str):
                continue
            if key in {"x-luota-key", "x-watchflow-key"}:
                credentials.append(value)
            elif key == "authorization":
                # Other schemes belong to whatever stands in front of us.
                if value[: len(_BEARER)].lower() == _BEARER:
                    credentials.append(value[len(_BEARER) :].strip())
            elif key in {"x-request-id", "traceparent", "idempotency-key"}:
                single[key] = value
            elif key == "x-forwarded-for":
                forwarded_for = (value,)  # gRPC hands on the last line alone: what the nearest proxy wrote
        clock = self._clock
        remaining = context.time_remaining()
        budget = ANSWER_SECONDS_MAX if remaining is None else min(remaining, ANSWER_SECONDS_MAX)
        return Call(
            door=Door.GRPC,
            method=method,
            request_id=clock.new_request_id(),
            received_at=clock.now(),
            expires_at=clock.monotonic() + budget,
            source_address=source_address(context.peer(), forwarded_for, self._trusted_proxies),
            credentials=tuple(filter(None, credentials)),  # an empty one shows nothing, as at the HTTP door
            caller_request_id=fit_caller_request_id(single.get("x-request-id")),
            traceparent=single.get("traceparent"),
            idempotency_key=single.get("idempotency-key"),
        )
