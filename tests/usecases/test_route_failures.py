"""A route that does not deliver is told of to somebody else: once, within a minute, by whichever replica looks."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from tests.builders import World
from tests.delivery_rows import delivery, incident, stands
from tests.postroom import OVERLOADED, TOOK_IT, post_room

from luota_svc.telemetry import names
from luota_svc.usecases.delivery_expiry import expire_deliveries
from luota_svc.usecases.delivery_notes import note_deliveries
from luota_svc.usecases.route_failures import BATCH_MAX, tell_fallbacks


@pytest.fixture
def rows(installation, database_url):
    world = World(database_url, installation.clock)
    yield world
    world.close()


def dead_route(world: World, **words) -> UUID:
    return world.route(name="Dead", destination=b"d" * 32, **words)


def fallback_route(world: World, letter: bytes = b"f", **words) -> UUID:
    return world.route(**{"name": "Fallback", "destination": letter * 32, "fallback": True, **words})


def failing(world: World, route: UUID, *incidents: UUID, **words) -> UUID:
    now: datetime = world.clock.now()
    return delivery(world, route, *incidents, **{"fallback_due_at": now, "first_failed_at": now, **words})


def failures(world: World) -> list[dict]:
    """The duties to tell of failing routes, oldest first, with what they name."""
    return world.rows(
        "SELECT d.*, ARRAY(SELECT incident_id FROM delivery_incidents WHERE delivery_id = d.id ORDER BY 1) AS named"
        " FROM deliveries d WHERE reason = 'route_failure' ORDER BY due_at, created_at, id"
    )


async def test_a_drill_that_is_given_up_wakes_nobody_and_is_looked_at_once(installation, rows):
    fallback_route(rows)
    given_up = failing(rows, dead_route(rows, drill=True), incident(rows), state="failed_terminal")
    assert await tell_fallbacks(installation) == 1
    assert failures(rows) == []
    assert rows.one("SELECT fallback_due_at FROM deliveries WHERE id = %s", given_up) is None
    assert await tell_fallbacks(installation) == 0


async def test_what_has_failed_for_ten_minutes_is_told_to_the_fallback_route(installation, rows):
    dead, fallback, about = dead_route(rows), fallback_route(rows), incident(rows)
    due_at = installation.clock.now() + timedelta(minutes=10)
    told = failing(rows, dead, about, fallback_due_at=due_at, severity_rank=4, request_id="req-1", traceparent="00-1")
    installation.clock.advance(599.999)
    assert await tell_fallbacks(installation) == 0
    installation.clock.advance(0.001)

    assert await tell_fallbacks(installation) == 1

    (duty,) = failures(rows)
    now = installation.clock.now()
    assert (duty["route_id"], duty["about_route_id"], duty["named"]) == (fallback, dead, [about])
    assert (duty["state"], duty["next_attempt_at"], duty["due_at"]) == ("pending", now, now)
    assert duty["expires_at"] == now + timedelta(hours=24)
    assert (duty["destination"], duty["severity_rank"]) == (b"f" * 32, 4)
    assert (duty["request_id"], duty["traceparent"]) == ("req-1", "00-1")
    assert duty["fallback_due_at"] is None
    (named,) = rows.rows("SELECT * FROM delivery_incidents WHERE delivery_id = %s", duty["id"])
    assert (named["route_id"], named["live"], named["sequence"]) == (fallback, False, 0)
    assert stands(rows, told)["fallback_due_at"] is None
    assert stands(rows, told)["state"] == "failed_retrying"
    assert await tell_fallbacks(installation) == 0


async def test_what_failed_for_good_names_all_that_it_ever_was_to_tell(installation, rows):
    dead, first, second = dead_route(rows), incident(rows), incident(rows)
    fallback_route(rows)
    failing(rows, dead, first, second, state="failed_terminal")

    await tell_fallbacks(installation)

    assert failures(rows)[0]["named"] == sorted([first, second])


async def test_words_that_were_taken_back_are_not_named(installation, rows):
    dead, stays, ended = dead_route(rows), incident(rows), incident(rows)
    fallback_route(rows)
    told = failing(rows, dead, stays, ended)
    rows.rows("UPDATE delivery_incidents SET live = false WHERE delivery_id = %s AND incident_id = %s", told, ended)

    await tell_fallbacks(installation)

    assert failures(rows)[0]["named"] == [stays]


async def test_a_live_word_about_the_same_incident_for_the_fallback_route_does_not_stand_in_the_way(installation, rows):
    dead, fallback, about = dead_route(rows), fallback_route(rows), incident(rows)
    delivery(rows, fallback, about, state="pending")
    failing(rows, dead, about)

    assert await tell_fallbacks(installation) == 1
    assert len(failures(rows)) == 1


@pytest.mark.parametrize(
    "words",
    [
        {"enabled": False},
        {"fallback": False},
        {"destination": b"d" * 32},
        {"deleted_at": "2026-05-25T11:00:00Z"},
    ],
)
async def test_where_nobody_is_left_to_tell_a_warning_says_so_once_and_is_counted(installation, rows, caplog, words):
    dead = dead_route(rows)
    fallback_route(rows, **words)
    fallback_route(rows, workspace_id=rows.workspace())
    told = [failing(rows, dead, incident(rows)) for _ in range(3)]
    heard: list[int] = []
    with caplog.at_level(logging.WARNING):
        assert await tell_fallbacks(installation, on_untold=heard.append) == 3
        assert await tell_fallbacks(installation, on_untold=heard.append) == 0

    assert failures(rows) == []
    assert heard == [1]
    (line,) = [record for record in caplog.records if record.message == names.LOG_ROUTE_FAILURE_UNTOLD]
    assert line.route_id == str(dead)
    assert all(stands(rows, each)["fallback_due_at"] is None for each in told)


async def test_the_fallback_route_itself_fails_and_another_one_is_told(installation, rows):
    first, second, about = fallback_route(rows), fallback_route(rows, b"s"), incident(rows)
    failing(rows, first, about)

    await tell_fallbacks(installation)

    assert [(duty["route_id"], duty["about_route_id"]) for duty in failures(rows)] == [(second, first)]


async def test_what_fails_while_the_message_waits_joins_it(installation, rows):
    dead, early, late = dead_route(rows), incident(rows), incident(rows)
    fallback_route(rows)
    failing(rows, dead, early, severity_rank=2)
    await tell_fallbacks(installation)
    installation.clock.advance(5)
    failing(rows, dead, late, severity_rank=4)
    failing(rows, dead, early, state="failed_terminal")

    assert await tell_fallbacks(installation) == 2

    (duty,) = failures(rows)
    assert (duty["named"], duty["severity_rank"]) == (sorted([early, late]), 4)


@pytest.mark.parametrize("state", ["sending", "failed_retrying", "delivered"])
async def test_what_is_frozen_is_joined_by_nothing_and_the_next_comes_half_a_minute_later(installation, rows, state):
    dead, early, late = dead_route(rows), incident(rows), incident(rows)
    fallback = fallback_route(rows)
    now = installation.clock.now()
    before = delivery(rows, fallback, early, state=state, reason="route_failure", about_route_id=dead, content=b"{}")
    installation.clock.advance(5)
    failing(rows, dead, early, late)

    assert await tell_fallbacks(installation) == 1

    _, duty = failures(rows)
    assert (duty["named"], duty["next_attempt_at"]) == ([late], now + timedelta(seconds=31))
    assert rows.count("delivery_incidents", "delivery_id = %s", before) == 1


async def test_what_never_reached_the_fallback_route_is_told_anew(installation, rows):
    dead, about, fallback = dead_route(rows), incident(rows), fallback_route(rows)
    delivery(rows, fallback, about, state="failed_terminal", reason="route_failure", about_route_id=dead)
    failing(rows, dead, about)

    await tell_fallbacks(installation)

    assert {duty["state"] for duty in failures(rows)} == {"failed_terminal", "pending"}


@pytest.mark.parametrize(("minutes", "told_again"), [(59, False), (61, True)])
async def test_the_end_of_what_was_told_of_is_told_only_an_hour_later(installation, rows, minutes, told_again):
    dead, about, fallback = dead_route(rows), incident(rows), fallback_route(rows)
    delivery(rows, fallback, about, state="delivered", reason="route_failure", about_route_id=dead)
    installation.clock.advance(60 * minutes)
    failing(rows, dead, about, state="failed_terminal")

    await tell_fallbacks(installation)

    assert len(failures(rows)) == 1 + told_again


async def test_what_a_worker_is_settling_or_freezing_is_not_waited_for(installation, rows, database_url):
    dead, early, late = dead_route(rows), incident(rows), incident(rows)
    fallback = fallback_route(rows)
    waits = delivery(rows, fallback, early, state="pending", reason="route_failure", about_route_id=dead)
    settling, free = failing(rows, dead, early), failing(rows, dead, late)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM deliveries WHERE id = ANY(%s) FOR NO KEY UPDATE", ([waits, settling],))
        assert await tell_fallbacks(installation) == 1

    assert stands(rows, settling)["fallback_due_at"] is not None
    assert stands(rows, free)["fallback_due_at"] is None
    assert [duty["named"] for duty in failures(rows)] == [[early], [late]]


async def test_a_dead_route_with_a_crowd_behind_it_makes_one_message_though_two_replicas_look(installation, rows):
    dead, about = dead_route(rows), [incident(rows) for _ in range(10)]
    fallback_route(rows)
    for at in range(BATCH_MAX + 20):
        failing(rows, dead, about[at % 10], state="failed_terminal")

    async def all_of_it() -> None:
        while rows.count("deliveries", "fallback_due_at IS NOT NULL"):
            await tell_fallbacks(installation)

    await asyncio.gather(all_of_it(), all_of_it())

    (duty,) = failures(rows)
    assert duty["named"] == sorted(about)


async def test_what_expires_is_told_of_at_the_next_look(installation, rows):
    dead, about = dead_route(rows), incident(rows)
    fallback_route(rows)
    delivery(rows, dead, about)
    installation.clock.advance(86_400)

    await expire_deliveries(installation)
    await tell_fallbacks(installation)

    assert [duty["named"] for duty in failures(rows)] == [[about]]


async def test_each_workspace_has_its_own(installation, rows):
    theirs = rows.workspace()
    dead, ours = dead_route(rows), fallback_route(rows)
    their_dead = dead_route(rows, workspace_id=theirs)
    their_fallback = fallback_route(rows, workspace_id=theirs)
    failing(rows, dead, incident(rows))
    failing(rows, their_dead, incident(rows, workspace_id=theirs))

    assert await tell_fallbacks(installation) == 2

    told = {(duty["workspace_id"], duty["about_route_id"], duty["route_id"]) for duty in failures(rows)}
    assert told == {(rows.workspace_id, dead, ours), (theirs, their_dead, their_fallback)}


async def test_a_dead_routes_alert_reaches_the_fallback_route_and_its_incidents_timeline(database_url):
    async with post_room(database_url) as room:
        dead = room.route(name="Dead")
        fallback = room.route("https://elsewhere.example/b", name="Fallback", fallback=True)
        about = room.incident()
        room.duty(dead, about)
        outbox = room.outbox()
        ended = room.clock.now() + timedelta(minutes=10, seconds=30)
        reached = []
        while room.clock.now() < ended:
            for each in (await outbox.claim(32)).claimed:
                await room.settle(outbox, OVERLOADED if each.route_id == dead else TOOK_IT, each)
                if each.route_id == fallback:
                    reached.append((room.clock.now(), each))
            await tell_fallbacks(room.installation)
            await note_deliveries(room.installation)
            room.clock.advance(5)

        ((at, alert),) = reached
        assert ended - timedelta(seconds=30) <= at <= ended
        metadata = json.loads(alert.content)["metadata"]
        assert (metadata["reason"], metadata["failedRoute"]["id"]) == ("route_failure", str(dead))
        assert str(about) in alert.content.decode()
        entries = room.world.rows("SELECT detail FROM incident_events WHERE incident_id = %s ORDER BY number", about)
        assert entries[0]["detail"].startswith("Dead: failed_retrying, next attempt ")
        assert entries[-1]["detail"] == "Fallback (route_failure): delivered"


async def test_what_waits_behind_an_open_breaker_is_told_to_somebody_else_ten_minutes_after_it_was_due(database_url):
    async with post_room(database_url) as room:
        dead = room.route("https://hooks.example/dead-0123456789")
        room.route("https://hooks.example/fallback-0123456789", fallback=True)
        open_until = room.clock.now() + timedelta(minutes=15)
        breaker = "UPDATE destinations SET failures_in_row = 9, open_until = %s, open_seconds = 900"
        room.world.rows(
            f"{breaker} WHERE destination = (SELECT destination FROM alert_routes WHERE id = %s)", open_until, dead
        )
        held = room.news(dead, 2)
        room.pass_time(599)
        assert await tell_fallbacks(room.installation) == 0
        room.pass_time(1)
        assert await tell_fallbacks(room.installation) == 2
        (told,) = failures(room.world)
        named = {
            room.world.one("SELECT incident_id FROM delivery_incidents WHERE delivery_id = %s", each) for each in held
        }
        assert set(told["named"]) == named
        # They stay what they are, and are named once.
        assert {room.delivery(each)["state"] for each in held} == {"pending"}
        assert await tell_fallbacks(room.installation) == 0

        # What is told together with them is told of too.
        room.pass_time(310)
        late = room.news(dead, 6)
        (probe,) = [each for each in (await room.outbox().claim(32)).claimed if each.route_id == dead]
        await room.settle(room.outbox(), OVERLOADED, probe)
        row = room.delivery(probe.id)
        assert row["fallback_due_at"] == room.clock.now()
        assert {room.delivery(each)["gathered_into"] for each in late} == {probe.id}


@pytest.mark.parametrize("how", ["it fails", "its worker is lost"])
async def test_what_an_open_breaker_held_and_then_fails_is_told_ten_minutes_after_it_was_due(database_url, how):
    async with post_room(database_url) as room:
        dead = room.route("https://hooks.example/dead-0123456789")
        room.route("https://hooks.example/fallback-0123456789", fallback=True)
        open_until = room.clock.now() + timedelta(minutes=9)
        breaker = "UPDATE destinations SET failures_in_row = 9, open_until = %s, open_seconds = 900"
        room.world.rows(
            f"{breaker} WHERE destination = (SELECT destination FROM alert_routes WHERE id = %s)", open_until, dead
        )
        (held,) = room.news(dead)
        told_at = room.clock.now() + timedelta(minutes=10)
        room.pass_time(541)
        outbox = room.outbox()
        (probe,) = (await outbox.claim(32)).claimed
        if how == "it fails":
            await room.settle(outbox, OVERLOADED, probe)
        else:
            room.lose_lease(held)
            await outbox.take_over()
        assert (probe.id, room.delivery(held)["fallback_due_at"]) == (held, told_at)
        room.pass_time(59)
        assert await tell_fallbacks(room.installation) == 1
        (told,) = failures(room.world)
        assert told["about_route_id"] == dead


async def test_a_lost_attempt_pushes_nothing_later_that_stands_on_its_row(database_url):
    async with post_room(database_url) as room:
        told_at = room.clock.now() + timedelta(minutes=1)
        # As a duty stands that gathered others, of which somebody is to be told.
        (duty,) = room.news(room.route(), fallback_due_at=told_at)
        outbox = room.outbox()
        await outbox.claim(32)
        room.lose_lease(duty)
        assert await outbox.take_over() == 1
        assert room.delivery(duty)["fallback_due_at"] == told_at
