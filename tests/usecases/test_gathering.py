"""What is frozen goes by itself when a crowd is gathered: its bytes name nobody else, and nobody else tells them."""

from __future__ import annotations

import pytest
from tests.postroom import TOOK_IT, post_room, told

FROZEN = b'{"metadata":{"furtherIncidents":[]},"subject":"as it was frozen"}'


@pytest.fixture
async def room(database_url):
    async with post_room(database_url) as room:
        yield room


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
