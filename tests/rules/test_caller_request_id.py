"""Which request id of a caller is kept."""

from __future__ import annotations

from uuid import UUID

import pytest

from luota_svc.rules.caller_request_id import fit_caller_request_id
from luota_svc.rules.ingest_key import MONITOR, OPERATOR, WORKSPACE, format_token


@pytest.mark.parametrize("text", ["x" * 8, "!" * 128, "~tilde~and/slash", "wfws1.not-a-token"])
def test_eight_to_128_visible_characters_are_kept_as_they_are(text):
    assert fit_caller_request_id(text) == text


@pytest.mark.parametrize(
    "text", [None, "", "x" * 7, "x" * 129, "has a space", "caf\xe9-cafe", "line\nbreak", "tab\tstop"]
)
def test_anything_else_is_dropped(text):
    assert fit_caller_request_id(text) is None


@pytest.mark.parametrize("prefix", [MONITOR, WORKSPACE, OPERATOR])
def test_an_id_that_holds_a_token_is_dropped(prefix):
    token = format_token(prefix, UUID(int=7), "s" * 43)
    assert fit_caller_request_id(token) is None
    assert fit_caller_request_id(f"id={token}") is None
