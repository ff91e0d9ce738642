"""A drill's word in the outbox: it goes at once and by itself, and is a word about an incident all the same."""

from __future__ import annotations

import pytest
from tests.postroom import OVERLOADED, TOOK_IT


async def test_a_drill_is_neither_held_nor_gathered_nor_counted_by_the_pace(room):
    route = room.route()
    outbox = room.outbox()
    room.news(route)
    await room.work(outbox, TOOK_IT)
    paced = "SELECT last_message_at FROM destinations"
    before = room.world.one(paced)
    room.pass_time(0.1)
    drills = room.news(route, 3, reason="drill")
    assert {each.id for each in await room.work(outbox, TOOK_IT)} == set(drills)
    assert room.states() == {"delivered": 4}
    assert room.world.one(paced) == before


@pytest.mark.parametrize(("outcome", "state"), [(OVERLOADED, "cancelled"), (TOOK_IT, "delivered")])
async def test_a_drill_that_was_taken_back_in_flight_is_cancelled_unless_it_arrived(room, outcome, state):
    (duty,) = room.news(room.route(), reason="drill")
    outbox = room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    room.world.rows("UPDATE delivery_incidents SET live = false")
    await room.settle(outbox, outcome, claimed)
    assert room.delivery(duty)["state"] == state


async def test_a_drill_that_was_taken_back_and_whose_worker_is_gone_is_not_told_again(room):
    (duty,) = room.news(room.route(), reason="drill")
    outbox = room.outbox()
    await outbox.claim(32)
    room.world.rows("UPDATE delivery_incidents SET live = false")
    room.lose_lease(duty)
    assert await outbox.take_over() == 1
    row = room.delivery(duty)
    assert (row["state"], row["fallback_due_at"]) == ("cancelled", None)
