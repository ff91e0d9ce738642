"""The sweep's statements and the incident queue use their indexes: 50,000 rows of a kind, a million at full size."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from tests.builders import World
from tests.store.plans import ids, nodes

from luota_svc.store import ingest, sweep
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.round_trip import statement_of

pytestmark = pytest.mark.faults

ROWS = 1_000_000 if os.environ.get("LUOTA_FAULTS") == "full" else 50_000
DUE = 1_000
SQL = {**ingest.SQL, **sweep.SQL}

# All wait for an instant of the day that comes; the first thousand are due. A tenth of the runs is still going.
FILL = f"""
INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (md5('w')::uuid, 'bulk', 'W', now(), now());
INSERT INTO monitors (id, workspace_id, slug, name, kind, schedule_cron, grace_seconds, failure_threshold,
                      recovery_threshold, remind_every_seconds, severity, owner, runbook_url, environment, promise,
                      tags, created_at, updated_at, next_deadline_at)
SELECT md5('m' || n)::uuid, md5('w')::uuid, 'm-' || n, 'M', 'heartbeat', '0 0 * * *', 300, 1, 1, 0, 'error', '', '', '',
       '', '{{}}', now(), now(),
       CASE WHEN n <= {DUE} THEN now() - n * interval '1 ms' ELSE now() + n * interval '80 ms' + interval '1 hour' END
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO runs (id, workspace_id, monitor_id, external_run_id, state, started_at, start_occurred, start_seen,
                  received_at, last_sign_at, finished_at, duration_ms, request_id, timeout_at, next_deadline_at)
SELECT md5('r' || n)::uuid, md5('w')::uuid, md5('m' || n)::uuid, 'r-' || n,
       CASE WHEN n % 10 = 0 THEN 'running' ELSE 'succeeded' END, now(), false, true, now() - n * interval '1 s', now(),
       CASE WHEN n % 10 <> 0 THEN now() END, CASE WHEN n % 10 <> 0 THEN 1 END, 'req', now(),
       CASE WHEN n % 10 = 0 THEN now() + (n - 10 * {DUE}) * interval '80 ms' END
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, occurrence_count, event_count,
                       resolved_at, resolution, next_deadline_at)
SELECT md5('i' || n)::uuid, md5('w')::uuid, md5('m' || n)::uuid, 'missed',
       CASE WHEN n % 100 = 0 THEN 'open' ELSE 'resolved' END, 'error', now() - n * interval '1 s', 1, 1,
       CASE WHEN n % 100 <> 0 THEN now() END, CASE WHEN n % 100 <> 0 THEN 'recovered' END,
       CASE WHEN n % 100 = 0 THEN now() + (n - 50000) * interval '1 s' END
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO ingest_liveness SELECT md5('p' || n)::uuid, now() FROM generate_series(1, 20) AS n;
INSERT INTO ingest_gaps SELECT now() - n * interval '1 day', now() - n * interval '1 day' + interval '20 s'
FROM generate_series(1, 60) AS n;
"""


def homes(count: int) -> str:
    return f"(SELECT array_agg(md5('w')::uuid) FROM generate_series(1, {count}) AS n)"


# statement -> (parameters for a batch of n, indexes that must be used)
SWEEP = {
    "oldest_due": (lambda _: [], {"monitors_due", "runs_due"}),
    "lock_due_monitors": (lambda n: ["now()", str(n)], {"monitors_due"}),
    "due_runs": (lambda n: ["now()", str(n)], {"runs_due"}),
    "lock_monitors_of_runs": (lambda n: [ids("m", n)], {"monitors_pkey"}),
    "lock_monitors": (lambda n: [ids("m", n), homes(n)], {"monitors_pkey"}),
    "watches": (lambda n: [ids("m", n)], {"monitors_pkey"}),
    "swept_runs": (lambda n: [ids("r", n), ids("m", n), "now()"], {"runs_"}),
    "unresolved_incidents": (lambda n: [ids("m", n)], {"incidents_one_unresolved"}),
    "previous_incidents": (
        lambda n: [ids("m", n), f"array_fill('missed'::text, ARRAY[{n}])"],
        {"incidents_of_monitor"},
    ),
    "promises": (lambda n: [ids("m", n)], {"monitors_pkey"}),
    "give_up_runs": (lambda n: [ids("m", n)], {"runs_stuck"}),
    "set_aside_monitors": (lambda n: ["now()", ids("m", n)], {"monitors_pkey"}),
    "set_aside_runs": (lambda n: ["now()", ids("r", n)], {"runs_pkey"}),
}
FIRST = {"after_at": None, "after_id": None, "limit": 51}
NO_FILTER = dict.fromkeys(
    ("state", "monitor_id", "kind", "severity", "assignee", "opened_after", "opened_before"),
)
QUEUE = [
    ("incidents", "page_unresolved", {"workspace_id": "w", **NO_FILTER, **FIRST}, "incidents_unresolved"),
    ("incidents", "page", {"workspace_id": "w", **NO_FILTER, **FIRST}, "incidents_newest"),
    ("incident_deadlines", "due", {"now": "now", "most": 500}, "incidents_due"),
    ("silence", "watches", {"ids": ["m"]}, "monitors_pkey"),
    ("silence", "look_at_runs", {"id": "m", "at": None}, "runs_"),
    ("liveness", "gaps", {}, ""),
]


@pytest.fixture(scope="module")
def filled(template_database) -> Iterator[psycopg.Connection]:
    with template_database.clone(generated=True) as url:
        world = World(url)
        with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute(FILL.encode())
            connection.execute("VACUUM ANALYZE")
            yield connection
        world.close()


def require(plan: dict, expected: set[str]) -> None:
    """The indexes are used, and no table that grows is read whole."""
    indexes = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
    scanned = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert all(any(index.startswith(name) for index in indexes) for name in expected), f"{indexes}, whole {scanned}"
    assert not scanned - {"workspaces", "ingest_liveness", "ingest_gaps"}, f"read whole: {scanned}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("batch", [1, 500])
@pytest.mark.parametrize("name", SWEEP)
def test_the_sweep_reads_what_is_due_and_little_else(filled, name, batch, mode):
    parameters, expected = SWEEP[name]
    text = statement_of(name, SQL[name]).text.decode()
    filled.execute(f"SET plan_cache_mode = {mode}".encode())
    values = [filled.execute(f"SELECT {value}".encode()).fetchone()[0] for value in parameters(batch)]
    literals = sql.SQL(", ").join(sql.Literal(value) for value in values)
    filled.execute(f"PREPARE swept AS {text}".encode())
    try:
        arguments = sql.SQL(" ({})").format(literals) if values else sql.SQL("")
        ((plan,),) = filled.execute(sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE swept{}").format(arguments)).fetchall()
    finally:
        filled.execute("DEALLOCATE swept")
    require(plan[0]["Plan"], expected)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("noun", "name", "parameters", "index"), QUEUE, ids=lambda value: str(value)[:20])
def test_the_incident_queue_reads_its_index(filled, noun, name, parameters, index):
    workspace, monitor, now = filled.execute("SELECT md5('w')::uuid, md5('m1')::uuid, now()").fetchone()
    known = {"w": workspace, "m": monitor, "now": now}
    values = {
        key: [monitor] if value == ["m"] else known.get(value, value) if isinstance(value, str) else value
        for key, value in parameters.items()
    }
    statement = f"EXPLAIN (FORMAT JSON) {load_catalogue(noun)[name]}"
    ((plan,),) = filled.execute(statement.encode(), values).fetchall()
    require(plan[0]["Plan"], {index} if index else set())
