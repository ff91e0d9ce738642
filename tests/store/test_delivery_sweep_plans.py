"""What sweeps of deliveries ask reads its index: what is due and little else, however many deliveries there are."""

from __future__ import annotations

import psycopg
import pytest
from tests.store.test_outbox_plans import bulk

from luota_svc.store.catalogue import load_catalogue

__all__ = ["bulk"]

pytestmark = pytest.mark.faults

IDS = {"ids": "ARRAY(SELECT md5('v' || n * 1000)::uuid FROM generate_series(1, 200) AS n)"}
# Catalogue, statement, its parameters as SQL, the index that must be used.
CASES = [
    (
        "route_failures",
        "call_for_held",
        {"now": "now()", "before": "now() - interval '10 minutes'", "most": "200"},
        "deliveries_waiting",
    ),
    ("route_failures", "due", {"now": "now()", "most": "200"}, "deliveries_fallback"),
    ("route_failures", "hold_due", {**IDS, "now": "now()"}, "deliveries_fallback"),
    ("route_failures", "failing", IDS, "delivery_incidents_pkey"),
    (
        "route_failures",
        "told",
        {
            "fallback_ids": "ARRAY[md5('r0')::uuid]",
            "about_ids": "ARRAY[md5('r1')::uuid, md5('r2')::uuid]",
            "since": "now() - interval '1 hour'",
            "waiting_since": "now() - interval '25 hours'",
        },
        "deliveries_about",
    ),
    ("route_failures", "hold_open", IDS, "deliveries_pkey"),
    ("delivery_notes", "due", {"most": "200"}, "deliveries_unnoted"),
    ("delivery_notes", "incidents_of", IDS, "delivery_incidents_"),
    ("delivery_notes", "hold", IDS, "deliveries_unnoted"),
    ("delivery_notes", "noted", IDS, "deliveries_pkey"),
    ("left_behind", "places", {"most": "200"}, "deliveries_waiting_of_route"),
    (
        "left_behind",
        "hold",
        {"route_id": "md5('r0')::uuid", "destination": "sha256('d0')", "most": "1000"},
        "deliveries_waiting_of_route",
    ),
    (
        "routes",
        "lock_unfinished",
        {
            "workspace_id": "md5('w')::uuid",
            "route_id": "md5('r0')::uuid",
            "destination": "sha256('d0')",
            "most": "1000",
        },
        "deliveries_waiting_of_route",
    ),
    ("delivery_expiry", "expire", {"now": "now()", "most": "200"}, "deliveries_expiring"),
]


@pytest.mark.parametrize(("noun", "name", "parameters", "index"), CASES, ids=lambda value: str(value)[:24])
def test_a_sweep_of_deliveries_reads_its_index(bulk: psycopg.Connection, noun, name, parameters, index):
    statement = load_catalogue(noun)[name]
    for parameter, value in parameters.items():
        statement = statement.replace(f"%({parameter})s", value)
    lines = bulk.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}".encode()).fetchall()
    bulk.rollback()

    text = "\n".join(line for (line,) in lines)
    assert index in text, text
    assert "Seq Scan on deliver" not in text, text
