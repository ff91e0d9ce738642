"""The inbox keeps each delivery once, the newest thousand in all."""

from __future__ import annotations

import asyncio

import pytest
from tests.builders import World

from luota_svc.model.deliveries import DeliveryReason, Dispatch
from luota_svc.usecases import inbox
from luota_svc.usecases.inbox import get_message, keep_message, newest_messages


@pytest.fixture
def world(database_url, installation):
    world = World(database_url, clock=installation.clock)
    yield world
    world.close()


def dispatch(world, number=1, content=b'{"subject":"x"}', delivery_id=None):
    if delivery_id is None:
        delivery_id = world.clock.new_id()
        row = {
            "id": delivery_id,
            "workspace_id": world.workspace_id,
            "route_id": world.clock.new_id(),
            "destination": bytes(32),
            "reason": "opened",
            "state": "delivered",
            "severity_rank": 3,
            "created_at": world.clock.now(),
            "expires_at": world.clock.now(),
            "settled_at": world.clock.now(),
        }
        world._insert("deliveries", row)
    return Dispatch(delivery_id, number, DeliveryReason.OPENED, content, "req-1", None, {})


async def test_a_delivery_that_is_sent_again_is_the_message_that_stands(installation, world):
    first = dispatch(world)
    kept = await keep_message(installation, first)
    again = dispatch(world, 2, delivery_id=first.delivery_id)
    assert await keep_message(installation, again) == kept
    (message,) = await newest_messages(installation)
    assert (message.id, message.delivery_id, message.content) == (kept, first.delivery_id, b'{"subject":"x"}')
    assert (message.request_id, message.received_at) == ("req-1", world.clock.now())
    assert world.one("SELECT workspace_id FROM inbox_messages") == world.workspace_id
    assert await get_message(installation, kept) == message
    assert await get_message(installation, first.delivery_id) is None


async def test_a_delivery_that_nobody_knows_is_not_kept(installation, world):
    assert await keep_message(installation, dispatch(world, delivery_id=world.clock.new_id())) is None
    assert await newest_messages(installation) == []


async def test_the_newest_are_kept_also_where_many_are_kept_at_once(installation, world, monkeypatch):
    monkeypatch.setattr(inbox, "KEPT", 3)
    sent = []
    for _ in range(4):
        world.clock.advance(1)
        batch = [dispatch(world) for _ in range(3)]
        await asyncio.gather(*(keep_message(installation, each) for each in batch))
        sent = batch
    world.clock.advance(1)
    last = dispatch(world)
    await keep_message(installation, last)
    kept = [message.delivery_id for message in await newest_messages(installation)]
    assert kept[0] == last.delivery_id
    assert len(kept) == 3
    assert set(kept[1:]) < {each.delivery_id for each in sent}
