"""Looks, ends of quiet times and operators at once: each incident is told once, and leaves one story."""

import asyncio

import pytest
from tests.usecases.quiet_scene import scene

from luota_svc.model.incidents import IncidentState
from luota_svc.usecases import incidents, maintenance
from luota_svc.usecases.incident_deadlines import sweep_incidents

__all__ = ["scene"]


async def make_many(scene, count):
    """Many monitors, each with an incident whose quiet time ends now."""
    now = scene.clock.now()
    await scene.rows(
        "WITH made AS (INSERT INTO monitors (id, workspace_id, slug, name, kind, grace_seconds, failure_threshold,"
        " recovery_threshold, remind_every_seconds, severity, owner, runbook_url, environment, promise, tags,"
        " created_at, updated_at) SELECT gen_random_uuid(), %(w)s, 'q' || n, 'q', 'run', 300, 1, 1, 0, 'error', '', '',"
        " '', '', '{}', now(), now() FROM generate_series(1, %(count)s) n RETURNING id)"
        " INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, occurrence_count,"
        " event_count, muted, tell_at, next_deadline_at) SELECT gen_random_uuid(), %(w)s, id, 'failed', 'open',"
        " 'error', %(now)s, 1, 1, true, %(now)s, %(now)s FROM made RETURNING 1",
        w=scene.house.ours,
        count=count,
        now=now,
    )


async def drained(scene):
    """Sweep until nothing is due, beside others who do the same."""
    while await scene.rows("SELECT 1 FROM incidents WHERE next_deadline_at <= %(now)s LIMIT 1", now=scene.clock.now()):
        await sweep_incidents(scene.at)


async def test_three_sweepers_tell_each_incident_once(scene):
    await make_many(scene, 1_200)
    await asyncio.gather(*(drained(scene) for _ in range(3)))
    counts = await scene.rows(
        "SELECT i.id, count(DISTINCT d.id) AS told, count(DISTINCT e.number) AS events FROM incidents i"
        " LEFT JOIN delivery_incidents di ON di.incident_id = i.id LEFT JOIN deliveries d ON d.id = di.delivery_id"
        " LEFT JOIN incident_events e ON e.incident_id = i.id GROUP BY i.id"
    )
    assert len(counts) == 1_200
    assert {(row["told"], row["events"]) for row in counts} == {(1, 1)}


async def test_a_sweep_leaves_what_somebody_holds_to_the_next_one(scene):
    await scene.mute(60)
    await scene.fail()
    scene.clock.advance(60)
    async with scene.at.database.unit() as unit:
        await unit.rows("SELECT 1 FROM monitors WHERE id = %(id)s FOR NO KEY UPDATE", {"id": scene.monitor.id})
        assert await sweep_incidents(scene.at) == 0
    assert await sweep_incidents(scene.at) == 1
    assert await scene.told() == ["opened"]


async def test_one_that_cannot_be_looked_at_is_set_aside_and_keeps_no_other_from_it(scene):
    await make_many(scene, 20)
    (bad,) = await scene.rows("SELECT id FROM incidents ORDER BY id OFFSET 7 LIMIT 1")
    # No number is left for its next event.
    await scene.rows(
        "INSERT INTO incident_events (incident_id, number, event, at, actor)"
        " VALUES (%(id)s, 2, 'note', now(), 'nobody') RETURNING 1",
        id=bad["id"],
    )
    while await scene.rows("SELECT 1 FROM incidents WHERE next_deadline_at <= %(now)s", now=scene.clock.now()):
        await sweep_incidents(scene.at)
    quiet = await scene.rows("SELECT id, next_deadline_at FROM incidents WHERE muted")
    assert [(row["id"], row["next_deadline_at"]) for row in quiet] == [(bad["id"], scene.later(300))]
    assert len(await scene.told()) == 19


@pytest.mark.parametrize("round_", range(8))
async def test_the_end_of_a_mute_against_a_recovery_is_told_in_full_or_not_at_all(scene, round_):
    await scene.mute(60)
    incident = await scene.fail()
    scene.clock.advance(60)
    racers = [sweep_incidents(scene.at), scene.succeed(), sweep_incidents(scene.at)]
    await asyncio.gather(*(racers if round_ % 2 else racers[::-1]))
    rows = await scene.rows(
        "SELECT d.reason, d.state, di.live FROM deliveries d JOIN delivery_incidents di ON di.delivery_id = d.id"
        " ORDER BY di.sequence"
    )
    story = [(row["reason"], row["state"]) for row in rows]
    assert story in ([], [("opened", "cancelled"), ("resolved", "pending")])
    row = await scene.row(incident)
    assert (row["state"], row["next_deadline_at"], row["tell_at"]) == ("resolved", None, None)
    events = await scene.events(incident)
    assert len(events) == row["event_count"]
    assert ("quiet_ended" in events) is bool(story)


@pytest.mark.parametrize("round_", range(8))
async def test_the_end_of_a_mute_against_an_acknowledgement_is_told_unless_that_came_first(scene, round_):
    await scene.mute(60)
    incident = await scene.fail()
    scene.clock.advance(60)
    racers = [sweep_incidents(scene.at), scene.acknowledge(incident), sweep_incidents(scene.at)]
    await asyncio.gather(*(racers if round_ % 2 else racers[::-1]))
    await scene.sweep()
    row = await scene.row(incident)
    assert (row["state"], row["muted"], row["next_deadline_at"]) == ("acknowledged", False, None)
    events = await scene.events(incident)
    assert sorted(events) == ["acknowledged", "opened", "quiet_ended"]
    assert await scene.told() == (["opened"] if events[1] == "quiet_ended" else [])


@pytest.mark.parametrize("round_", range(4))
async def test_the_end_of_an_acknowledgement_against_another_one_leaves_no_event_out_of_order(scene, round_):
    incident = await scene.fail()
    await scene.deliver()
    await scene.acknowledge(incident, 60)
    scene.clock.advance(60)
    racers = [sweep_incidents(scene.at), scene.acknowledge(incident, 600)]
    await asyncio.gather(*(racers if round_ % 2 else racers[::-1]))
    await scene.sweep()
    row = await scene.row(incident)
    assert (row["state"], row["acknowledged_until"]) == ("acknowledged", scene.later(600))
    told = await scene.told()
    assert told == (["opened", "reminder"] if "acknowledgement_ended" in await scene.events(incident) else ["opened"])


@pytest.mark.parametrize("round_", range(4))
async def test_the_end_of_a_mute_against_ending_by_hand_leaves_one_story(scene, round_):
    await scene.mute(60)
    incident = await scene.fail()
    scene.clock.advance(60)
    ending = incidents.resolve_incident(scene.at, scene.call(), incident.id, note="", version=None)
    await asyncio.gather(*([sweep_incidents(scene.at), ending] if round_ % 2 else [ending, sweep_incidents(scene.at)]))
    stands = await incidents.get_incident(scene.at, scene.call(), incident.id)
    assert stands.state is IncidentState.RESOLVED
    assert await scene.told() in ([], ["resolved"])
    assert await scene.sweep(3_600) == 0


async def test_unmuting_and_calling_off_while_incidents_open_leaves_none_untold(scene):
    for round_ in range(1, 6):
        window = await scene.window(0, 86_400)
        await asyncio.gather(
            scene.fail(),
            maintenance.cancel_window(scene.at, scene.call(), window.id, None),
            sweep_incidents(scene.at),
        )
        await scene.sweep(60)
        assert (await scene.told()).count("opened") == round_
        await scene.deliver()
        await scene.succeed()
        await scene.deliver()


async def test_whoever_is_told_only_if_nobody_has_it_is_not_told_once_somebody_does(scene):
    await scene.rows("UPDATE alert_routes SET after_seconds = 600 RETURNING 1")
    incident = await scene.fail()
    assert await scene.told() == ["escalation"]
    await scene.acknowledge(incident, 1_800)
    assert await scene.told() == []
    await scene.sweep(1_800)
    (row,) = await scene.rows("SELECT reason, due_at FROM deliveries WHERE state = 'pending'")
    assert (row["reason"], row["due_at"]) == ("escalation", scene.later(600))
