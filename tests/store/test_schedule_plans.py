"""What a back-test reads: a month of one monitor's signals by their index, however many others there are."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.store.plans import nodes

from luota_svc.store.catalogue import load_catalogue

MONITOR = UUID(int=7)
FILL = """
INSERT INTO signals (id, workspace_id, monitor_id, run_id, type, received_at, door, key_id, request_id)
SELECT gen_random_uuid(), gen_random_uuid(), lpad(to_hex(n % 40), 32, '0')::uuid, NULL, 'ping',
       '2027-01-01Z'::timestamptz + n * interval '1 s', 'http', gen_random_uuid(), 'req-' || n
FROM generate_series(1, 20000) n;
INSERT INTO runs (id, workspace_id, monitor_id, external_run_id, state, started_at, start_occurred, start_seen,
                  received_at, last_sign_at, request_id, timeout_at)
SELECT gen_random_uuid(), gen_random_uuid(), lpad(to_hex(n % 40), 32, '0')::uuid, 'r' || n, 'running', now(), false,
       true, '2027-01-01Z'::timestamptz + n * interval '1 s', now(), 'req', now()
FROM generate_series(1, 20000) n;
"""


@pytest.fixture(scope="module")
def filled(template_database):
    with (
        template_database.clone(generated=True) as url,
        psycopg.connect(url, autocommit=True, row_factory=dict_row, cursor_factory=psycopg.ClientCursor) as connection,
    ):
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE")
        yield connection


@pytest.mark.parametrize(("name", "index"), [("pings", "_pkey"), ("openings", "runs_of_monitor")])
def test_a_back_test_reads_its_own_monitors_signals_by_their_index(filled, name, index):
    parameters = {
        "monitor_id": MONITOR,
        "since": datetime(2027, 1, 1, tzinfo=UTC),
        "until": datetime(2027, 1, 31, tzinfo=UTC),
        "limit": 50_000,
    }
    statement = load_catalogue("schedules")[name]
    assert len(filled.execute(statement, parameters).fetchall()) == 500
    plan = filled.execute(f"EXPLAIN (FORMAT JSON, ANALYZE) {statement}", parameters).fetchone()["QUERY PLAN"][0]["Plan"]
    read = list(nodes(plan))
    assert any(index in node.get("Index Name", "") for node in read), plan
    assert not [node for node in read if node["Node Type"] == "Seq Scan" and node["Actual Rows"] > 0], plan
