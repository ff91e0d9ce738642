"""Telling again reads what stands and what ended lately by their indexes, whatever a workspace has behind it."""

from __future__ import annotations

import re

import psycopg
import pytest
from tests.builders import World

from luota_svc.store.refreshing import SQL

ROWS = 12_000
# Twelve thousand incidents that were told and are over, twenty that stand.
FILL = f"""
INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, resolved_at, resolution,
                       occurrence_count, event_count)
SELECT md5('i' || n)::uuid, %(workspace)s, md5('m' || n)::uuid, 'failed',
       CASE WHEN n > 20 THEN 'resolved' ELSE 'open' END, 'error', now() - n * interval '1 minute',
       CASE WHEN n > 20 THEN now() - n * interval '1 minute' END, CASE WHEN n > 20 THEN 'recovered' END, 1, 1
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        settled_at, content)
SELECT md5('d' || n)::uuid, %(workspace)s, %(route)s, sha256('d'), 'opened', 'delivered', 3, now(), now(), now(), '{{}}'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT md5('d' || n)::uuid, md5('i' || n)::uuid, %(route)s, 1, false FROM generate_series(1, {ROWS}) AS n;
ANALYZE incidents, deliveries, delivery_incidents, alert_routes;
"""


@pytest.mark.parametrize("name", ["claim", "standing"])
def test_telling_again_scans_no_table_of_many_rows(database_url: str, name: str) -> None:
    world = World(database_url)
    route = world.route(kind="alertmanager")
    parameters = {
        "workspace": world.workspace_id,
        "workspace_id": world.workspace_id,
        "route": route,
        "route_id": route,
        "now": "now",
        "before": "now",
        "ended_after": "now",
        "most": 8,
    }
    with psycopg.ClientCursor(psycopg.connect(database_url, autocommit=True)) as cursor:
        cursor.execute(FILL, parameters)
        cursor.execute("EXPLAIN " + SQL[name], parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.connection.close()
    world.close()
    assert not re.search("Seq Scan on (incidents|deliveries|delivery_incidents)", plan), plan
    assert "incidents_ended" in plan, plan
