"""The one table that turns any error into an HTTP answer: status, body to the letter, headers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Final

import msgspec

from luota_svc.model.errors import (
    FieldProblem,
    InvalidIngestKey,
    InvalidOperatorToken,
    InvalidRequest,
    InvalidSignature,
    LuotaError,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    RateLimited,
    ResourceConflict,
    RunConflict,
    Unavailable,
    UnsupportedMediaType,
    WatcherTooSlow,
)

Header = tuple[bytes, bytes]

encode_json: Final = msgspec.json.Encoder().encode

_CHALLENGE: Final = (b"www-authenticate", b"Bearer")


@dataclass(frozen=True, slots=True)
class Refusal:
    """How one error is said: `code` is its word in logs and records, the same at both doors whatever the body shows."""

    status: int
    code: str
    body: bytes
    headers: tuple[Header, ...] = ()


class MethodNotAllowed(LuotaError):
    """The path is one of ours, the method is not; `allow` is what stands in the header Allow."""

    def __init__(self, allow: str) -> None:
        """Take the methods that the path knows, comma separated."""
        self.allow = allow
        super().__init__("Method not allowed")


class BadTransfer(InvalidRequest):
    """The body did not arrive as HTTP asks (too slow, cut off, broken chunks): answered, then the connection closes."""

    def __init__(self, trouble: str) -> None:
        """Take the sentence that the client reads."""
        super().__init__(FieldProblem("", trouble))


@singledispatch
def refusal_of(_error: BaseException) -> Refusal:
    """Return the answer to an error; one that is no model error is a fault of ours and says nothing of its cause."""
    return _coded(500, "internal", "Internal error")


def _coded(
    status: int, code: str, sentence: str, *headers: Header, recorded_as: str | None = None, **more: Any
) -> Refusal:
    return Refusal(status, recorded_as or code, encode_json({"code": code, "error": sentence, **more}), headers)


@refusal_of.register
def _(error: InvalidRequest) -> Refusal:
    details = [{"field": problem.field, "problem": problem.problem} for problem in error.problems]
    return _coded(400, "invalid_request", str(error), details=details)


@refusal_of.register
def _(_error: InvalidIngestKey) -> Refusal:
    return Refusal(401, "invalid_ingest_key", b'{"error":"Invalid ingest key"}', (_CHALLENGE,))


@refusal_of.register
def _(_error: InvalidOperatorToken) -> Refusal:
    return _coded(401, "unauthenticated", "Invalid operator token", _CHALLENGE, recorded_as="invalid_operator_token")


@refusal_of.register
def _(_error: InvalidSignature) -> Refusal:
    return _coded(401, "invalid_signature", "Invalid signature")


@refusal_of.register
def _(error: PermissionDenied) -> Refusal:
    return _coded(403, "permission_denied", str(error) or "Permission denied")


@refusal_of.register
def _(_error: NotFound) -> Refusal:
    return _coded(404, "not_found", "Not found")


@refusal_of.register
def _(error: MethodNotAllowed) -> Refusal:
    return _coded(405, "method_not_allowed", "Method not allowed", (b"allow", error.allow.encode()))


@refusal_of.register
def _(error: RunConflict) -> Refusal:
    run = {"id": str(error.run.id), "state": error.run.state.value}
    return _coded(409, "run_conflict", str(error), run=run, recorded_as="run_already_completed")


@refusal_of.register
def _(error: ResourceConflict) -> Refusal:
    return _coded(409, "conflict", str(error), recorded_as="resource_conflict")


@refusal_of.register
def _(_error: PayloadTooLarge) -> Refusal:
    return _coded(413, "request_failed", "Request failed", recorded_as="payload_too_large")


@refusal_of.register
def _(_error: UnsupportedMediaType) -> Refusal:
    return _coded(415, "unsupported_media_type", "Unsupported media type")


@refusal_of.register
def _(error: RateLimited) -> Refusal:
    body = {
        "error": "Rate limit exceeded",
        "policy": error.policy,
        "retryAfterSeconds": error.retry_after_seconds,
        "limit": error.limit,
    }
    return Refusal(429, "rate_limit_exceeded", encode_json(body), (_retry_after(error.retry_after_seconds),))


@refusal_of.register
def _(error: WatcherTooSlow) -> Refusal:
    return _coded(429, "watcher_too_slow", str(error))  # the end of a stream: the status went out long before


@refusal_of.register
def _(error: Unavailable) -> Refusal:
    return _coded(503, "unavailable", "Service unavailable", _retry_after(error.retry_after_seconds))


def _retry_after(seconds: int) -> Header:
    return b"retry-after", b"%d" % seconds
