"""One error, one word in logs and records, whichever door it left by."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from luota_svc.grpc_api.answers import reason_of, status_of
from luota_svc.http_api.errors import refusal_of
from luota_svc.model import errors
from luota_svc.model.runs import RunState, RunView

_RUN = RunView(UUID(int=1), UUID(int=2), "r", RunState.FAILED, datetime(2026, 5, 25, tzinfo=UTC))


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest(errors.FieldProblem("tags", "too many")),
        errors.PayloadTooLarge(),
        errors.UnsupportedMediaType("Unsupported media type"),
        errors.InvalidIngestKey(),
        errors.InvalidOperatorToken(),
        errors.InvalidSignature(),
        errors.PermissionDenied(),
        errors.NotFound(errors.Missing.RUN),
        errors.RunConflict(_RUN),
        errors.ResourceConflict("slug is taken"),
        errors.RateLimited(policy="ingest.workspace.minute", limit=5, retry_after_seconds=7),
        errors.WatcherTooSlow(),
        errors.Unavailable("away"),
        RuntimeError("a fault of ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_recorded_under_the_same_word_at_both_doors(error: Exception) -> None:
    assert refusal_of(error).code == reason_of(status_of(error, "req-1"))
