"""The hot statements keep using the indexes that their comments name, with one value and with a whole batch."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from tests.builders import World
from tests.store.plans import ids, nodes

from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.round_trip import statement_of

SQL = load_catalogue("ingest")
MONITORS, WORKSPACES = 20_000, 200

FILL = f"""
INSERT INTO workspaces (id, slug, name, created_at, updated_at)
SELECT md5('w' || w)::uuid, 'bulk-' || w, 'W', now(), now() FROM generate_series(1, {WORKSPACES}) AS w;
INSERT INTO ingest_keys (id, workspace_id, name, secret_hash, created_at)
SELECT md5('k' || n)::uuid, md5('w' || (n % {WORKSPACES} + 1))::uuid, 'k', sha256('k'), now()
FROM generate_series(1, {MONITORS}) AS n;
INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                          fallback, after_seconds, enabled, state, created_at, updated_at)
SELECT md5('route' || n)::uuid, md5('w' || (n % {WORKSPACES} + 1))::uuid, 'R', 'inbox', '{{}}', 'info', '', '',
       sha256('d'), false, 0, true, 'unproven', now(), now()
FROM generate_series(1, {WORKSPACES} * 5) AS n;
INSERT INTO monitors (id, workspace_id, slug, name, kind, grace_seconds, failure_threshold, recovery_threshold,
                      remind_every_seconds, severity, owner, runbook_url, environment, promise, tags, created_at,
                      updated_at)
SELECT md5('m' || m)::uuid, md5('w' || (m % {WORKSPACES} + 1))::uuid, 'm-' || m, 'M', 'run', 300, 1, 1, 0, 'error', '',
       '', '', '', '{{}}', now(), now()
FROM generate_series(1, {MONITORS}) AS m;
INSERT INTO maintenance_windows (id, workspace_id, monitor_ids, tags, starts_at, ends_at, author, comment, created_at,
                                 updated_at)
SELECT md5('mw' || n)::uuid, md5('w' || (n % {WORKSPACES} + 1))::uuid, '{{}}', '{{}}', now() - interval '1 year',
       now() - interval '1 year' + (n % 400 + 1) * interval '1 day', 'a', 'c', now(), now()
FROM generate_series(1, {WORKSPACES} * 100) AS n;
INSERT INTO run_keys (monitor_id, external_run_id, run_id)
SELECT md5('m' || (n % {MONITORS} + 1))::uuid, 'r-' || n, md5('r' || n)::uuid FROM generate_series(1, 20000) AS n;
INSERT INTO runs (id, workspace_id, monitor_id, external_run_id, state, started_at, start_occurred, start_seen,
                  received_at, last_sign_at, request_id, timeout_at, incident_id)
SELECT md5('r' || n)::uuid, md5('w1')::uuid, md5('m' || (n % {MONITORS} + 1))::uuid, 'r-' || n, 'running', now(),
       false, true, now(), now(), 'req', now(), md5('i' || n)::uuid
FROM generate_series(1, 20000) AS n;
INSERT INTO signal_keys SELECT md5('m' || (n % {MONITORS} + 1))::uuid, 's-' || n, md5('s' || n)::uuid, now()
FROM generate_series(1, 20000) AS n;
INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, occurrence_count, event_count,
                       resolved_at, resolution)
SELECT md5('i' || n)::uuid, md5('w1')::uuid, md5('m' || (n % {MONITORS} + 1))::uuid, 'failed',
       CASE WHEN n <= 200 THEN 'open' ELSE 'resolved' END, 'error', now() - n * interval '1 minute', 1, 1,
       CASE WHEN n > 200 THEN now() END, CASE WHEN n > 200 THEN 'recovered' END
FROM generate_series(1, 20000) AS n;
INSERT INTO incident_events (incident_id, number, event, at, actor, occurrence_number)
SELECT md5('i' || (n / 10 + 1))::uuid, n % 10 + 1, 'occurrence', now(), 'rule', n % 10 + 1
FROM generate_series(1, 20000) AS n;
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        settled_at)
SELECT md5('d' || n)::uuid, md5('w1')::uuid, md5('route1')::uuid, sha256('d'), 'opened', 'delivered', 3, now(), now(),
       now()
FROM generate_series(1, 20000) AS n;
INSERT INTO delivery_incidents
SELECT md5('d' || n)::uuid, md5('i' || n)::uuid, md5('route1')::uuid, 1, false FROM generate_series(1, 20000) AS n;
"""


def texts(prefix: str, count: int) -> str:
    return f"(SELECT array_agg('{prefix}' || n) FROM generate_series(1, {count}) AS n)"


def home(count: int) -> str:
    return f"(SELECT array_agg(md5('w' || (n % {WORKSPACES} + 1))::uuid) FROM generate_series(1, {count}) AS n)"


# statement -> (parameters for a batch of n, indexes that must be used)
HOT = {
    "find_runs": (lambda n: [ids("r", n)], {"runs_pkey"}),
    "find_monitors": (lambda n: [home(n), texts("m-", n)], {"monitors_slug_key"}),
    "find_key_facts": (lambda _: [ids("k", 1)], {"ingest_keys_pkey"}),
    "live_keys": (lambda _: [ids("k", 1)], {"ingest_keys_pkey"}),
    "lock_monitors": (lambda n: [ids("m", n), home(n)], {"monitors_pkey"}),
    "locked_monitors": (lambda n: [ids("m", n), home(n)], {"monitors_pkey"}),
    "runs_by_key": (lambda n: [ids("m", n), texts("r-", n)], {"run_keys_pkey", "runs_pkey", "incidents_pkey"}),
    "runs_by_id": (lambda n: [ids("r", n)], {"runs_pkey", "incidents_pkey"}),
    "unresolved_incidents": (lambda n: [ids("m", n)], {"incidents_one_unresolved"}),
    "signals_by_key": (lambda n: [ids("m", n), texts("s-", n)], {"signal_keys_pkey"}),
    "routes_of_workspaces": (lambda n: [ids("w", min(n, 4))], {"alert_routes_of_workspace"}),
    "told_routes": (lambda n: [ids("i", min(n, 20))], {"delivery_incidents_of_incident", "deliveries_pkey"}),
    "previous_incidents": (
        lambda n: [ids("m", min(n, 20)), f"array_fill('missed'::text, ARRAY[{min(n, 20)}])"],
        {"incidents_of_monitor"},
    ),
    "quiet_windows": (lambda n: [ids("w", min(n, 4)), "now()"], {"maintenance_windows_standing"}),
    "quietable": (lambda n: [ids("m", min(n, 20))], {"monitors_pkey"}),
    "drop_occurrences": (
        lambda n: [ids("i", min(n, 20)), f"array_fill(101, ARRAY[{min(n, 20)}])"],
        {"incident_events_pkey"},
    ),
    "lock_told": (lambda n: [ids("i", min(n, 20))], {"delivery_incidents_one_live", "deliveries_pkey"}),
    "end_live": (lambda n: [ids("d", min(n, 20)), ids("i", min(n, 20))], {"delivery_incidents_of_incident"}),
    "reissue": (lambda n: ["now()", ids("d", min(n, 20))], {"deliveries_pkey", "delivery_incidents_pkey"}),
    "cancel_spent": (lambda n: ["now()", ids("d", min(n, 20))], {"deliveries_pkey", "delivery_incidents_pkey"}),
}


@pytest.fixture(scope="module")
def filled(template_database):
    with template_database.clone(generated=True) as url:
        world = World(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FILL.encode())
            connection.execute("VACUUM ANALYZE")
            yield connection
        world.close()


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("members", [1, 64])
@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_uses_its_indexes(filled, name, members, mode):
    parameters, expected = HOT[name]
    text = statement_of(name, SQL[name]).text.decode()
    filled.execute(f"SET plan_cache_mode = {mode}".encode())
    values = [filled.execute(f"SELECT {value}".encode()).fetchone()[0] for value in parameters(members)]
    literals = sql.SQL(", ").join(sql.Literal(value) for value in values)
    filled.execute(f"PREPARE hot AS {text}".encode())
    try:
        ((plan,),) = filled.execute(sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE hot ({})").format(literals)).fetchall()
    finally:
        filled.execute("DEALLOCATE hot")
    read = list(nodes(plan[0]["Plan"]))
    indexes = {node["Index Name"] for node in read if "Index Name" in node}
    scanned = {node["Relation Name"] for node in read if node["Node Type"] == "Seq Scan"}
    assert expected <= indexes, f"used {sorted(indexes)}, read whole {sorted(scanned)}"
    # A small table read whole is cheap; one that grows with the customers is not.
    assert not scanned - {"workspaces"}, f"read whole: {sorted(scanned)}"


def test_the_incident_before_is_found_without_reading_all_that_there_were(filled):
    text = statement_of("previous_incidents", SQL["previous_incidents"]).text.decode()
    with filled.transaction(force_rollback=True):
        filled.execute(
            "INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, occurrence_count,"
            " event_count, resolved_at, resolution)"
            " SELECT gen_random_uuid(), md5('w1')::uuid, md5('m1')::uuid, 'missed', 'resolved', 'error',"
            " now() + n * interval '1 s', 1, 1, now(), 'recovered' FROM generate_series(1, 5000) AS n"
        )
        filled.execute(f"PREPARE before AS {text}".encode())
        explain = "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE before(ARRAY[md5('m1')::uuid], ARRAY['missed'])"
        ((plan,),) = filled.execute(explain).fetchall()
        filled.execute("DEALLOCATE before")

    def read(node: dict) -> float:
        below = sum(read(child) for child in node.get("Plans", ()))
        return below or node["Actual Rows"] * node["Actual Loops"]

    assert read(plan[0]["Plan"]) < 10
