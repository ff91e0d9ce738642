"""A drill fails on purpose, is told to its own route alone, and leaves nothing behind but its evidence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.builders import World, close, ingest_process, start

from luota_svc.model.errors import InvalidIngestKey, Missing, NotFound, PermissionDenied, ResourceConflict
from luota_svc.model.signals import SignalType
from luota_svc.rules.ingest_key import OPERATOR
from luota_svc.usecases.drills import end_drill, end_expired_drills, get_drill, receive, repair_drill, start_drill
from luota_svc.usecases.incidents import get_incident
from luota_svc.usecases.monitors import delete_monitor, get_monitor
from luota_svc.usecases.routes import rotate_secret, update_route


class Scene:
    """A workspace in which a route is told of everything."""

    def __init__(self, house, world, process):
        self.house, self.world, self.process = house, world, process
        self.at, self.clock = house.installation, world.clock
        self.everything = world.route(name="On call")

    async def start(self):
        return await start_drill(self.at, self.house.olga.call(), self.house.ours)

    async def fails(self, drill, token):
        """Let the drill's run fail and return its incident and what is to be told."""
        await self.process.send(start(drill.monitor_id, "drill"), token)
        failed = await self.process.send(close(SignalType.FAIL, drill.monitor_id, "drill"), token)
        told = self.world.rows(
            "SELECT d.* FROM deliveries d JOIN delivery_incidents di ON di.delivery_id = d.id"
            " WHERE di.incident_id = %s",
            failed.incident.id,
        )
        return failed.incident.id, told

    async def repair(self, drill):
        return await repair_drill(self.at, self.house.olga.call(), drill.id)

    async def end(self, drill):
        return await end_drill(self.at, self.house.olga.call(), drill.id)

    def sets(self, delivery, **columns):
        places = ", ".join(f"{name} = %s" for name in columns)
        self.world.rows(f"UPDATE deliveries SET {places} WHERE id = %s", *columns.values(), delivery)


@pytest.fixture
async def scene(database_url, house):
    world = World(database_url, clock=house.installation.clock)
    world.workspace_id = house.ours
    async with ingest_process(world) as process:
        yield Scene(house, world, process)
    world.close()


async def test_a_drills_failure_is_told_to_its_own_route_alone(scene):
    drill, token = await scene.start()
    incident, told = await scene.fails(drill, token)
    (delivery,) = told
    assert (delivery["route_id"], delivery["reason"], delivery["state"]) == (drill.route_id, "drill", "pending")
    (route,) = scene.world.rows("SELECT * FROM alert_routes WHERE id = %s", drill.route_id)
    assert scene.at.vault.open(route["target"]) == {"url": f"https://luota.example/v1/drills/{drill.id}/receiver"}
    assert delivery["destination"] == route["destination"]
    assert scene.world.count("destinations", "destination = %s AND NOT paced", route["destination"]) == 1
    read = await get_incident(scene.at, scene.house.bob.call(), incident)
    assert (read.kind, read.alert_state) == ("failed", "unproven")


async def test_what_really_fails_meanwhile_is_told_as_ever_and_not_to_the_drill(scene):
    await scene.start()
    scene.world.token = scene.world.make_key().token
    await scene.process.finish(scene.world.monitor(), "r", 1)
    assert [row["route_id"] for row in scene.world.rows("SELECT route_id FROM deliveries")] == [scene.everything]


async def test_the_receiver_refuses_until_it_is_repaired_and_what_waits_is_then_due_at_once(scene):
    drill, token = await scene.start()
    _, (delivery,) = await scene.fails(drill, token)
    assert await receive(scene.at, drill.id) is False
    later = scene.clock.now() + timedelta(minutes=5)
    scene.sets(delivery["id"], state="failed_retrying", next_attempt_at=later, first_failed_at=scene.clock.now())
    scene.world.rows("UPDATE destinations SET open_until = %s, failures_in_row = 5, open_seconds = 300", later)
    repaired = await scene.repair(drill)
    now = scene.clock.now()
    assert (repaired.repaired_at, repaired.received_count) == (now, 1)
    assert scene.world.one("SELECT next_attempt_at FROM deliveries") == now
    assert scene.world.count("destinations", "open_until IS NOT NULL") == 0
    assert await receive(scene.at, drill.id) is True
    scene.clock.advance(1)
    assert (await scene.repair(drill)).repaired_at == now


async def test_its_end_removes_what_it_made_tells_nobody_and_keeps_the_evidence(scene):
    drill, token = await scene.start()
    incident, (delivery,) = await scene.fails(drill, token)
    scene.sets(delivery["id"], state="failed_retrying", fallback_due_at=scene.clock.now())
    ended = await scene.end(drill)
    assert ended.ended_at == scene.clock.now()
    (row,) = scene.world.rows("SELECT state, fallback_due_at FROM deliveries")
    assert (row["state"], row["fallback_due_at"]) == ("cancelled", None)
    assert scene.world.count("delivery_incidents", "live") == 0
    assert scene.world.one("SELECT deleted_at IS NOT NULL FROM alert_routes WHERE id = %s", drill.route_id)
    with pytest.raises(NotFound):
        await get_monitor(scene.at, scene.house.olga.call(), drill.monitor_id)
    read = await get_incident(scene.at, scene.house.olga.call(), incident)
    assert (read.state, read.resolution) == ("resolved", "monitor_deleted")
    with pytest.raises(InvalidIngestKey):
        await scene.process.send(start(drill.monitor_id, "again"), token)
    assert await receive(scene.at, drill.id) is None
    assert await scene.end(drill) == ended
    with pytest.raises(ResourceConflict, match="ended"):
        await scene.repair(drill)
    actions = {row["action"] for row in scene.world.rows("SELECT action FROM audit_entries")}
    assert {"drill.start", "monitor.delete", "drill.end"} <= actions


async def test_it_does_not_end_while_an_attempt_is_in_flight(scene):
    drill, token = await scene.start()
    incident, (delivery,) = await scene.fails(drill, token)
    scene.sets(delivery["id"], state="sending", next_attempt_at=None, lease_until=scene.clock.now())
    with pytest.raises(ResourceConflict, match="in flight"):
        await scene.end(drill)
    assert (await get_monitor(scene.at, scene.house.olga.call(), drill.monitor_id)).id == drill.monitor_id
    scene.sets(delivery["id"], state="delivered", lease_until=None, settled_at=scene.clock.now())
    assert (await scene.end(drill)).ended_at is not None
    assert scene.world.one("SELECT state FROM deliveries") == "delivered"
    assert (await get_incident(scene.at, scene.house.bob.call(), incident)).alert_state == "delivered"


async def test_one_that_was_left_alone_ends_by_itself(scene):
    drill, token = await scene.start()
    _, (delivery,) = await scene.fails(drill, token)
    assert await end_expired_drills(scene.at) == 0
    scene.clock.advance(8 * 60)
    assert await receive(scene.at, drill.id) is None
    scene.sets(delivery["id"], state="sending", next_attempt_at=None, lease_until=scene.clock.now())
    assert await end_expired_drills(scene.at) == 0
    scene.sets(delivery["id"], state="pending", lease_until=None, next_attempt_at=scene.clock.now())
    assert await end_expired_drills(scene.at) == 1
    assert (await get_drill(scene.at, scene.house.bob.call(), drill.id)).ended_at == scene.clock.now()
    assert await end_expired_drills(scene.at) == 0
    assert scene.world.one("SELECT actor FROM audit_entries WHERE action = 'drill.end'") == "rule"


async def test_a_monitor_that_somebody_removed_before_does_not_keep_it_from_ending(scene):
    drill, _ = await scene.start()
    await delete_monitor(scene.at, scene.house.olga.call(), drill.monitor_id)
    assert (await scene.end(drill)).ended_at is not None


@pytest.mark.parametrize("changes", [{"monitor_ids": frozenset()}, {"enabled": False}, {"name": "Mine"}])
async def test_nobody_turns_a_drills_route_on_what_really_fails(scene, changes):
    """It is told alone of what it covers: covering everything, it would leave real failures untold."""
    drill, _ = await scene.start()
    with pytest.raises(ResourceConflict, match="a drill's"):
        await update_route(scene.at, scene.house.olga.call(), drill.route_id, changes, {}, None)
    with pytest.raises(ResourceConflict, match="a drill's"):
        await rotate_secret(scene.at, scene.house.olga.call(), drill.route_id)
    assert (await scene.end(drill)).ended_at is not None


async def test_few_stand_at_once(scene):
    drills = [(await scene.start())[0] for _ in range(5)]
    with pytest.raises(ResourceConflict, match="5 drills"):
        await scene.start()
    await scene.end(drills[0])
    await scene.start()


async def test_who_only_looks_drills_nothing_and_strangers_see_none(scene):
    drill, token = await scene.start()
    assert not token.startswith(OPERATOR)
    with pytest.raises(PermissionDenied):
        await start_drill(scene.at, scene.house.bob.call(), scene.house.ours)
    for act in (repair_drill, end_drill):
        with pytest.raises(PermissionDenied):
            await act(scene.at, scene.house.bob.call(), drill.id)
    for act in (get_drill, repair_drill, end_drill):
        with pytest.raises(NotFound) as refused:
            await act(scene.at, scene.house.charlie.call(), drill.id)
        assert refused.value.what is Missing.DRILL
    assert (await get_drill(scene.at, scene.house.bob.call(), drill.id)).id == drill.id
