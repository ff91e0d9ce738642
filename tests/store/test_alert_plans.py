"""What alerts tell is read by indexes, in milliseconds, where each table holds tens of thousands of rows."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.store.plans import nodes

from luota_svc.store.catalogue import load_catalogue

ROWS = 20_000

# Four in five deliveries tell of one incident; one storm of five hundred.
FILL = f"""
CREATE FUNCTION id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;
INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (id(1), 'w', 'W', now(), now());
INSERT INTO monitors (id, workspace_id, slug, name, kind, grace_seconds, failure_threshold, recovery_threshold,
                      remind_every_seconds, severity, owner, runbook_url, environment, promise, tags, created_at,
                      updated_at)
SELECT id(n), id(1), 'm' || n, 'm', 'run', 300, 1, 1, 0, 'error', '', '', '', '', '{{}}', now(), now()
FROM generate_series(1, 2000) n;
INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, resolved_at, resolution,
                       occurrence_count, event_count)
SELECT id(n), id(1), id(1 + n % 2000), 'failed', 'resolved', 'error', now() - n * interval '1 s', now(), 'recovered', 1,
       1
FROM generate_series(1, {ROWS}) n;
INSERT INTO incident_packets (incident_id, frozen, digest)
SELECT id(n), '{{}}', sha256('x') FROM generate_series(1, {ROWS}) n;
INSERT INTO incident_events (incident_id, number, event, at, actor)
SELECT id(n), 1, 'resolved', now(), 'rule' FROM generate_series(1, {ROWS}) n;
INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                          fallback, after_seconds, enabled, state, created_at, updated_at)
SELECT id(n), id(1), 'r', 'inbox', '{{}}', 'info', '', '', sha256('x'), false, 0, true, 'unproven', now(), now()
FROM generate_series(1, 1000) n;
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        settled_at, content, first_failed_at)
SELECT id(n), id(1), id(1 + n % 1000), sha256('x'), 'opened', 'delivered', 1, now() - n * interval '1 s', now(), now(),
       convert_to('{{"incidentId":"' || id(n) || '"}}', 'UTF8'), now()
FROM generate_series(1, {ROWS}) n;
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT id(n), id(n), id(1 + n % 1000), 1, true FROM generate_series(1, {ROWS}) n;
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT id(1), id(n), id(2), 1, true FROM generate_series(2, 500) n;
INSERT INTO audit_entries (id, at, workspace_id, actor_kind, actor_id, actor, action, target_type, target_id,
                           request_id)
SELECT id(n), now() - n * interval '10 minutes', id(1), 'k', 'i', 'a', 'monitor.update', 'monitor',
       id(n % 2000)::text, 'req'
FROM generate_series(1, {ROWS}) n;
"""
_FEW = 200
SOME = "ARRAY(SELECT id(n) FROM generate_series(1, 32) n)"
# Statement -> its parameters as SQL, an index that it relies on, and how many rows may be touched at most.
CASES = {
    "incidents": (
        {"ids": SOME, "of_route": "array_fill(false, ARRAY[32])", "most": "201"},
        "delivery_incidents_pkey",
        3_500,
    ),
    "packets": ({"ids": SOME}, "incident_packets_pkey", 64),
    "earlier_words": (
        {
            "ids": SOME,
            "route_ids": "ARRAY(SELECT id(1 + n % 1000) FROM generate_series(1, 32) n)",
            "incident_ids": SOME,
        },
        "delivery_incidents_of_incident",
        500,
    ),
    "changes": (
        {
            "workspace_ids": "ARRAY[id(1)]",
            "targets": "ARRAY(SELECT id(n)::text FROM generate_series(1, 32) n)",
            "since": "now() - interval '1 day'",
            "most": "500",
        },
        "audit_entries_default_workspace_id_at_id_idx",
        400,
    ),
    "endings": ({"ids": SOME}, "incident_events_pkey", 64),
    "failed_routes": ({"ids": SOME, "since": "now() - interval '1 day'"}, "deliveries_of_route", 2_500),
}


@pytest.fixture(scope="module")
def filled(template_database) -> Iterator[psycopg.Connection]:
    with (
        template_database.clone(generated=True) as url,
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection,
    ):
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE")
        yield connection


def _rows(node: dict) -> int:
    return node["Actual Rows"] + node.get("Rows Removed by Filter", 0)


def test_no_statement_is_left_out():
    assert set(CASES) == set(load_catalogue("alert_facts"))


@pytest.mark.parametrize("name", CASES)
def test_what_alerts_tell_is_read_by_indexes(filled, name):
    parameters, index, most = CASES[name]
    statement = load_catalogue("alert_facts")[name]
    for parameter, value in parameters.items():
        statement = statement.replace(f"%({parameter})s", value)
    plan = filled.execute(f"EXPLAIN (FORMAT JSON, ANALYZE) {statement}").fetchone()["QUERY PLAN"][0]["Plan"]
    read = list(nodes(plan))
    assert any(index in node.get("Index Name", "") for node in read), plan
    # A partition of one day that holds next to nothing may be read whole.
    scanned = [node["Relation Name"] for node in read if node["Node Type"] == "Seq Scan" and _rows(node) > _FEW]
    assert not scanned
    touched = sum(node["Actual Rows"] * node["Actual Loops"] for node in read if "Index" in node["Node Type"])
    assert touched <= most
