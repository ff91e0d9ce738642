"""How each error of the contract's two tables is said at both doors."""

from __future__ import annotations

from typing import Any, Final

NO_KEY: Final[dict[str, Any]] = {
    "status": 401,
    "answer": '{"error":"Invalid ingest key"}',
    "code": "UNAUTHENTICATED",
    "error": "Invalid ingest key",
    "reason": "INVALID_INGEST_KEY",
    "signals": 0,
}
NOT_FOUND: Final[dict[str, Any]] = {
    "status": 404,
    "answer": '{"code":"not_found","error":"Not found"}',
    "code": "NOT_FOUND",
    "error": "Not found",
    "reason": "NOT_FOUND",
}
TOO_LARGE: Final[dict[str, Any]] = {
    "status": 413,
    "answer": '{"code":"request_failed","error":"Request failed"}',
    "code": "RESOURCE_EXHAUSTED",
    "error": "Request failed",
    "reason": "PAYLOAD_TOO_LARGE",
    "signals": 0,
}
UNROUTED: Final[dict[str, Any]] = {**NOT_FOUND, "code": "UNIMPLEMENTED", "error": "Method not found", "reason": None}
NOT_ALLOWED: Final[dict[str, Any]] = {
    "status": 405,
    "answer": '{"code":"method_not_allowed","error":"Method not allowed"}',
}
NO_SUCH_TYPE: Final[dict[str, Any]] = {
    "status": 415,
    "answer": '{"code":"unsupported_media_type","error":"Unsupported media type"}',
}


def invalid(sentence: str, field: str = "<text>", problem: str = "<text>") -> dict[str, Any]:
    """A refusal of what was sent; over gRPC the sentence says the same."""
    return {
        "status": 400,
        "answer": '{"code":"invalid_request","error":"' + sentence + '","details":[{"field":"' + field + '",'
        '"problem":"' + problem + '"}]}',
        "code": "INVALID_ARGUMENT",
        "error": sentence,
        "reason": "INVALID_REQUEST",
        "kinds": ("BadRequest",),
    }


def limited(policy: str, limit: int) -> dict[str, Any]:
    """A refusal by a bucket; retryAfterSeconds and Retry-After are compared by the driver."""
    return {
        "status": 429,
        "answer": '{"error":"Rate limit exceeded","policy":"' + policy + '","retryAfterSeconds":<n>,"limit":'
        f"{limit}" + "}",
        "answer_headers": {"retry-after": "<n>", "ratelimit": f'"{policy}";r=0;t=<n>'},
        "code": "RESOURCE_EXHAUSTED",
        "error": "Rate limit exceeded",
        "reason": "RATE_LIMIT_EXCEEDED",
        "facts": {"policy": policy, "limit": str(limit)},
        "kinds": ("RetryInfo", "QuotaFailure"),
    }


def conflict(state: str) -> dict[str, Any]:
    """The other completion already won."""
    return {
        "status": 409,
        "answer": '{"code":"run_conflict","error":"Run already '
        + state
        + '","run":{"id":"{run}","state":"'
        + state
        + '"}}',
        "code": "FAILED_PRECONDITION",
        "error": f"Run already {state}",
        "reason": "RUN_ALREADY_COMPLETED",
        "facts": {"runId": "{run}", "state": state},
        "signals": 2,
    }
