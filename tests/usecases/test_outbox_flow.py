"""How much goes where and when: bulkheads, rates, breakers, and storms that are told together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.postroom import OVERLOADED, TOOK_IT, ids, told

# --- bulkheads and breakers ------------------------------------------------------------------------------------------


async def test_at_most_four_are_in_flight_at_one_destination_and_others_are_not_held_up(room):
    slow, quick = room.route("https://slow.example"), room.route("https://quick.example")
    room.news(slow, 20, reason="test")
    (other,) = room.news(quick)
    outbox = room.outbox()
    claimed = (await outbox.claim(32)).claimed
    assert len([each for each in claimed if each.route_id == slow]) == 4
    assert other in ids(claimed)
    assert (await outbox.claim(32)).claimed == []
    first = next(each for each in claimed if each.route_id == slow)
    await room.settle(outbox, TOOK_IT, first)
    assert len((await outbox.claim(32)).claimed) == 1


@pytest.mark.parametrize("per_second", [1, 3])
async def test_a_destination_takes_no_more_in_a_second_than_it_may(room, per_second):
    room.news(room.route(per_second=per_second), 8, reason="test")
    outbox = room.outbox()
    for _ in range(2):
        assert len(await room.work(outbox, TOOK_IT)) == per_second
        claim = await outbox.claim(32)
        assert claim.claimed == []
        assert claim.look_again_at is not None
        assert claim.look_again_at <= room.clock.now() + timedelta(seconds=1)
        room.pass_time(1)


async def test_five_failures_in_a_row_open_the_breaker_one_probe_decides_and_waiting_spends_nothing(room):
    route = room.route()
    duties = room.news(route, 6, reason="test")
    outbox = room.outbox()
    await room.work(outbox, OVERLOADED)
    await room.work(outbox, OVERLOADED)
    (row,) = room.world.rows("SELECT * FROM destinations")
    assert row["failures_in_row"] >= 5
    assert row["open_until"] is not None
    spent = {duty: room.delivery(duty)["attempt_count"] for duty in duties}
    room.pass_time(25)
    assert (await outbox.claim(32)).claimed == []
    assert {duty: room.delivery(duty)["attempt_count"] for duty in duties} == spent
    room.pass_time(10)
    claim = await outbox.claim(32)
    assert len(claim.claimed) == 1
    assert (await outbox.claim(32)).claimed == []
    await room.settle(outbox, TOOK_IT, *claim.claimed)
    assert room.world.one("SELECT open_until FROM destinations") is None
    # What failed there before is due now, not when its own step says.
    assert len((await outbox.claim(32)).claimed) == 4


async def test_what_hangs_behind_an_open_breaker_does_not_hide_what_is_due_elsewhere(room):
    dead = room.route("https://dead.example")
    room.news(dead, 250, reason="test")
    room.world.rows("UPDATE destinations SET open_until = %s", room.clock.now() + timedelta(minutes=10))
    (fine,) = room.news(room.route("https://fine.example"))
    assert ids((await room.outbox().claim(32)).claimed) == [fine]


# --- storms ----------------------------------------------------------------------------------------------------------


async def test_a_burst_is_told_in_one_message_that_names_all(room):
    route = room.route()
    incidents = {str(room.incident()) for _ in range(200)}
    for incident in incidents:
        room.duty(route, incident)
    (message,) = await room.work(room.outbox(), TOOK_IT)
    assert told(message) == incidents
    assert room.states() == {"delivered": 1, "cancelled": 199}
    assert room.world.count("deliveries", "gathered_into = %s", message.id) == 199
    assert room.world.count("delivery_incidents", "delivery_id = %s AND NOT live", message.id) == 200


async def test_two_hundred_that_fail_within_a_minute_make_three_messages_a_route(room):
    routes = [room.route(f"https://hooks.example/{number}") for number in range(2)]
    outbox = room.outbox()
    messages = {route: [] for route in routes}
    expected = set()
    for tick in range(280):  # looks every quarter of a second, as a worker has that is woken and polls
        if tick < 240 and tick * 200 // 240 != (tick + 1) * 200 // 240:
            incident = room.incident()
            expected.add(str(incident))
            for route in routes:
                room.duty(route, incident)
        for each in await room.work(outbox, TOOK_IT):
            messages[each.route_id].append(each)
        room.pass_time(0.25)
    assert len(expected) == 200
    for heard in messages.values():
        assert len(heard) <= 3
        assert set().union(*(told(each) for each in heard)) == expected


async def test_a_critical_one_is_not_held_for_longer_than_thirty_seconds(room):
    route = room.route()
    outbox = room.outbox()
    room.news(route, 10)
    await room.work(outbox, TOOK_IT)
    critical = room.incident(severity="critical")
    duty = room.duty(route, critical, rank=4)
    room.news(route, 10)
    began = room.clock.now()
    while room.delivery(duty)["state"] == "pending" and room.delivery(duty)["gathered_into"] is None:
        claim = await outbox.claim(32)
        if claim.claimed:
            (message,) = claim.claimed
            break
        assert claim.look_again_at is not None
        room.pass_time((claim.look_again_at - room.clock.now()).total_seconds())
    assert str(critical) in told(message)
    assert room.clock.now() - began < timedelta(seconds=30)


async def test_what_broke_and_what_ended_are_told_apart(room):
    route = room.route()
    outbox = room.outbox()
    room.news(route, 6)
    room.news(route, 6, reason="resolved", sequence=2)
    heard = await room.work(outbox, TOOK_IT)
    assert sorted(each.reason for each in heard) == ["opened", "resolved"]
    assert [len(told(each)) for each in heard] == [6, 6]


async def test_a_pager_gets_each_incident_by_itself(room):
    room.news(room.route(kind="pagerduty"), 8)
    outbox = room.outbox()
    heard = [*await room.work(outbox, TOOK_IT), *await room.work(outbox, TOOK_IT)]
    assert [len(told(each)) for each in heard] == [1] * 8


async def test_of_a_gathered_message_one_word_is_taken_back_and_the_others_go_on(room):
    route = room.route()
    outbox = room.outbox()
    room.news(route, 6)
    (message,) = await room.work(outbox, OVERLOADED)
    (one, *_others) = room.world.rows("SELECT incident_id FROM delivery_incidents")
    room.world.rows("UPDATE delivery_incidents SET live = false WHERE incident_id = %s", one["incident_id"])
    room.pass_time(10)
    (again,) = await room.work(outbox, TOOK_IT)
    assert (again.id, again.content) == (message.id, message.content)
