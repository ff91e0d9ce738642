"""The witness finds a secret wherever it may stand: a search that finds nothing must be able to find something."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from tests.witness import Witness

# Made by other means than a secret that is used, so that this session's own witness does not know it.
_SECRET = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
# As Standard Webhooks spells the same 32 bytes.
_STANDARD = f"whsec_{base64.b64encode(base64.urlsafe_b64decode(_SECRET + '=')).decode()}"
_PLANTED = f"wfop1.{uuid.uuid4()}.{_SECRET}"
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
    ("statement", "value", "table", "column"),
    [
        (_IN_REQUESTS.format(at="now()"), _PLANTED, "requests", "actor"),
        (_IN_REQUESTS.format(at="'2020-01-01'"), _SECRET, "requests", "actor"),
        (_IN_AUDIT, json.dumps({"deep": [{"down": _PLANTED}]}), "audit_entries", "after"),
        (_IN_AUDIT, json.dumps({"webhook": {"secret": _STANDARD}}), "audit_entries", "after"),
        (_IN_IDEMPOTENCY_KEYS, _SECRET.encode(), "idempotency_keys", "request_hash"),
        (_IN_IDEMPOTENCY_KEYS, base64.urlsafe_b64decode(_SECRET + "="), "idempotency_keys", "request_hash"),
    ],
    ids=[
        "token in text",
        "secret in a default partition",
        "token in JSON",
        "webhook secret",
        "secret in bytes",
        "the 32 bytes",
    ],
)
def test_a_secret_in_a_row_is_found_and_shown_without_it(seeing, database_url, statement, value, table, column):
    assert seeing.kept_in(database_url) == []
    with psycopg.connect(database_url) as connection:
        connection.execute(statement, (value,))
    [found] = seeing.kept_in(database_url)
    row = json.loads(found.removeprefix(f"{table}: "))
    assert "<SECRET>" in json.dumps(row[column])
    assert _SECRET not in found


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
    witness.answered("POST /v1/routes", 201, json.dumps({"webhook": {"secret": _STANDARD}}))
    assert len(witness.given_away()) == 1
    witness.answered("GET /v1/routes", 200, json.dumps({"routes": [{"webhook": {"secret": _STANDARD}}]}))
    assert len(witness.given_away()) == 2


# What a test of this suite may do wrong, each in its own way.
_LEAKING = """
import logging, secrets
import psycopg, pytest
from luota_svc.clock import RealClock, StubClock
from luota_svc.model.errors import Unavailable
from luota_svc.telemetry.logs import configure_logging
from luota_svc.telemetry.tracing_setup import build_tracing
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

def test_a_log_line_before_anything_is_set_up():
    logging.getLogger("luota").warning("first %s", StubClock().new_secret())

def test_a_log_line_of_the_service():
    clock = RealClock()
    log = configure_logging("info", now=clock.now)
    logging.getLogger("luota").info("second", extra={"key": clock.new_secret()})
    log.close()

def test_an_error():
    assert str(Unavailable("third " + RealClock().new_secret()))

def test_a_span():
    spans = SimpleSpanProcessor(InMemorySpanExporter())
    tracing = build_tracing({"OTEL_TRACES_SAMPLER": "always_on"}, processor=spans)
    span = tracing.http_span(method="GET", traceparent=None, path="/", request_id="r")
    span.set("fourth", RealClock().new_secret())
    span.end()

def test_a_row(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE fifth AS SELECT %s AS it", (RealClock().new_secret(),))

def test_a_line_of_postgres(database_url):
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.DataError):
        connection.execute(f"SELECT 'sixth {secrets.token_urlsafe(32)}'::int")
"""


def test_a_suite_in_which_a_secret_is_said_or_kept_fails_and_says_where(tmp_path):
    (tmp_path / "test_leaking.py").write_text(_LEAKING)
    root = Path(__file__).parents[1]
    options = ["-q", "-c", "pyproject.toml", "--rootdir=.", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tmp_path / "test_leaking.py"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "6 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    said = ("first <SECRET>", '"key":"<SECRET>"', "error: third <SECRET>", '"fourth": "<SECRET>"', "sixth <SECRET>")
    for leak in (*said, 'fifth: {"it":"<SECRET>"}'):
        assert leak in done.stdout, leak
