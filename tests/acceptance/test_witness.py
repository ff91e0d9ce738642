"""The witness finds a secret wherever it may stand: a search that finds nothing must be able to find something."""

from __future__ import annotations

import base64
import json

import psycopg
import pytest
from tests.acceptance.services import new_operator_token
from tests.acceptance.witness import Witness

_PLANTED = new_operator_token()
_SECRET = _PLANTED.rpartition(".")[2]
_IN_REQUESTS = """
INSERT INTO requests (request_id, received_at, door, method, status, duration_ms, actor)
VALUES ('req-1', {at}, 'http', 'GET /', '200', 1, %s)
"""
_IN_AUDIT = """
INSERT INTO audit_entries (id, at, actor_kind, actor_id, actor, action, target_type, target_id, after, request_id)
VALUES (gen_random_uuid(), now(), 'operator', 'x', 'x', 'x', 'x', 'x', %s, 'req-1')
"""
_IN_IDEMPOTENCY_KEYS = """
INSERT INTO idempotency_keys (actor_id, key, request_hash, target_id, created_at)
VALUES (gen_random_uuid(), 'x', %s, gen_random_uuid(), now())
"""


@pytest.fixture
def seeing() -> Witness:
    witness = Witness()
    witness.uses(f"said by the way: {_PLANTED}, and more")
    return witness


@pytest.mark.parametrize(
    ("statement", "value", "column"),
    [
        (_IN_REQUESTS.format(at="now()"), _PLANTED, "requests.actor"),
        (_IN_REQUESTS.format(at="'2020-01-01'"), _SECRET, "requests.actor"),
        (_IN_AUDIT, json.dumps({"deep": [{"down": _PLANTED}]}), "audit_entries.after"),
        (_IN_IDEMPOTENCY_KEYS, _SECRET.encode(), "idempotency_keys.request_hash"),
        (_IN_IDEMPOTENCY_KEYS, base64.urlsafe_b64decode(_SECRET + "="), "idempotency_keys.request_hash"),
    ],
    ids=["token in text", "secret in a default partition", "token in JSON", "secret in bytes", "the 32 bytes"],
)
def test_a_secret_in_a_row_is_found_by_its_column(seeing, database_url, statement, value, column):
    assert seeing.kept_in(database_url) == []
    with psycopg.connect(database_url) as connection:
        connection.execute(statement, (value,))
    assert seeing.kept_in(database_url) == [f"{column}: 1 rows"]
    assert seeing.columns_searched > 100


def test_a_secret_in_a_line_is_found_even_if_it_is_known_later_only():
    witness = Witness()
    witness.hears("serve", ["harmless", f"key {_SECRET} refused"])
    assert witness.given_away() == []
    witness.uses(_PLANTED)
    assert witness.given_away() == ["serve: key <SECRET> refused"]


def test_an_answer_may_hold_a_token_in_its_own_field_and_nowhere_else():
    witness = Witness()
    witness.answered("POST /v1/keys", 201, json.dumps({"id": "x", "token": _PLANTED}))
    assert witness.given_away() == []
    witness.answered("GET /v1/keys", 200, json.dumps({"name": _PLANTED}))
    assert len(witness.given_away()) == 1
