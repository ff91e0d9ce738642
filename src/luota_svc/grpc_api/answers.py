"""How this door answers: trailing metadata on every call, a rich status for every error. One place, no decisions."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status.rpc_status import to_status as to_rich_status

from luota_svc.core.errors import to_status
from luota_svc.model.call import Call
from luota_svc.model.limits import Decision

Trailers = tuple[tuple[str, str | bytes], ...]
# Clients refuse trailers above 8 KiB, and base64 adds a third.
_DETAILS_BYTES_MAX: Final = 4096


def trailers_of(call: Call) -> Trailers:
    """Return what goes with every answer: our request id and, where known, the tightest bucket."""
    if call.limit is None or call.limit.policy is None:
        return (("x-request-id", call.request_id),)
    return (("x-request-id", call.request_id), *_limit_trailers(call.limit))


def status_of(error: Exception, request_id: str) -> status_pb2.Status:
    """Return the error's status, small enough to travel: of very many violations the last are left out."""
    status = to_status(error, request_id)
    while status.ByteSize() > _DETAILS_BYTES_MAX and _drop_half_of_violations(status):
        pass
    return status


def reason_of(status: status_pb2.Status) -> str:
    """Return the stable lower-case word of a status: its ErrorInfo's reason, else its code."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return str(info.reason).lower()
    return str(code_pb2.Code.Name(status.code)).lower()


async def refuse(context: Any, status: status_pb2.Status, trailers: Trailers) -> NoReturn:
    """End the call with a status and its details. Always raises, as gRPC's abort does."""
    rich = to_rich_status(status)
    await context.abort(rich.code, rich.details, (*rich.trailing_metadata, *trailers, *_pushback(status)))
    raise AssertionError("abort returned")


def _limit_trailers(limit: Decision) -> Trailers:
    assert limit.policy is not None
    name, window = limit.policy.wire_name, limit.policy.interval_seconds
    return (
        ("ratelimit-policy", f'"{name}";q={limit.limit};w={window}'),
        ("ratelimit", f'"{name}";r={limit.remaining};t={limit.reset_seconds}'),
    )


def _pushback(status: status_pb2.Status) -> Trailers:
    """Tell gRPC's own retry policy the wait that RetryInfo tells people."""
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(retry):
            return (("grpc-retry-pushback-ms", str(retry.retry_delay.ToMilliseconds())),)
    return ()


def _drop_half_of_violations(status: status_pb2.Status) -> bool:
    bad_request = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(bad_request):
            count = len(bad_request.field_violations)
            del bad_request.field_violations[count // 2 :]
            detail.Pack(bad_request)
            return count > 1
    return False
