"""The outbox's statements use their indexes: 50,000 duties wait, a crowd of them behind one destination."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from tests.builders import World

from luota_svc.store.deliveries import SQL

pytestmark = pytest.mark.faults

ROWS = 1_000_000 if os.environ.get("LUOTA_FAULTS") == "full" else 50_000

ROUTES = """
INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (md5('w')::uuid, 'bulk', 'W', now(), now());
INSERT INTO destinations (workspace_id, destination)
SELECT md5('w')::uuid, sha256(('d' || n)::bytea) FROM generate_series(0, 1000) AS n;
INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                          fallback, after_seconds, enabled, state, created_at, updated_at)
SELECT md5('r' || n)::uuid, md5('w')::uuid, 'R', 'inbox', '{}', 'info', '', '', sha256(('d' || n)::bytea), false, 0,
       true, 'unproven', now(), now()
FROM generate_series(0, 1000) AS n;
"""
# Half of it waits due behind one destination that is full; the rest waits for later at a thousand others, but for one
# in a hundred, which is due.
FILL = f"""
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at, settled_at, unnoted, fallback_due_at)
SELECT md5('v' || n)::uuid, md5('w')::uuid, md5('r' || target)::uuid, sha256(('d' || target)::bytea), 'opened',
       CASE WHEN n % 3 = 0 THEN 'delivered' ELSE 'pending' END, 3, now(), now() + interval '1 day',
       CASE WHEN n % 3 = 0 THEN NULL
            WHEN target = 0 OR n % 100 = 0 THEN now() - interval '1 minute'
            ELSE now() + interval '1 hour' END, now(), CASE WHEN n % 3 = 0 THEN now() END, n % 1000 = 0,
       CASE WHEN n % 1000 = 0 THEN now() END
FROM (SELECT n, CASE WHEN n % 2 = 0 THEN 0 ELSE n / 2 % 1000 + 1 END AS target FROM generate_series(1, {ROWS}) AS n) v;
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT d.id, md5('i' || d.id)::uuid, d.route_id, 1, d.state = 'pending' FROM deliveries d;
"""
# Four tests of routes are due at each of 516 destinations.
TESTS = """
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at)
SELECT gen_random_uuid(), md5('w')::uuid, md5('r' || target)::uuid, sha256(('d' || target)::bytea), 'test', 'pending',
       3, now(), now() + interval '1 day', now() - interval '1 minute', now()
FROM generate_series(0, 515) AS target CROSS JOIN generate_series(1, 4);
"""
# All but those of the first 16 go out. TRUNCATE forgets what was known of a table, as of one that is new.
GO_OUT = """
TRUNCATE delivery_incidents;
UPDATE deliveries
SET state = 'sending', next_attempt_at = NULL, lease_until = now() + interval '1 minute', worker = 'w'
WHERE destination <> ALL(ARRAY(SELECT sha256(('d' || n)::bytea) FROM generate_series(0, 15) AS n))
"""
KEYS = {
    "workspaces": "ARRAY(SELECT md5('w')::uuid FROM generate_series(1, 4))",
    "destinations": "ARRAY(SELECT sha256(('d' || n)::bytea) FROM generate_series(0, 3) AS n)",
}
IDS = {"ids": "ARRAY(SELECT md5('v' || n)::uuid FROM generate_series(1, 32) AS n)"}
# Statement -> its parameters as SQL.
CASES = {
    "due_front": {"now": "now()", "most": "200"},
    "free_destinations": {
        **KEYS,
        "walk": "true",
        "after_workspace": "'00000000-0000-0000-0000-000000000000'",
        "after_destination": "''",
        "now": "now()",
        "most": "32",
        "crowd": "6",
        "gather_most": "804",
    },
    "gather": {**KEYS, "now": "now()", "most": "804", "named_most": "201"},
    "take": {
        **KEYS,
        "room": "ARRAY[4, 4, 4, 4]",
        "first_words": "ARRAY[1, 0, 4, 1]",
        "in_flight_most": "ARRAY[4, 4, 4, 1]",
        "now": "now()",
        "most": "32",
        "worker": "'w'",
        "lease_seconds": "45",
    },
    "lock_lost": {"most": "64"},
    "take_over": {**IDS, "now": "now()", "lost_most": "20", "lease_seconds": "45", "fallback_seconds": "600"},
    "lock_settled": IDS,
    "with_words": IDS,
    "make_due": {**KEYS, "now": "now()"},
    "next_due": {"now": "now()"},
    "standing": {"now": "now()"},
}
# Of what waits behind a full destination each reads a handful, whatever its number. A walk probes each of a thousand
# destinations, messages name up to 804 duties, and a repair makes a thousand due.
PAGES_MOST = {"free_destinations": 12_000, "gather": 40_000, "make_due": 40_000}


@pytest.fixture(scope="module")
def bulk(template_database) -> Iterator[psycopg.Connection]:
    with template_database.clone(generated=True) as url:
        World(url).close()
        with psycopg.connect(url) as connection:
            connection.execute(f"{ROUTES}{FILL}".encode())
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
            connection.autocommit = False
            yield connection


def plan_of(connection: psycopg.Connection, name: str, **instead: str) -> list[str]:
    statement = SQL[name]
    for parameter, value in (CASES[name] | instead).items():
        statement = statement.replace(f"%({parameter})s", value)
    lines = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {statement}".encode()).fetchall()
    connection.rollback()
    return [line for (line,) in lines]


@pytest.mark.parametrize("name", CASES)
def test_a_statement_of_the_outbox_reads_by_index(bulk, name):
    plan = plan_of(bulk, name)
    text = "\n".join(plan)
    for table in ("deliveries", "delivery_incidents"):
        assert f"Seq Scan on {table}" not in text, text
    assert pages_of(plan) < PAGES_MOST.get(name, 2_000), text


def test_a_claim_does_not_look_at_all_that_is_in_flight(template_database):
    # Tests of routes tell of no incident, and nothing is in flight when statistics are taken at a calm hour: they must
    # not tempt a claim to begin with what is in flight, anew for each duty that it takes.
    here = {
        "workspaces": "ARRAY(SELECT md5('w')::uuid FROM generate_series(1, 16))",
        "destinations": "ARRAY(SELECT sha256(('d' || n)::bytea) FROM generate_series(0, 15) AS n)",
        **dict.fromkeys(("room", "first_words", "in_flight_most"), "ARRAY(SELECT 4 FROM generate_series(1, 16))"),
    }
    with template_database.clone(generated=True) as url:
        World(url).close()
        with psycopg.connect(url) as connection:
            connection.execute(f"{ROUTES}{TESTS}".encode())
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
            connection.execute(GO_OUT.encode())
            connection.autocommit = False
            plan = plan_of(connection, "take", **here, most="64")
    assert plan[0].startswith("Update on deliveries d (actual rows=64"), "\n".join(plan)
    assert pages_of(plan) < 8_000, "\n".join(plan)


def pages_of(plan: list[str]) -> int:
    """Return how many pages a statement touched, by the plan's first line about them."""
    (buffers,) = [line for line in plan if "Buffers" in line][:1]
    return sum(int(word.partition("=")[2]) for word in buffers.split() if word.startswith(("hit=", "read=")))
