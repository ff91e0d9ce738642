"""Operators read every delivery with its attempts, are told what to do next, and tell one again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.builders import World, finish, ingest_process
from tests.management import Caller

from luota_svc.model.errors import NotFound, PermissionDenied, ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.pages import Ask
from luota_svc.rules.instants import instant_text
from luota_svc.usecases.delivery_reading import get_delivery, list_deliveries, replay_delivery
from luota_svc.usecases.packets import get_packet
from luota_svc.usecases.requests import find_requests

ONCE = Idempotency("again-1", b"0" * 32)


class Scene:
    """A failed run that one route is to be told of, in the house's first workspace."""

    def __init__(self, house, world, process):
        self.house, self.world, self.process = house, world, process
        self.at, self.now = house.installation, world.clock.now()
        self.route = world.route(name="On call", destination=b"d" * 32)
        self.destination(b"d" * 32)

    async def fails(self):
        """Open an incident and return its id and that of the duty to tell it."""
        failed = await self.process.finish(self.world.monitor(), "r", 1)
        query = "SELECT delivery_id FROM delivery_incidents WHERE incident_id = %s"
        return failed.incident.id, self.world.one(query, failed.incident.id)

    def becomes(self, delivery, state, **columns):
        """Let a delivery come to a state as the outbox does."""
        waits, ended = state in {"pending", "failed_retrying"}, state in {"delivered", "failed_terminal", "cancelled"}
        columns = {
            "state": state,
            "next_attempt_at": self.now + timedelta(seconds=30) if waits else None,
            "settled_at": self.now if ended else None,
            "lease_until": self.now if state == "sending" else None,
            **columns,
        }
        places = ", ".join(f"{name} = %s" for name in columns)
        self.world.rows(f"UPDATE deliveries SET {places} WHERE id = %s", *columns.values(), delivery)
        if ended:
            self.world.rows("UPDATE delivery_incidents SET live = false WHERE delivery_id = %s", delivery)

    def attempted(self, delivery, **columns):
        row = {
            "delivery_id": delivery,
            "number": 1,
            "started_at": self.now,
            "ended_at": self.now + timedelta(seconds=1),
            "duration_ms": 999,
            "outcome": "overloaded",
            "http_status": 503,
            "error": "503: Authorization: Bearer abcdefghijklmnop0123456789",
            "reply": "no: Bearer abcdefghijklmnop0123456789",
            "resolved_address": "192.0.2.7",
            "retry_after_seconds": 7,
            "worker": "w",
            "trace_id": "a" * 32,
            **columns,
        }
        self.world._insert("delivery_attempts", row)

    def destination(self, destination, open_until=None):
        self.world._insert(
            "destinations",
            {"workspace_id": self.world.workspace_id, "destination": destination, "open_until": open_until},
        )

    async def get(self, delivery, caller: Caller | None = None):
        return await get_delivery(self.at, (caller or self.house.olga).call(), delivery)

    async def replay(self, delivery, once=None, caller: Caller | None = None):
        return await replay_delivery(self.at, (caller or self.house.olga).call(), delivery, once)


@pytest.fixture
async def scene(database_url, house):
    world = World(database_url, clock=house.installation.clock)
    world.workspace_id = house.ours
    world.token = world.make_key().token
    async with ingest_process(world) as process:
        yield Scene(house, world, process)
    world.close()


async def test_a_delivery_is_read_with_its_attempts_by_who_may_see_it(scene):
    incident, delivery = await scene.fails()
    scene.becomes(delivery, "failed_retrying", attempt_count=1, last_error="503 by on call", first_failed_at=scene.now)
    scene.attempted(delivery)
    read = await scene.get(delivery)
    assert (read.route_name, read.reason, read.state, read.incident_ids) == (
        "On call",
        "opened",
        "failed_retrying",
        (incident,),
    )
    assert (read.attempt_count, read.error) == (1, "503 by on call")
    assert read.request_id == scene.world.one("SELECT request_id FROM incidents WHERE id = %s", incident)
    (attempt,) = read.attempts
    assert (attempt.outcome, attempt.http_status, attempt.duration_ms, attempt.late) == ("overloaded", 503, 999, False)
    assert (attempt.retry_after_seconds, attempt.trace_id, attempt.resolved_address) == (7, "a" * 32, "192.0.2.7")
    assert attempt.reply.startswith("no: ")
    assert "abcdefghijklmnop" not in attempt.reply + attempt.error

    (seen,) = (await scene.get(delivery, scene.house.bob)).attempts
    assert (seen.reply, seen.resolved_address, seen.http_status) == (None, None, 503)
    with pytest.raises(NotFound):
        await scene.get(delivery, scene.house.charlie)
    with pytest.raises(NotFound):
        await scene.get(incident)


async def test_a_delivery_behind_an_open_breaker_is_not_tried_before_it_closes(scene):
    incident, delivery = await scene.fails()
    scene.becomes(delivery, "failed_retrying", first_failed_at=scene.now)
    opens_at = scene.now + timedelta(minutes=15)
    scene.world.rows("UPDATE destinations SET open_until = %s", opens_at)
    assert (await scene.get(delivery)).next_attempt_at == opens_at
    document = (await get_packet(scene.at, scene.house.olga.call(), incident)).document
    (route,) = document["ownerRoute"]["routes"]
    assert route["deliveries"][0]["nextAttemptAt"] == instant_text(opens_at)
    scene.world.rows("UPDATE destinations SET open_until = %s", scene.now - timedelta(minutes=1))
    assert (await scene.get(delivery)).next_attempt_at == scene.now + timedelta(seconds=30)


async def test_an_incidents_deliveries_are_listed_newest_first_page_by_page(scene):
    incident, first = await scene.fails()
    told = [first]
    for _ in range(2):
        scene.becomes(told[-1], "failed_terminal")
        scene.world.clock.advance(1)
        told.append((await scene.replay(told[-1])).id)
    scene.attempted(first)
    page = await list_deliveries(scene.at, scene.house.bob.call(), incident, Ask(2))
    assert [delivery.id for delivery in page.items] == [told[2], told[1]]
    rest = await list_deliveries(scene.at, scene.house.olga.call(), incident, Ask(2, page.next))
    assert ([delivery.id for delivery in rest.items], rest.next) == ([first], None)
    # What providers said is for those who ask about one.
    assert (rest.items[0].attempts[0].http_status, rest.items[0].attempts[0].reply) == (503, None)
    with pytest.raises(NotFound):
        await list_deliveries(scene.at, scene.house.charlie.call(), incident, Ask(2))


async def test_a_gathered_delivery_names_who_tells_it_and_the_incidents_packet_shows_that_one(scene):
    one, leader = await scene.fails()
    other, follower = await scene.fails()
    scene.world.rows("UPDATE delivery_incidents SET delivery_id = %s WHERE delivery_id = %s", leader, follower)
    scene.becomes(follower, "cancelled", gathered_into=leader)
    scene.becomes(leader, "delivered", provider_id="p-1", attempt_count=1)
    gathered = await scene.get(follower)
    assert (gathered.gathered_into, gathered.incident_ids) == (leader, ())
    assert set((await scene.get(leader)).incident_ids) == {one, other}
    document = (await get_packet(scene.at, scene.house.olga.call(), other)).document
    (route,) = document["ownerRoute"]["routes"]
    (shown,) = route["deliveries"]
    assert (shown["id"], shown["state"], shown["providerId"]) == (str(leader), "delivered", "p-1")
    assert document["alertState"] == "delivered"
    with pytest.raises(ResourceConflict, match=str(leader)):
        await scene.replay(follower)


async def test_a_replay_tells_the_same_bytes_again_at_once_to_the_route_as_it_is_now(scene):
    incident, old = await scene.fails()
    scene.becomes(old, "failed_terminal", content=b'{"subject":"it broke"}', attempt_count=10, recipients=["a@b.c"])
    scene.world.rows("UPDATE alert_routes SET destination = %s", b"n" * 32)
    scene.world.clock.advance(90)
    made = await scene.replay(old, ONCE)
    now = scene.world.clock.now()
    assert (made.replay_of, made.state, made.reason, made.incident_ids) == (old, "pending", "opened", (incident,))
    assert (made.next_attempt_at, made.expires_at) == (now, now + timedelta(hours=24))
    (row,) = scene.world.rows("SELECT * FROM deliveries WHERE id = %s", made.id)
    assert (row["content"], row["destination"], row["recipients"]) == (b'{"subject":"it broke"}', b"n" * 32, None)
    assert (row["request_id"], row["due_at"], row["attempt_count"]) == (made.request_id, now, 0)
    (word,) = scene.world.rows("SELECT * FROM delivery_incidents WHERE delivery_id = %s", made.id)
    assert (word["sequence"], word["live"]) == (2, True)
    # The old one stays as it ended.
    assert (await scene.get(old)).state == "failed_terminal"
    assert (await scene.replay(old, ONCE)).id == made.id
    (audit,) = scene.world.rows("SELECT * FROM audit_entries WHERE action = 'delivery.replay'")
    assert (audit["target_id"], audit["after"]) == (str(made.id), {"replayOf": str(old)})


async def test_one_route_is_not_told_twice_about_one_incident_at_once(scene):
    _, old = await scene.fails()
    scene.becomes(old, "delivered")
    await scene.replay(old)
    with pytest.raises(ResourceConflict, match="about to tell this route about the same incident"):
        await scene.replay(old)
    assert scene.world.count("deliveries") == 2
    assert scene.world.count("audit_entries", "action = 'delivery.replay'") == 1


@pytest.mark.parametrize("state", ["pending", "sending", "failed_retrying", "cancelled"])
async def test_only_what_was_told_or_given_up_is_told_again(scene, state):
    _, old = await scene.fails()
    scene.becomes(old, state)
    with pytest.raises(ResourceConflict):
        await scene.replay(old)
    assert scene.world.count("deliveries") == 1


@pytest.mark.parametrize("change", ["enabled = false", "deleted_at = now()"])
async def test_a_route_that_takes_nothing_is_told_nothing_again(scene, change):
    _, old = await scene.fails()
    scene.becomes(old, "failed_terminal")
    scene.world.rows(f"UPDATE alert_routes SET {change}")
    with pytest.raises(ResourceConflict, match="disabled or deleted"):
        await scene.replay(old)


async def test_a_test_alert_and_the_word_of_a_failed_route_can_be_told_again_too(scene):
    incident, old = await scene.fails()
    scene.becomes(old, "failed_terminal", reason="route_failure", about_route_id=scene.route)
    made = await scene.replay(old)
    assert made.incident_ids == (incident,)
    assert scene.world.one("SELECT about_route_id FROM deliveries WHERE id = %s", made.id) == scene.route
    # Beside the incident's own duties, never in their place.
    assert scene.world.count("delivery_incidents", "live") == 0
    scene.world.rows("DELETE FROM delivery_incidents")
    scene.becomes(old, "delivered", reason="test", about_route_id=None)
    assert (await scene.replay(old)).incident_ids == ()


async def test_who_only_looks_replays_nothing(scene):
    _, old = await scene.fails()
    scene.becomes(old, "failed_terminal")
    with pytest.raises(PermissionDenied):
        await scene.replay(old, caller=scene.house.bob)
    with pytest.raises(NotFound):
        await scene.replay(old, caller=scene.house.charlie)


async def test_a_request_is_followed_to_whom_it_was_told(scene):
    incident, delivery = await scene.fails()
    scene.attempted(delivery)
    request_id = scene.world.one("SELECT request_id FROM deliveries")
    (found,) = await find_requests(scene.at, scene.house.bob.call(), request_id)
    (told,) = found.deliveries
    assert (found.incident_id, told.id, told.incident_ids) == (incident, delivery, (incident,))
    assert (told.attempts[0].http_status, told.attempts[0].reply) == (503, None)
    assert "abcdefghijklmnop" not in told.attempts[0].error
    assert await find_requests(scene.at, scene.house.charlie.call(), request_id) == []


async def test_each_signal_of_one_request_shows_what_it_caused_and_what_was_told_with_others_is_shown_once(scene):
    reports = [finish(scene.world.monitor(), "r", 1) for _ in range(3)]
    answers = await scene.process.send_many(reports)
    rows = scene.world.rows("SELECT incident_id, delivery_id FROM delivery_incidents")
    duties = {row["incident_id"]: row["delivery_id"] for row in rows}
    leader, follower, alone = (duties[answer.incident.id] for answer in answers)
    scene.world.rows("UPDATE delivery_incidents SET delivery_id = %s WHERE delivery_id = %s", leader, follower)
    scene.becomes(follower, "cancelled", gathered_into=leader)
    request_id = scene.world.one("SELECT DISTINCT request_id FROM deliveries")
    found = await find_requests(scene.at, scene.house.bob.call(), request_id)
    shown = {one.incident_id: [delivery.id for delivery in one.deliveries] for one in found}
    assert alone in shown[answers[2].incident.id]
    assert leader in shown[answers[0].incident.id] + shown[answers[1].incident.id]
    assert sorted(each for told in shown.values() for each in told) == sorted(duties.values())
