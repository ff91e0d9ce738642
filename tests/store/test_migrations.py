"""What `migrate` does beyond its files."""

from __future__ import annotations

import psycopg

from luota_svc.store.migrations import migrate


async def test_a_restored_dumps_timelines_are_settled_and_a_servers_own_are_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO incident_events (incident_id, number, event, at, actor)"
            " SELECT gen_random_uuid(), n, 'note', now(), 'rule' FROM generate_series(1, 3) n"
        )
        own = connection.execute("SELECT max(transaction_id::text::numeric) FROM incident_events").fetchone()
        connection.execute("UPDATE incident_events SET transaction_id = '999999999999' WHERE number > 1")
        said: list[str] = []
        assert await migrate(database_url, report=said.append) == 0
        assert said == ["settled 2 timeline entries that another server numbered"]
        rows = connection.execute("SELECT transaction_id::text FROM incident_events ORDER BY number").fetchall()
        assert own is not None
        assert rows == [(str(own[0]),), ("3",), ("3",)]
        assert await migrate(database_url, report=said.append) == 0
        assert len(said) == 1
