"""A crowd that waits for a route does not keep an operator from changing it: what was left behind follows soon."""

from __future__ import annotations

import pytest
from tests.management import make_caller
from tests.postroom import OVERLOADED, TOOK_IT, ids

from luota_svc.model.operators import Role
from luota_svc.model.routes import RouteKind
from luota_svc.usecases import routes
from luota_svc.usecases.left_behind import follow_routes

NEW = {RouteKind.WEBHOOK: {"url": "https://hooks.example/new-0123456789"}}
# Frozen, so that nobody gathers them.
CROWD = """
WITH made AS (
    INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at,
                            expires_at, next_attempt_at, due_at, content)
    SELECT gen_random_uuid(), r.workspace_id, r.id, r.destination, 'opened', 'pending', 3, %s, %s + interval '1 day',
           %s + n * interval '1 ms', %s + n * interval '1 ms', '{}'
    FROM alert_routes r, generate_series(1, %s) n
    WHERE r.id = %s
    RETURNING id, route_id
)
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT id, gen_random_uuid(), route_id, 1, true FROM made
"""


@pytest.fixture
async def operator(room):
    return await make_caller(room.installation, Role.OPERATOR, room.world.workspace_id)


def crowd(room, route, count):
    now = room.clock.now()
    room.world.rows(CROWD, now, now, now, now, count, route)


async def follow(room):
    """Look until nothing is left; return how many followed at each look."""
    looks = []
    while (followed := await follow_routes(room.installation)) > 0:
        looks.append(followed)
    return looks


def waiting(room, route, columns="destination"):
    sql = f"SELECT {columns}, count(*) AS count FROM deliveries WHERE route_id = %s AND next_attempt_at IS NOT NULL"
    return {row[columns]: row["count"] for row in room.world.rows(f"{sql} GROUP BY {columns}", route)}


async def test_of_a_crowd_the_oldest_go_where_their_route_leads_at_once_and_the_others_soon(room, operator):
    route, other = room.route("https://hooks.example/old-0123456789"), room.route("https://hooks.example/b")
    crowd(room, route, 2_500)
    crowd(room, other, 5)
    room.pass_time(10)
    await routes.update_route(room.installation, operator.call(), route, {}, NEW, None)
    leads = room.world.one("SELECT destination FROM alert_routes WHERE id = %s", route)
    assert waiting(room, route)[leads] == 1_000
    # The oldest of those that are left behind goes there by itself, if it is claimed first.
    claimed = [each for each in (await room.outbox().claim(32)).claimed if each.route_id == route]
    assert {each.target["url"] for each in claimed} == {NEW[RouteKind.WEBHOOK]["url"]}
    await room.outbox().release(claimed)
    looks = await follow(room)
    assert max(looks) == 1_000
    assert set(waiting(room, route)) == {leads}
    assert len(waiting(room, other)) == 1


@pytest.mark.parametrize(("how", "error"), [("disabled", routes.DISABLED), ("deleted", routes.DELETED)])
async def test_what_waits_in_a_crowd_for_a_route_that_takes_nothing_is_sent_to_nobody_and_ends(
    room, operator, how, error
):
    route = room.route()
    crowd(room, route, 1_500)
    room.pass_time(10)
    if how == "disabled":
        await routes.update_route(room.installation, operator.call(), route, {"enabled": False}, {}, None)
    else:
        await routes.delete_route(room.installation, operator.call(), route, None)
    assert room.states() == {"failed_terminal": 1_000, "pending": 500}
    assert (await room.outbox().claim(32)).claimed == []
    assert await follow(room) == [500]
    assert room.states() == {"failed_terminal": 1_500}
    assert room.world.count("delivery_incidents", "live") == 0
    ended = "last_error = %s AND fallback_due_at IS NOT NULL AND unnoted"
    assert room.world.count("deliveries", ended, error) == 1_500


async def test_what_was_written_while_its_route_was_disabled_ends_and_nobody_elses_does(room, operator):
    route, other = room.route(), room.route("https://hooks.example/b")
    await routes.update_route(room.installation, operator.call(), route, {"enabled": False}, {}, None)
    (late,), (fine,) = room.news(route), room.news(other)
    assert await follow(room) == [1]
    assert (room.delivery(late)["state"], room.delivery(fine)["state"]) == ("failed_terminal", "pending")


async def test_what_waits_where_its_route_led_before_is_due_where_it_leads(room):
    before, route = room.route("https://hooks.example/before"), room.route()
    led = room.world.one("SELECT destination FROM alert_routes WHERE id = %s", before)
    (duty,) = room.news(route, destination=led)
    outbox = room.outbox()
    await room.work(outbox, OVERLOADED)
    room.world.rows("UPDATE deliveries SET destination = %s", led)
    assert (await outbox.claim(32)).claimed == []
    assert await follow(room) == [1]
    assert ids(await room.work(outbox, TOOK_IT)) == [duty]
    assert room.delivery(duty)["state"] == "delivered"


async def test_a_route_that_somebody_changes_at_this_moment_is_left_for_the_next_look(room, operator):
    route = room.route()
    await routes.update_route(room.installation, operator.call(), route, {"enabled": False}, {}, None)
    (late,) = room.news(route)
    async with room.installation.database.unit() as unit:
        await unit.rows("SELECT 1 FROM alert_routes WHERE id = %(id)s FOR NO KEY UPDATE", {"id": route})
        assert await follow_routes(room.installation) == 0
    assert await follow(room) == [1]
    assert room.delivery(late)["state"] == "failed_terminal"
