"""A frozen message that names what ended is told no more: a new one tells the rest, and goes on where it stood."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from tests.builders import ingest_process
from tests.management import make_caller
from tests.postroom import OVERLOADED, TOOK_IT, PostRoom, told
from tests.waiting import until

from luota_svc.model.deliveries import Claimed
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask
from luota_svc.rules.delivery_telling import next_action
from luota_svc.store import duties
from luota_svc.usecases.deliveries import Outbox
from luota_svc.usecases.delivery_notes import note_deliveries
from luota_svc.usecases.delivery_reading import get_delivery, list_deliveries
from luota_svc.usecases.incidents import resolve_incident

GOES_ON = (
    "workspace_id", "route_id", "destination", "reason", "state", "severity_rank", "created_at", "due_at", "expires_at",
    "next_attempt_at", "attempt_count", "deferral_count", "lost_count", "first_failed_at", "fallback_due_at",
    "last_error", "recipients", "replay_of", "request_id", "traceparent", "first_attempt_traceparent",
)  # fmt: skip


async def take_back(room: PostRoom, *words: tuple[UUID, UUID]) -> None:
    async with room.installation.database.unit() as unit:
        await duties.lock_told(unit, *(incident for _, incident in words))
        await duties.write(unit, new=[], ended=words, now=room.clock.now())


def words_of(room: PostRoom, duty: UUID) -> dict[UUID, tuple[int, bool]]:
    rows = room.world.rows("SELECT * FROM delivery_incidents WHERE delivery_id = %s", duty)
    return {row["incident_id"]: (row["sequence"], row["live"]) for row in rows}


def successor(room: PostRoom, duty: UUID) -> UUID:
    """Return who tells what is left of a duty; asserts that it ended in order."""
    old = room.delivery(duty)
    assert (old["state"], old["settled_at"], old["unnoted"]) == ("cancelled", room.clock.now(), True)
    assert (old["next_attempt_at"], old["fallback_due_at"]) == (None, None)
    new: UUID = old["gathered_into"]
    return new


async def all_that_comes(room: PostRoom, outbox: Outbox) -> list[Claimed]:
    """Let the route take whatever is due, in its order, for ten minutes."""
    taken = []
    for _ in range(20):
        taken += await room.work(outbox, TOOK_IT)
        room.pass_time(30)
    return taken


async def test_after_an_end_nothing_names_what_ended_as_open(room):
    operator = await make_caller(room.installation, Role.OPERATOR, room.world.workspace_id)
    route, over, open_one = room.route(), room.incident(), room.incident()
    duty, outbox = room.duty(route, over, open_one), room.outbox()
    (failed,) = await room.work(outbox, OVERLOADED)
    assert told(failed) == {str(over), str(open_one)}
    room.pass_time(1)
    await resolve_incident(room.installation, operator.call(), over, note="", version=None)
    new = successor(room, duty)
    taken = await all_that_comes(room, outbox)
    assert [(each.reason, told(each)) for each in taken] == [
        ("resolved", {str(over)}),
        ("opened", {str(open_one)}),
    ]
    assert str(over).encode() not in taken[1].content
    assert (taken[1].id, taken[1].number) == (new, 2)
    assert room.states() == {"cancelled": 1, "delivered": 2}


async def test_a_recovery_that_ingest_hears_of_has_the_rest_told_anew(room):
    monitor, route = room.world.monitor("nightly"), room.route()
    outbox = room.outbox()
    async with ingest_process(room.world) as process:
        over = (await process.finish(monitor, "a", 1)).incident.id
        other = room.incident()
        duty = room.world.one("SELECT id FROM deliveries")
        room.world.rows("INSERT INTO delivery_incidents VALUES (%s, %s, %s, 1, true)", duty, other, route)
        await room.work(outbox, OVERLOADED)
        await process.finish(monitor, "b", 0)
    new = successor(room, duty)
    assert words_of(room, new) == {other: (1, True)}
    assert {each.id: told(each) for each in await all_that_comes(room, outbox)}[new] == {str(other)}
    assert over not in words_of(room, new)


async def test_the_new_one_goes_on_where_the_old_one_stood(room):
    route, over, second, third = room.route(), *(room.incident() for _ in range(3))
    replayed = room.clock.new_id()
    duty = room.duty(route, over, second, third, sequence=4, replay_of=replayed, recipients=["on-call@example.org"])
    await room.work(room.outbox(), OVERLOADED)
    before = room.delivery(duty)
    room.pass_time(1)
    await take_back(room, (duty, over))
    new = successor(room, duty)
    after = room.delivery(new)
    assert {name: after[name] for name in GOES_ON} == {name: before[name] for name in GOES_ON}
    assert (after["state"], after["attempt_count"], after["content"]) == ("failed_retrying", 1, None)
    assert after["fallback_due_at"] is not None
    assert words_of(room, new) == {second: (4, True), third: (4, True)}
    assert words_of(room, duty) == dict.fromkeys((over, second, third), (4, False))
    # Of several that were made at once the newest is the one that comes last.
    assert new.version == 7
    assert new > duty


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_loses_one_word_after_another_ends_when_nothing_is_left(room, at_once):
    route, incidents = room.route(), [room.incident() for _ in range(3)]
    duty = room.duty(route, *incidents)
    await room.work(room.outbox(), OVERLOADED)
    if at_once:
        await take_back(room, *((duty, each) for each in incidents[:2]))
        new = successor(room, duty)
    else:
        await take_back(room, (duty, incidents[0]))
        middle = successor(room, duty)
        # Nothing was composed for that one yet: it tells what is left by itself.
        await take_back(room, (middle, incidents[1]))
        assert room.delivery(middle)["state"] == "failed_retrying"
        new = middle
    assert [each for each, (_, live) in words_of(room, new).items() if live] == incidents[2:]
    await take_back(room, (new, incidents[2]))
    assert room.states() == {"cancelled": 2}
    assert room.world.count("delivery_incidents", "live") == 0


async def test_a_frozen_message_that_never_named_what_ended_stays_as_it_is(room):
    route, over, open_one = room.route(), room.incident(), room.incident()
    duty, outbox = room.duty(route, over, open_one), room.outbox()
    await take_back(room, (duty, over))
    for _ in range(2):
        (claimed,) = await room.work(outbox, OVERLOADED)
        assert (claimed.id, told(claimed)) == (duty, {str(open_one)})
        room.pass_time(60)
    assert room.states() == {"failed_retrying": 1}


async def test_an_attempt_that_fails_after_a_part_was_taken_back_leaves_the_rest_to_a_new_one(room):
    route, over, open_one = room.route(), room.incident(), room.incident()
    duty, outbox = room.duty(route, over, open_one), room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    await take_back(room, (duty, over))
    # It may have arrived, so that nobody else tells it yet.
    assert room.states() == {"sending": 1}
    await room.settle(outbox, OVERLOADED, claimed)
    new = successor(room, duty)
    assert (room.delivery(new)["state"], room.delivery(new)["attempt_count"]) == ("failed_retrying", 1)
    assert room.attempts(duty) == [(1, "overloaded", False)]
    room.pass_time(60)
    (again,) = await room.work(outbox, TOOK_IT)
    assert (again.id, again.number, told(again)) == (new, 2, {str(open_one)})


async def test_an_attempt_that_arrives_after_a_part_was_taken_back_has_told_it_all(room):
    route, over, open_one = room.route(), room.incident(), room.incident()
    duty, outbox = room.duty(route, over, open_one), room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    await take_back(room, (duty, over))
    await room.settle(outbox, TOOK_IT, claimed)
    assert room.states() == {"delivered": 1}
    assert room.world.count("delivery_incidents", "live") == 0


@pytest.mark.parametrize("how", ["lost", "released", "released after a failure"])
async def test_what_comes_back_from_a_worker_leaves_the_rest_to_a_new_one(room, how):
    route, over, open_one = room.route(), room.incident(), room.incident()
    duty, outbox = room.duty(route, over, open_one), room.outbox()
    if how == "released after a failure":
        await room.work(outbox, OVERLOADED)
        room.pass_time(60)
    (claimed,) = (await outbox.claim(32)).claimed
    await take_back(room, (duty, over))
    if how == "lost":
        room.lose_lease(duty)
        assert await outbox.take_over() == 1
    else:
        await outbox.release([claimed])
    new = successor(room, duty)
    assert room.delivery(new)["state"] == ("pending" if how == "released" else "failed_retrying")
    room.pass_time(60)
    (again,) = await room.work(outbox, TOOK_IT)
    assert (again.id, told(again)) == (new, {str(open_one)})


async def test_what_is_given_back_after_all_of_it_was_taken_back_is_told_no_more(room):
    route, over = room.route(), room.incident()
    duty, outbox = room.duty(route, over), room.outbox()
    test = room.duty(route, reason="test")
    claimed = (await outbox.claim(32)).claimed
    await take_back(room, (duty, over))
    await outbox.release(claimed)
    assert (room.delivery(duty)["state"], room.delivery(test)["state"]) == ("cancelled", "pending")


async def test_a_new_one_is_not_held_by_the_pace_of_first_words_and_spends_none_of_it(room):
    route, over, open_one = room.route(), room.incident(), room.incident()
    duty, outbox = room.duty(route, over, open_one), room.outbox()
    await room.work(outbox, OVERLOADED)
    await take_back(room, (duty, over))
    new = successor(room, duty)
    pace = "SELECT last_message_at, messages_in_row, storm_until FROM destinations"
    before = room.world.rows(pace)
    room.world.rows("UPDATE destinations SET storm_until = %s", room.clock.now() + timedelta(minutes=5))
    room.pass_time(6)
    assert [each.id for each in await room.work(outbox, TOOK_IT)] == [new]
    after = room.world.rows(pace)
    assert [row["messages_in_row"] for row in after] == [row["messages_in_row"] for row in before]
    assert [row["last_message_at"] for row in after] == [row["last_message_at"] for row in before]


async def test_timelines_say_who_tells_the_rest(room):
    route, over, open_one = room.route(name="Ops"), room.incident(), room.incident()
    duty = room.duty(route, over, open_one)
    await room.work(room.outbox(), OVERLOADED)
    room.pass_time(1)
    await take_back(room, (duty, over))
    new = successor(room, duty)
    assert await note_deliveries(room.installation) == 2
    details = {
        incident: [
            row["detail"].partition(", next")[0]
            for row in room.world.rows(
                "SELECT detail FROM incident_events WHERE incident_id = %s ORDER BY number", incident
            )
        ]
        for incident in (over, open_one)
    }
    ended = f"Ops: cancelled, delivery {new} tells what is left of it"
    assert details == {over: [ended], open_one: [ended, "Ops: failed_retrying"]}


async def test_an_end_that_waits_for_another_takes_its_word_back_from_the_new_one(room):
    route, first, second = room.route(), room.incident(), room.incident()
    duty = room.duty(route, first, second)
    await room.work(room.outbox(), OVERLOADED)
    room.pass_time(1)
    now, database = room.clock.now(), room.installation.database

    async def end_second() -> None:
        async with database.unit() as unit:
            told_routes = await duties.lock_told(unit, second)
            ended = [(row.delivery_id, second) for row in told_routes if row.state == "failed_retrying"]
            await duties.write(unit, new=[], ended=ended, now=now)

    async with database.unit() as unit:
        await duties.lock_told(unit, first)
        await duties.write(unit, new=[], ended=[(duty, first)], now=now)
        ending = asyncio.create_task(end_second())
        await until(room.world.waiting)
    await ending
    assert room.states() == {"cancelled": 2}
    assert room.world.count("delivery_incidents", "live") == 0


async def test_an_operator_reads_who_tells_the_rest_and_that_there_is_nothing_to_do(room):
    operator = await make_caller(room.installation, Role.OPERATOR, room.world.workspace_id)
    route, over, open_one = room.route(), room.incident(), room.incident()
    duty = room.duty(route, over, open_one)
    await room.work(room.outbox(), OVERLOADED)
    room.pass_time(1)
    await take_back(room, (duty, over))
    new = successor(room, duty)
    read = await get_delivery(room.installation, operator.call(), duty)
    assert (read.gathered_into, set(read.incident_ids)) == (new, {over, open_one})
    assert next_action(read) == f"Nothing here: delivery {new} tells what is left of it."
    page = await list_deliveries(room.installation, operator.call(), open_one, Ask(10))
    # The newest first: who tells it now stands before who did.
    assert [each.id for each in page.items] == [new, duty]
