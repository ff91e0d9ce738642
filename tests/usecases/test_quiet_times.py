"""What a quiet time keeps back, and what its end tells, on a real PostgreSQL."""

import pytest
from tests.usecases.quiet_scene import scene

from luota_svc.model.maintenance import WindowScope
from luota_svc.usecases import incidents, maintenance
from luota_svc.usecases.monitors import update_monitor

__all__ = ["scene"]


async def begin_mute(scene):
    await scene.mute(600)


async def begin_window(scene):
    await scene.window(0, 600)


QUIET = pytest.mark.parametrize("begin", [begin_mute, begin_window])


@QUIET
async def test_what_opens_in_a_quiet_time_is_told_once_when_it_ends(scene, begin):
    await begin(scene)
    incident = await scene.fail()
    row = await scene.row(incident)
    assert (row["muted"], row["tell_at"]) == (True, scene.later(600))
    assert row["next_deadline_at"] <= row["tell_at"]
    assert await scene.told() == []
    assert await scene.sweep(599) == 1
    assert await scene.told() == []
    assert await scene.sweep(1) == 1
    assert await scene.told() == ["opened"]
    row = await scene.row(incident)
    assert (row["muted"], row["tell_at"], row["next_deadline_at"]) == (False, None, None)
    assert await scene.events(incident) == ["opened", "quiet_ended"]
    assert row["event_count"] == 2
    assert await scene.sweep(3_600) == 0
    assert await scene.told() == ["opened"]


async def test_the_word_at_the_end_bears_the_request_that_opened_the_incident(scene):
    await scene.mute(600)
    incident = await scene.fail()
    await scene.sweep(600)
    (row,) = await scene.rows("SELECT request_id, expires_at, created_at FROM deliveries")
    assert row["request_id"] == (await scene.row(incident))["request_id"]
    assert row["created_at"] == scene.clock.now()


@QUIET
async def test_what_opens_and_ends_in_a_quiet_time_is_never_told(scene, begin):
    await begin(scene)
    incident = await scene.fail()
    await scene.succeed()
    await scene.sweep(600)
    assert await scene.told() == []
    assert await scene.events(incident) == ["opened", "recovered", "resolved"]


async def test_what_opened_in_a_quiet_time_and_ends_before_anybody_looked_at_its_end_is_never_told(scene):
    await scene.mute(600)
    await scene.fail()
    scene.clock.advance(601)
    await scene.succeed()
    assert await scene.sweep() == 0
    assert await scene.told() == []


@QUIET
async def test_who_was_told_before_the_quiet_time_hears_of_the_end_at_once(scene, begin):
    await scene.fail()
    await scene.deliver()
    await begin(scene)
    await scene.succeed()
    assert await scene.told() == ["opened", "resolved"]


@QUIET
async def test_a_word_that_nobody_was_told_yet_is_taken_back_when_the_incident_ends_in_a_quiet_time(scene, begin):
    await scene.fail()
    await begin(scene)
    await scene.succeed()
    assert await scene.told() == []


@QUIET
async def test_ending_it_by_hand_in_a_quiet_time_follows_the_same_rule(scene, begin):
    incident = await scene.fail()
    await scene.deliver()
    await begin(scene)
    await incidents.resolve_incident(scene.at, scene.call(), incident.id, note="", version=None)
    assert await scene.told() == ["opened", "resolved"]


async def test_what_is_acknowledged_when_its_quiet_time_ends_is_told_to_nobody(scene):
    await scene.mute(600)
    incident = await scene.fail()
    await scene.acknowledge(incident)
    await scene.sweep(600)
    row = await scene.row(incident)
    assert (row["state"], row["muted"], row["next_deadline_at"]) == ("acknowledged", False, None)
    assert await scene.events(incident) == ["opened", "acknowledged", "quiet_ended"]
    assert await scene.told() == []


async def test_windows_that_touch_are_one_quiet_time(scene):
    await scene.window(0, 600)
    await scene.window(600, 1_200)
    incident = await scene.fail()
    assert (await scene.row(incident))["tell_at"] == scene.later(1_200)
    await scene.sweep(600)
    assert await scene.told() == []
    await scene.sweep(600)
    assert await scene.told() == ["opened"]


async def test_a_longer_mute_moves_the_end(scene):
    await scene.mute(600)
    incident = await scene.fail()
    await scene.mute(1_200)
    assert await scene.sweep() == 1
    assert (await scene.row(incident))["tell_at"] == scene.later(1_200)
    await scene.sweep(600)
    assert await scene.told() == []
    await scene.sweep(600)
    assert await scene.told() == ["opened"]


async def test_a_window_that_begins_before_another_ends_goes_on(scene):
    await scene.window(0, 600)
    await scene.fail()
    await scene.window(300, 900)
    await scene.sweep(600)
    assert await scene.told() == []
    await scene.sweep(300)
    assert await scene.told() == ["opened"]


async def test_unmuting_by_hand_tells_at_the_next_look(scene):
    await scene.mute(86_400)
    await scene.fail()
    await scene.unmute()
    assert await scene.sweep() == 1
    assert await scene.told() == ["opened"]


async def test_calling_a_window_off_tells_at_the_next_look(scene):
    window = await scene.window(0, 86_400)
    await scene.fail()
    await maintenance.cancel_window(scene.at, scene.call(), window.id, None)
    assert await scene.sweep() == 1
    assert await scene.told() == ["opened"]


async def test_shortening_a_window_tells_at_its_new_end(scene):
    window = await scene.window(0, 86_400)
    incident = await scene.fail()
    changes = {"ends_at": scene.later(30)}
    await maintenance.update_window(scene.at, scene.call(), window.id, changes, None)
    await scene.sweep()
    assert (await scene.row(incident))["tell_at"] == scene.later(30)
    await scene.sweep(30)
    assert await scene.told() == ["opened"]


async def test_a_window_called_off_behind_the_back_of_an_opening_incident_keeps_it_quiet_for_a_minute_at_most(scene):
    await scene.window(0, 86_400)
    await scene.fail()
    # As a cancel does that did not see the incident, whose transaction had read the window already.
    await scene.rows("UPDATE maintenance_windows SET deleted_at = now() RETURNING 1")
    await scene.sweep(60)
    assert await scene.told() == ["opened"]


async def test_a_monitor_that_leaves_a_window_by_its_tags_is_told_at_the_next_look(scene):
    await scene.window(0, 86_400, WindowScope(tags={"db": "main"}))
    await scene.fail()
    await update_monitor(scene.at, scene.call(), scene.monitor.id, {"tags": {"db": "other"}}, None)
    await scene.sweep()
    assert await scene.told() == ["opened"]


@pytest.mark.parametrize(
    ("scope", "quiet"),
    [
        (lambda monitor: WindowScope(frozenset({monitor.id})), True),
        (lambda monitor: WindowScope(tags={"db": "main"}), True),
        (lambda monitor: WindowScope(tags={"db": "other"}), False),
    ],
)
async def test_a_window_quiets_what_it_covers_and_nothing_else(scene, scope, quiet):
    await scene.window(0, 600, scope(scene.monitor))
    await scene.fail()
    assert await scene.told() == ([] if quiet else ["opened"])


async def test_a_run_that_began_before_the_window_is_told_as_ever(scene):
    await scene.start("long")
    scene.clock.advance(60)
    await scene.window(0, 600)
    await scene.fail("long")
    assert await scene.told() == ["opened"]


async def test_a_run_that_began_before_the_window_is_quiet_while_its_monitor_is_muted_and_told_then(scene):
    await scene.start("long")
    scene.clock.advance(60)
    await scene.mute(300)
    await scene.window(60, 3_600)
    scene.clock.advance(120)
    incident = await scene.fail("long")
    assert (await scene.row(incident))["tell_at"] == scene.later(180)
    await scene.sweep(180)
    assert await scene.told() == ["opened"]


async def test_the_version_grows_when_something_happened_and_not_when_only_the_look_moved(scene):
    await scene.mute(600)
    incident = await scene.fail()
    await scene.sweep(60)
    assert (await scene.row(incident))["version"] == 1
    await scene.sweep(540)
    assert (await scene.row(incident))["version"] == 2
