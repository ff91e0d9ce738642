"""What is frozen goes by itself when a crowd is gathered: its bytes name nobody else, and nobody else tells them."""

from __future__ import annotations

import pytest
from tests.postroom import TOOK_IT, told

FROZEN = b'{"metadata":{"furtherIncidents":[]},"subject":"as it was frozen"}'


@pytest.mark.parametrize(("count", "messages"), [(201, [201]), (250, [201, 49])])
async def test_of_a_burst_that_one_message_cannot_name_two_name_all(room, count, messages):
    route = room.route()
    incidents = {str(room.incident()) for _ in range(count)}
    for incident in incidents:
        room.duty(route, incident)
    heard = await room.work(room.outbox(), TOOK_IT)
    assert [len(told(each)) for each in heard] == messages
    assert set().union(*map(told, heard)) == incidents
    assert room.states() == {"delivered": len(messages), "cancelled": count - len(messages)}


async def test_what_waits_behind_a_full_message_is_named_in_the_next_one(room):
    route = room.route(per_second=1)
    incidents = {str(room.incident()) for _ in range(250)}
    duties = [room.duty(route, incident) for incident in incidents]
    outbox = room.outbox()
    first = await room.work(outbox, TOOK_IT)
    room.clock.advance(40)
    second = await room.work(outbox, TOOK_IT)
    assert [len(told(each)) for each in (*first, *second)] == [201, 49]
    assert {first[0].id, second[0].id} < set(duties)
    assert set().union(*map(told, (*first, *second))) == incidents


async def test_a_message_that_is_nearly_full_takes_no_more_than_it_can_name(room):
    route = room.route()
    first, second = ([room.incident() for _ in range(150)] for _ in range(2))
    room.duty(route, *first)
    room.duty(route, *second)
    room.news(route, 60)
    outbox, heard = room.outbox(), []
    for _ in range(5):
        heard += await room.work(outbox, TOOK_IT)
        room.clock.advance(60)
    assert max(len(told(each)) for each in heard) <= 201
    assert len(set().union(*map(told, heard))) == 360


@pytest.mark.parametrize("first", [True, False])
async def test_a_frozen_duty_in_a_crowd_is_told_as_it_was_frozen_and_all_others_are_named(room, first):
    route = room.route()
    frozen_about, incidents = room.incident(), {str(room.incident()) for _ in range(8)}

    def freeze():
        return room.duty(route, frozen_about, content=FROZEN)

    frozen = freeze() if first else None
    room.clock.advance(1)
    for incident in incidents:
        room.duty(route, incident)
    room.clock.advance(1)
    frozen = frozen or freeze()
    outbox, claimed = room.outbox(), {}
    for _ in range(5):
        claimed |= {each.id: each for each in await room.work(outbox, TOOK_IT)}
        room.clock.advance(60)
    assert claimed.pop(frozen).content == FROZEN
    assert set().union(*map(told, claimed.values())) == incidents
    assert room.delivery(frozen)["state"] == "delivered"
