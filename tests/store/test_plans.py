"""Lists and look-ups read their index: no sort of a whole table, no scan of one, whatever page is asked for."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.store.plans import nodes

from luota_svc.store.catalogue import load_catalogue

HOUSE = UUID(int=1)
MONITOR = UUID(int=1001)
ROWS = 12_000

# Twelve thousand rows of each kind over 4 workspaces and 40 monitors, as a small installation has after a day.
FILL = """
CREATE FUNCTION id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;
INSERT INTO workspaces (id, slug, name, created_at, updated_at)
SELECT id(w), 'w' || w, 'w', now(), now() FROM generate_series(1, 2000) w;
INSERT INTO monitors (id, workspace_id, slug, name, kind, grace_seconds, failure_threshold, recovery_threshold,
                      remind_every_seconds, severity, owner, runbook_url, environment, promise, tags, created_at,
                      updated_at)
SELECT id(1000 + m), id(1 + m %% 4), 'm' || m, 'm', 'run', 300, 1, 1, 0, 'error', '', '', '', '', '{}', now(), now()
FROM generate_series(1, 2000) m;
INSERT INTO operator_tokens (id, name, role, secret_hash, created_at)
SELECT id(n), 't', 'viewer', sha256('x'), now() - n * interval '1 s' FROM generate_series(1, 2000) n;
INSERT INTO ingest_keys (id, workspace_id, monitor_id, name, secret_hash, created_at)
SELECT id(n), id(1 + n %% 4), id(1001 + n %% 40), '', sha256('x'), now() - n * interval '1 s'
FROM generate_series(1, %(rows)s) n;
INSERT INTO runs (id, workspace_id, monitor_id, external_run_id, state, started_at, start_occurred, start_seen,
                  received_at, last_sign_at, finished_at, duration_ms, request_id, timeout_at)
SELECT id(n), id(1), id(1001 + n %% 40), 'r' || n, 'succeeded', now(), false, true, now() - n * interval '1 s', now(),
       now(), 1, 'req', now()
FROM generate_series(1, %(rows)s) n;
INSERT INTO run_keys (monitor_id, external_run_id, run_id) SELECT monitor_id, external_run_id, id FROM runs;
INSERT INTO signals (id, workspace_id, monitor_id, run_id, type, received_at, door, key_id, request_id,
                     caller_request_id)
SELECT id(n), id(1), id(1001 + n %% 40), id(n), 'finish', now() + n * interval '1 s', 'http', id(1), 'req-' || n,
       'theirs-' || n
FROM generate_series(1, %(rows)s) n;
INSERT INTO requests (request_id, received_at, door, method, status, duration_ms, caller_request_id)
SELECT 'req-' || n, now() + n * interval '1 s', 'http', 'GET /', '200', 1, 'theirs-' || n
FROM generate_series(1, %(rows)s) n;
INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, resolved_at, resolution,
                       occurrence_count, event_count)
SELECT id(n), id(1 + n %% 4), id(1001 + n %% 40), 'failed', CASE WHEN n > 40 THEN 'resolved' ELSE 'open' END, 'error',
       now() - n * interval '1 s', CASE WHEN n > 40 THEN now() END, CASE WHEN n > 40 THEN 'recovered' END, 1, 1
FROM generate_series(1, %(rows)s) n;
INSERT INTO incident_events (incident_id, number, event, at, actor)
SELECT id(1 + n / 100), 1 + n %% 100, 'note', now(), 'rule' FROM generate_series(1, %(rows)s) n;
INSERT INTO maintenance_windows (id, workspace_id, monitor_ids, tags, starts_at, ends_at, author, comment, created_at,
                                 updated_at)
SELECT id(n), id(1 + n %% 4), '{}', '{}', now() - interval '1 year', now() - interval '11 months', 'a', 'c',
       now() - n * interval '1 s', now()
FROM generate_series(1, %(rows)s) n;
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        settled_at, request_id)
SELECT id(n), id(1), id(1), sha256('x'), 'opened', 'delivered', 1, now(), now(), now(), 'req-' || n
FROM generate_series(1, %(rows)s) n;
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT id(n), id(n), id(1), 1, false FROM generate_series(1, %(rows)s) n;
INSERT INTO incident_packets (incident_id, frozen, digest)
SELECT id(n), '{}', sha256('x') FROM generate_series(1, %(rows)s) n;
INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                          fallback, after_seconds, enabled, state, created_at, updated_at)
SELECT id(n), id(n), 'r', 'inbox', '{}', 'info', '', '', sha256('x'), false, 0, true, 'unproven', now(), now()
FROM generate_series(1, 2000) n;
INSERT INTO delivery_attempts (delivery_id, number, started_at, outcome, worker)
SELECT id(n), 1, now(), 'delivered', 'w' FROM generate_series(1, %(rows)s) n;
INSERT INTO audit_entries (id, at, workspace_id, actor_kind, actor_id, actor, action, target_type, target_id,
                           request_id)
SELECT id(n), now() + n * interval '1 s', id(1 + n %% 4), 'k', 'i', 'a', 'x.y', 'x', 't', 'req'
FROM generate_series(1, %(rows)s) n;
"""
AFTER = {"after_at": datetime(2100, 1, 1, tzinfo=UTC), "after_id": UUID(int=2), "limit": 51}
FIRST = {"after_at": None, "after_id": None, "limit": 51}
NO_FILTER = {
    "state": None,
    "monitor_id": None,
    "kind": None,
    "severity": None,
    "assignee": None,
    "opened_after": None,
    "opened_before": None,
}
OF_HOUSE = {"workspace_id": HOUSE, "monitor_id": MONITOR, "severity": "error"}
# As an incident that opened twenty minutes before the newest entry.
OF_AUDIT = {"workspace_id": HOUSE, "since": datetime.now(UTC) + timedelta(seconds=ROWS - 1_200)}

CASES = [
    ("workspaces", "page", {"only": None, "after": None, "limit": 51}, "workspaces_slug_key"),
    ("workspaces", "page", {"only": None, "after": "w5", "limit": 51}, "workspaces_slug_key"),
    ("workspaces", "page", {"only": HOUSE, "after": None, "limit": 51}, "workspaces_pkey"),
    ("operators", "page", {"workspace_id": None, **FIRST}, "operator_tokens_newest"),
    ("operators", "page", {"workspace_id": None, **AFTER}, "operator_tokens_newest"),
    ("keys", "page_of_workspace", {"workspace_id": HOUSE, **AFTER}, "ingest_keys_of_workspace"),
    ("keys", "page_of_monitor", {"monitor_id": MONITOR, **AFTER}, "ingest_keys_of_monitor"),
    ("monitors", "page", {"workspace_id": HOUSE, "after": "m2", "limit": 51, "now": AFTER["after_at"]}, "_slug_key"),
    ("monitors", "find", {"workspace_id": HOUSE, "slug": "m4"}, "monitors_slug_key"),
    ("runs", "page", {"monitor_id": MONITOR, "state": None, **FIRST}, "runs_of_monitor"),
    ("runs", "page", {"monitor_id": MONITOR, "state": "failed", **AFTER}, "runs_of_monitor"),
    ("runs", "find", {"monitor_id": MONITOR, "external_run_id": "r40"}, "run_keys_pkey"),
    ("signals", "page", {"monitor_id": MONITOR, **FIRST}, "_pkey"),
    ("signals", "page", {"monitor_id": MONITOR, **AFTER}, "_pkey"),
    ("signals", "page_of_run", {"monitor_id": MONITOR, "run_id": UUID(int=40), **FIRST}, "_pkey"),
    ("incidents", "page", {"workspace_id": HOUSE, **NO_FILTER, **FIRST}, "incidents_newest"),
    ("incidents", "page", {"workspace_id": HOUSE, **NO_FILTER, **AFTER}, "incidents_newest"),
    ("incidents", "page_unresolved", {"workspace_id": HOUSE, **NO_FILTER, **FIRST}, "incidents_unresolved"),
    ("incidents", "page_unresolved", {"workspace_id": HOUSE, **NO_FILTER, **AFTER}, "incidents_unresolved"),
    (
        "incidents",
        "page_unresolved",
        {"workspace_id": HOUSE, **NO_FILTER, "assignee": "olga", "kind": "failed", **FIRST},
        "incidents_unresolved",
    ),
    (
        "incidents",
        "page",
        {"workspace_id": HOUSE, **NO_FILTER, "opened_before": AFTER["after_at"], **FIRST},
        "incidents_newest",
    ),
    ("incidents", "timeline", {"id": HOUSE, "after": 3, "limit": 51}, "incident_events_pkey"),
    ("incident_deadlines", "due", {"now": AFTER["after_at"], "most": 500}, "incidents_due"),
    (
        "incident_deadlines",
        "waiting_monitors",
        {"workspace_id": HOUSE, "now": AFTER["after_at"]},
        "incidents_",
    ),
    ("incident_deadlines", "look_now", {"ids": [MONITOR], "now": AFTER["after_at"]}, "incidents_"),
    ("maintenance", "page", {"workspace_id": HOUSE, **FIRST}, "maintenance_windows_newest"),
    ("maintenance", "page", {"workspace_id": HOUSE, **AFTER}, "maintenance_windows_newest"),
    (
        "maintenance",
        "count_standing",
        {"workspace_id": HOUSE, "now": AFTER["after_at"]},
        "maintenance_windows_standing",
    ),
    ("incidents", "read", {"ids": [UUID(int=n) for n in range(1, 51)], "now": AFTER["after_at"]}, "_of_incident"),
    (
        "watching",
        "happenings",
        {
            "workspace_id": HOUSE,
            "incident_id": None,
            "after_transaction": "1",
            "after_position": 0,
            "up_to_transaction": str(2**63),
            "up_to_position": 0,
            "limit": 51,
        },
        "incident_events_watched",
    ),
    ("audit", "page", {"workspace_id": HOUSE, **FIRST}, "_workspace_id_at_id_idx"),
    ("audit", "page", {"workspace_id": HOUSE, **AFTER}, "_workspace_id_at_id_idx"),
    ("packets", "frozen", {"incident_id": UUID(int=7)}, "incident_packets_pkey"),
    ("packets", "routes", {"incident_id": UUID(int=7), **OF_HOUSE}, "delivery_incidents_of_incident"),
    ("delivery_reading", "page", {"incident_id": UUID(int=7), **FIRST}, "delivery_incidents_of_incident"),
    ("delivery_reading", "page", {"incident_id": UUID(int=7), **AFTER}, "delivery_incidents_of_incident"),
    ("delivery_reading", "read", {"ids": [UUID(int=n) for n in range(1, 51)]}, "delivery_incidents_pkey"),
    (
        "delivery_reading",
        "of_requests",
        {"request_ids": [f"req-{n}" for n in range(100)], "only": HOUSE, "most": 100},
        "deliveries_of_request",
    ),
    ("delivery_reading", "attempts", {"deliveries": [UUID(int=7)], "whole": True}, "_pkey"),
    ("packets", "timeline", {"incident_id": UUID(int=7), "limit": 1_000}, "incident_events_pkey"),
    ("packets", "changes", {**OF_AUDIT, "targets": ["t"], "limit": 200}, "_workspace_id_at_id_idx"),
    ("routes", "page", {"workspace_id": HOUSE, **FIRST}, "alert_routes_of_workspace"),
    (
        "routes",
        "lock_unfinished",
        {"workspace_id": HOUSE, "route_id": HOUSE, "destination": b"d", "most": 1_000},
        "deliveries_",
    ),
    ("requests", "find", {"id": "req-7", "only": None}, "_request_id_idx"),
    ("requests", "find", {"id": "theirs-7", "only": HOUSE}, "_caller_request_id_idx"),
]


@pytest.fixture(scope="module")
def filled(template_database) -> Iterator[psycopg.Connection]:
    with (
        template_database.clone(generated=True) as url,
        psycopg.connect(url, autocommit=True, row_factory=dict_row, cursor_factory=psycopg.ClientCursor) as connection,
    ):
        connection.execute(FILL, {"rows": ROWS})
        connection.execute("VACUUM ANALYZE")
        yield connection


@pytest.mark.parametrize(("noun", "name", "parameters", "index"), CASES, ids=lambda value: str(value)[:40])
def test_a_list_reads_its_index_and_little_else(filled, noun, name, parameters, index):
    statement = f"EXPLAIN (FORMAT JSON, ANALYZE) {load_catalogue(noun)[name]}"
    plan = filled.execute(statement, parameters).fetchone()["QUERY PLAN"][0]["Plan"]
    read = list(nodes(plan))
    assert any(index in node.get("Index Name", "") for node in read), plan
    # An empty partition is read as quickly without its index; a table with rows never is.
    scanned = [node for node in read if node["Node Type"] == "Seq Scan" and node["Actual Rows"] > 0]
    assert not scanned, scanned
    touched = sum(node["Actual Rows"] * node["Actual Loops"] for node in read if "Scan" in node["Node Type"])
    assert touched < ROWS / 10


def test_the_queue_reads_its_own_index_by_a_plan_made_for_any_filter(filled):
    statement = load_catalogue("incidents")["page_unresolved"]
    names = sorted(set(re.findall(r"%\((\w+)\)s", statement)))
    for number, name in enumerate(names, start=1):
        statement = statement.replace(f"%({name})s", f"${number}")
    filled.execute(f"PREPARE queue AS {statement}")
    filled.execute("SET plan_cache_mode = force_generic_plan")
    try:
        arguments = ", ".join({"workspace_id": f"'{HOUSE}'", "limit": "51"}.get(name, "NULL") for name in names)
        plan = filled.execute(f"EXPLAIN (FORMAT JSON) EXECUTE queue ({arguments})").fetchone()["QUERY PLAN"][0]["Plan"]
    finally:
        filled.execute("RESET plan_cache_mode")
        filled.execute("DEALLOCATE queue")
    assert {node["Index Name"] for node in nodes(plan) if "Index Name" in node} == {"incidents_unresolved"}
