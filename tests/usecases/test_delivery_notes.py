"""Timelines say what became of deliveries, and nothing else about their incidents changes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
import pytest
from tests.builders import World
from tests.delivery_rows import delivery, incident, stands
from tests.waiting import until

from luota_svc.model.errors import LuotaError
from luota_svc.usecases.delivery_expiry import expire_deliveries
from luota_svc.usecases.delivery_notes import BATCH_MAX, note_deliveries


@pytest.fixture
def rows(installation, database_url):
    world = World(database_url, installation.clock)
    yield world
    world.close()


def timeline(world: World, incident_id) -> list[tuple[int, str, str, str | None, str]]:
    entries = world.rows("SELECT * FROM incident_events WHERE incident_id = %s ORDER BY number", incident_id)
    return [
        (entry["number"], entry["event"], entry["actor"], entry["request_id"], entry["detail"]) for entry in entries
    ]


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        ({"state": "delivered"}, "Ops: delivered"),
        (
            {"state": "failed_retrying", "last_error": "503 from the receiver"},
            "Ops: failed_retrying, next attempt 2026-05-25T12:00:00.000Z: 503 from the receiver",
        ),
        ({"state": "failed_retrying"}, "Ops: failed_retrying, next attempt 2026-05-25T12:00:00.000Z"),
        ({"state": "failed_terminal", "last_error": "410 Gone"}, "Ops: failed_terminal: 410 Gone"),
        (
            {"state": "delivered", "last_error": "taken, but refused for good for olga@example.org: 550 No such user"},
            "Ops: delivered: taken, but refused for good for olga@example.org: 550 No such user",
        ),
        ({"state": "cancelled", "last_error": "503"}, "Ops: cancelled"),
        ({"state": "delivered", "reason": "resolved"}, "Ops (resolved): delivered"),
        ({"state": "delivered", "reason": "route_failure"}, "Ops (route_failure): delivered"),
        (
            {"state": "failed_terminal", "last_error": "403: password=hunter2hunter2 is wrong"},
            "Ops: failed_terminal: 403: password=[redacted:password] is wrong",
        ),
    ],
)
async def test_a_delivery_is_an_entry_of_its_incident(installation, rows, words, detail):
    about = incident(rows)
    told = delivery(rows, rows.route(name="Ops"), about, unnoted=True, request_id="req-1", **words)

    assert await note_deliveries(installation) == 1

    assert timeline(rows, about) == [(2, "delivery_changed", "worker", "req-1", detail)]
    (now,) = rows.rows("SELECT event_count, version, state FROM incidents WHERE id = %s", about)
    assert now == {"event_count": 2, "version": 1, "state": "open"}
    assert not stands(rows, told)["unnoted"]
    assert await note_deliveries(installation) == 0
    assert len(timeline(rows, about)) == 1


async def test_a_delivery_that_gathers_is_an_entry_of_each_and_several_of_one_are_numbered(installation, rows):
    first, second = incident(rows), incident(rows)
    ops, pager = rows.route(name="Ops"), rows.route(name="Pager")
    delivery(rows, ops, first, second, state="delivered", unnoted=True)
    delivery(rows, pager, second, state="delivered", unnoted=True)

    assert await note_deliveries(installation) == 2

    assert [entry[4] for entry in timeline(rows, first)] == ["Ops: delivered"]
    assert [(entry[0], entry[4]) for entry in timeline(rows, second)] == [
        (2, "Ops: delivered"),
        (3, "Pager: delivered"),
    ]


async def test_an_attempt_in_flight_is_noted_when_it_is_settled(installation, rows):
    about = incident(rows)
    told = delivery(rows, rows.route(), about, state="sending", unnoted=True)

    assert await note_deliveries(installation) == 0
    assert stands(rows, told)["unnoted"]


async def test_a_test_alert_has_no_timeline(installation, rows):
    told = delivery(rows, rows.route(), state="delivered", reason="test", unnoted=True)

    assert await note_deliveries(installation) == 1
    assert not stands(rows, told)["unnoted"]


async def test_a_monitor_that_is_held_is_left_for_the_next_look_and_the_others_are_noted(
    installation, rows, database_url
):
    busy, free = incident(rows), incident(rows)
    route = rows.route(name="Ops")
    waits = delivery(rows, route, busy, free, state="delivered", unnoted=True)
    delivery(rows, route, free, state="delivered", unnoted=True)
    monitor = rows.one("SELECT monitor_id FROM incidents WHERE id = %s", busy)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM monitors WHERE id = %s FOR NO KEY UPDATE", (monitor,))
        assert await note_deliveries(installation) == 1
        assert stands(rows, waits)["unnoted"]
        with pytest.raises(LuotaError):  # nothing else is left: it waits, and not for ever
            await note_deliveries(installation)
    assert await note_deliveries(installation) == 1

    assert len(timeline(rows, busy)) == 1
    assert len(timeline(rows, free)) == 2


async def test_where_every_monitor_is_busy_the_oldest_is_waited_for(installation, rows, database_url):
    about = incident(rows)
    delivery(rows, rows.route(), about, state="delivered", unnoted=True)
    monitor = rows.one("SELECT monitor_id FROM incidents WHERE id = %s", about)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM monitors WHERE id = %s FOR NO KEY UPDATE", (monitor,))
        noting = asyncio.create_task(note_deliveries(installation))
        await until(rows.waiting)
    assert await noting == 1


async def test_two_replicas_note_each_change_once(installation, rows):
    about = [incident(rows) for _ in range(20)]
    route = rows.route()
    for one in about:
        delivery(rows, route, one, state="delivered", unnoted=True)

    async def all_of_it() -> None:
        while rows.count("deliveries", "unnoted"):
            await note_deliveries(installation)

    await asyncio.gather(all_of_it(), all_of_it())

    assert [len(timeline(rows, one)) for one in about] == [1] * 20


async def test_a_large_crowd_is_noted_in_batches(installation, rows):
    about, route = incident(rows), rows.route()
    for _ in range(BATCH_MAX + 1):
        delivery(rows, route, about, state="cancelled", unnoted=True)

    assert [await note_deliveries(installation) for _ in range(3)] == [BATCH_MAX, 1, 0]
    assert [entry[0] for entry in timeline(rows, about)] == list(range(2, BATCH_MAX + 3))


@pytest.mark.parametrize("state", ["pending", "failed_retrying"])
async def test_what_waits_past_its_end_ends(installation, rows, state):
    about, route = incident(rows), rows.route(name="Ops")
    error = "503" if state == "failed_retrying" else None
    told = delivery(rows, route, about, state=state, last_error=error, fallback_due_at=None)
    young = delivery(rows, route, incident(rows))
    rows.rows("UPDATE deliveries SET expires_at = expires_at + interval '1 second' WHERE id = %s", young)
    installation.clock.advance(86_399)
    assert await expire_deliveries(installation) == 0
    installation.clock.advance(1)

    assert await expire_deliveries(installation) == 1

    row, now = stands(rows, told), installation.clock.now()
    assert (row["state"], row["settled_at"], row["next_attempt_at"]) == ("failed_terminal", now, None)
    assert (row["fallback_due_at"], row["unnoted"]) == (now, True)
    assert row["last_error"] == "Expired before it could be delivered" + ("; before that: 503" if error else "")
    assert rows.one("SELECT live FROM delivery_incidents WHERE delivery_id = %s", told) is False
    assert stands(rows, young)["state"] == "failed_retrying"
    assert await note_deliveries(installation) == 1
    assert timeline(rows, about)[0][4].startswith("Ops: failed_terminal: Expired")


@pytest.mark.parametrize("reason", ["test", "drill", "route_failure"])
async def test_nobody_else_is_told_of_a_test_a_drill_or_a_telling_that_expires(installation, rows, reason):
    told = delivery(rows, rows.route(), state="pending", reason=reason)
    installation.clock.advance(86_400)

    assert await expire_deliveries(installation) == 1
    assert stands(rows, told)["fallback_due_at"] is None


async def test_an_attempt_in_flight_or_a_row_that_is_held_is_not_ended(installation, rows, database_url):
    flying = delivery(rows, rows.route(), incident(rows), state="sending")
    held = delivery(rows, rows.route(), incident(rows))
    installation.clock.advance(timedelta(hours=25).total_seconds())
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM deliveries WHERE id = %s FOR NO KEY UPDATE", (held,))
        assert await expire_deliveries(installation) == 0
    assert await expire_deliveries(installation) == 1
    assert [stands(rows, each)["state"] for each in (flying, held)] == ["sending", "failed_terminal"]
