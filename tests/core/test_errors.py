"""Every error has one status and comes back from it as it was."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo

from luota_svc.core.errors import InternalFault, from_status, to_status
from luota_svc.model import errors
from luota_svc.model.runs import RunState, RunView

RUN = RunView(UUID(int=1), UUID(int=2), "job-42", RunState.SUCCEEDED, datetime(2026, 5, 25, 12, 0, 0, 123000, UTC))
CASES = [
    (
        errors.InvalidRequest(errors.FieldProblem("monitorId", "is required"), errors.FieldProblem("tags", "too many")),
        code_pb2.INVALID_ARGUMENT,
        "monitorId: is required",
        {"ErrorInfo", "BadRequest"},
    ),
    (errors.PayloadTooLarge(), code_pb2.RESOURCE_EXHAUSTED, "Request failed", {"ErrorInfo"}),
    (errors.UnsupportedMediaType("Use JSON"), code_pb2.INVALID_ARGUMENT, "Use JSON", {"ErrorInfo"}),
    (errors.InvalidIngestKey(), code_pb2.UNAUTHENTICATED, "Invalid ingest key", {"ErrorInfo"}),
    (errors.InvalidOperatorToken(), code_pb2.UNAUTHENTICATED, "Invalid operator token", {"ErrorInfo"}),
    (errors.InvalidSignature(), code_pb2.UNAUTHENTICATED, "Invalid signature", {"ErrorInfo"}),
    (errors.PermissionDenied(), code_pb2.PERMISSION_DENIED, "Permission denied", {"ErrorInfo"}),
    (errors.NotFound(errors.Missing.RUN), code_pb2.NOT_FOUND, "Not found", {"ErrorInfo"}),
    (errors.RunConflict(RUN), code_pb2.FAILED_PRECONDITION, "Run already succeeded", {"ErrorInfo"}),
    (errors.ResourceConflict("Taken"), code_pb2.FAILED_PRECONDITION, "Taken", {"ErrorInfo"}),
    (
        errors.WatcherTooSlow(),
        code_pb2.RESOURCE_EXHAUSTED,
        "Watcher too slow; go on from the last cursor",
        {"ErrorInfo"},
    ),
    (
        errors.RateLimited(policy="ingest.monitor_token.minute", limit=60, retry_after_seconds=21),
        code_pb2.RESOURCE_EXHAUSTED,
        "Rate limit exceeded",
        {"ErrorInfo", "RetryInfo", "QuotaFailure"},
    ),
    (errors.Unavailable("queue", retry_after_seconds=3), code_pb2.UNAVAILABLE, "Service unavailable", {"RetryInfo"}),
]
KINDS = {kind.__name__: kind for kind in (BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo)}


def details(status):
    return [packed.type_url.rsplit(".", 1)[-1] for packed in status.details]


@pytest.mark.parametrize(("error", "code", "message", "kinds"), CASES, ids=lambda value: type(value).__name__)
def test_an_error_has_its_code_its_words_and_each_detail_once(error, code, message, kinds):
    status = to_status(error, "req-1")
    assert (status.code, status.message) == (code, message)
    assert sorted(details(status)) == sorted([*kinds, "RequestInfo"])
    for packed in status.details:
        kind = KINDS[packed.type_url.rsplit(".", 1)[-1]]()
        assert packed.Unpack(kind)
        if isinstance(kind, RequestInfo):
            assert kind.request_id == "req-1"
        if isinstance(kind, ErrorInfo):
            assert kind.domain == "luota"


@pytest.mark.parametrize(("error", "code", "message", "kinds"), CASES, ids=lambda value: type(value).__name__)
def test_an_error_survives_the_way_through_a_status(error, code, message, kinds):
    back = from_status(to_status(error, "req-1"))
    assert type(back) is type(error)
    for name in ("problems", "policy", "limit", "retry_after_seconds", "what", "run"):
        assert getattr(back, name, None) == getattr(error, name, None)
    assert to_status(back, "req-1") == to_status(error, "req-1")


def test_every_model_error_is_mapped():
    mapped = {type(case[0]) for case in CASES}
    of_the_model = {kind for kind in errors.LuotaError.__subclasses__() if kind.__module__ == errors.__name__}
    assert of_the_model <= mapped


def test_a_fault_says_nothing_about_its_cause():
    status = to_status(RuntimeError("password=hunter2"), "req-1")
    assert (status.code, status.message, details(status)) == (code_pb2.INTERNAL, "Internal error", ["RequestInfo"])
    assert isinstance(from_status(status), InternalFault)
