"""Operators change routes while workers claim and settle: nobody waits for another in a circle, and nothing is lost."""

import asyncio

import pytest
from tests.management import make_caller
from tests.postroom import OVERLOADED, TOOK_IT, post_room

from luota_svc.model.operators import Role
from luota_svc.model.routes import RouteKind
from luota_svc.usecases import routes
from luota_svc.usecases.left_behind import follow_routes

URLS = [f"https://hooks.example/{name}-0123456789" for name in "ab"]
TURNS = 30


@pytest.fixture
async def room(database_url):
    async with post_room(database_url, sessions=8) as room:
        yield room


async def test_changes_beside_workers_deadlock_nobody_and_lose_nothing(room):
    operator = await make_caller(room.installation, Role.OPERATOR, room.world.workspace_id)
    made = [room.route(url) for url in (*URLS, URLS[0])]
    written = [duty for route in made for duty in room.news(route, 20)]

    async def work(name):
        outbox = room.outbox(name)
        for turn in range(TURNS):
            await room.work(outbox, TOOK_IT if turn % 3 == 2 else OVERLOADED, most=8)
            room.pass_time(40)

    async def steer(route, number):
        at = room.installation
        for turn in range(TURNS):
            given = {RouteKind.WEBHOOK: {"url": URLS[(turn + number) % 2]}}
            await routes.update_route(at, operator.call(), route, {}, given, None)
            if number == 0:
                await routes.update_route(at, operator.call(), route, {"enabled": turn % 5 != 4}, {}, None)

    steering = [steer(route, number) for number, route in enumerate(made)]
    await asyncio.gather(work("w-1"), work("w-2"), *steering)

    disabled, enabled = made[0], made[1]
    await routes.update_route(room.installation, operator.call(), disabled, {"enabled": False}, {}, None)
    await routes.update_route(
        room.installation, operator.call(), enabled, {"enabled": True}, {RouteKind.WEBHOOK: {"url": URLS[0]}}, None
    )
    while await follow_routes(room.installation):
        pass
    rows = {row["id"]: row for row in room.world.rows("SELECT * FROM deliveries")}
    assert set(written) <= set(rows)
    waiting = [row for row in rows.values() if row["next_attempt_at"] is not None]
    assert not [row for row in waiting if row["route_id"] == disabled]
    leads = room.world.one("SELECT destination FROM alert_routes WHERE id = %s", enabled)
    assert {bytes(row["destination"]) for row in waiting if row["route_id"] == enabled} <= {bytes(leads)}
    # What is left arrives as soon as receivers take it: nothing waits for ever.
    last = room.outbox("last")
    for _ in range(TURNS):
        room.pass_time(120)
        await room.work(last, TOOK_IT)
    assert not room.world.count("deliveries", "settled_at IS NULL")
    assert room.states()["delivered"] > 0
    # Each word is live exactly while its delivery is not final.
    assert not room.world.rows(
        "SELECT 1 FROM deliveries d JOIN delivery_incidents di ON di.delivery_id = d.id"
        " WHERE di.live <> (d.settled_at IS NULL) AND d.gathered_into IS NULL"
    )
