"""What workers, ingest and other releases do to one another at the worst moment: words stay in order, none is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest
from tests.postroom import OVERLOADED, PostRoom, ids, post_room, told

from luota_svc.store.catalogue import load_catalogue

INGEST = {name: text.replace("%b", "%s") for name, text in load_catalogue("ingest").items()}
# As the outbox gathers: one duty tells the word of another.
GATHER = """
WITH held AS MATERIALIZED (
    SELECT id FROM deliveries WHERE id IN (%(leader)s, %(duty)s) ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE delivery_incidents di SET delivery_id = %(leader)s FROM held
    WHERE di.delivery_id = held.id AND held.id = %(duty)s
)
UPDATE deliveries d
SET state = 'cancelled', settled_at = now(), next_attempt_at = NULL, gathered_into = %(leader)s
FROM held
WHERE d.id = held.id AND held.id = %(duty)s
"""


@pytest.fixture
async def room(database_url) -> AsyncIterator[PostRoom]:
    async with post_room(database_url, sessions=8) as room:
        yield room


async def somebody_waits(room: PostRoom) -> None:
    for _ in range(500):
        if room.world.rows(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waited for a lock within 5 s")


async def take_back(connection: psycopg.AsyncConnection, delivery: UUID, incident: UUID, now) -> None:
    """Take a word back, as the fact's transaction does when an incident ends; its duties were locked before."""
    await connection.execute(INGEST["end_live"], ([delivery], [incident]))
    await connection.execute(INGEST["cancel_spent"], (now, [delivery]))


async def test_a_settle_that_waits_for_an_end_sees_that_its_word_was_taken_back(room, database_url):
    incident = room.incident()
    duty = room.duty(room.route(), incident)
    outbox = room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    async with await psycopg.AsyncConnection.connect(database_url) as fact:
        await fact.execute(INGEST["lock_told"], ([incident],))
        await take_back(fact, duty, incident, room.clock.now())
        settling = asyncio.create_task(room.settle(outbox, OVERLOADED, claimed))
        await somebody_waits(room)
        await fact.commit()
    await settling
    # Waiting for a retry it would tell that the incident opened, after its end was told.
    assert room.delivery(duty)["state"] == "cancelled"


async def test_a_word_that_was_gathered_while_its_incident_ended_is_taken_back_from_who_tells_it(room, database_url):
    route, over, incident = room.route(), room.incident(), room.incident()
    leader = room.duty(route, over)
    room.world.rows("UPDATE delivery_incidents SET live = false WHERE incident_id = %s", over)
    duty = room.duty(route, incident)
    outbox = room.outbox()
    async with (
        await psycopg.AsyncConnection.connect(database_url) as fact,
        await psycopg.AsyncConnection.connect(database_url) as worker,
    ):
        await worker.execute(GATHER, {"leader": leader, "duty": duty})
        holding = asyncio.create_task(fact.execute(INGEST["lock_told"], ([incident],)))
        await somebody_waits(room)
        await worker.commit()
        # It waited for one that is over by now, and holds nothing of the other.
        assert await (await holding).fetchall() == [(duty,)]
        (claimed,) = (await outbox.claim(32)).claimed
        await take_back(fact, leader, incident, room.clock.now())
        settling = asyncio.create_task(room.settle(outbox, OVERLOADED, claimed))
        await somebody_waits(room)
        await fact.commit()
    await settling
    assert (claimed.id, room.delivery(leader)["state"]) == (leader, "cancelled")


async def test_a_word_that_its_leader_named_before_goes_by_itself(room):
    route = room.route()
    acknowledged, other = room.incident(), room.incident()
    leader = room.duty(route, acknowledged, other, reason="escalation")
    room.world.rows("UPDATE delivery_incidents SET live = false WHERE incident_id = %s", acknowledged)
    room.pass_time(1)
    anew = room.duty(route, acknowledged, reason="escalation")
    room.news(route, 6, reason="escalation")
    claim = await room.outbox().claim(32)
    assert set(ids(claim.claimed)) == {leader, anew}
    by_id = {each.id: told(each) for each in claim.claimed}
    assert (str(acknowledged) in by_id[leader], by_id[anew]) == (False, {str(acknowledged)})


async def test_what_a_release_before_wrote_is_due_since_it_was_made(room):
    (duty,) = room.news(room.route(), due_at=None)
    (claimed,) = (await room.outbox().claim(32)).claimed
    assert claimed.due_at == room.delivery(duty)["created_at"]
