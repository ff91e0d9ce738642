"""Reminders, and acknowledgements from their beginning to their end, on a real PostgreSQL."""

from tests.usecases.quiet_scene import scene

__all__ = ["scene"]


async def test_a_reminder_goes_out_at_each_interval_to_whoever_was_told(scene):
    await scene.remind(600)
    incident = await scene.fail()
    await scene.deliver()
    assert await scene.sweep(599) == 0
    for count in range(1, 4):
        await scene.sweep(1 if count == 1 else 600)
        assert await scene.told() == ["opened", *["reminder"] * count]
        await scene.deliver()
    assert await scene.events(incident) == ["opened"]


async def test_reminders_do_not_pile_up_behind_a_word_that_is_on_its_way(scene):
    await scene.remind(600)
    await scene.fail()
    await scene.sweep(600)
    await scene.sweep(600)
    assert await scene.told() == ["opened"]


async def test_looks_that_were_missed_remind_once(scene):
    await scene.remind(600)
    incident = await scene.fail()
    await scene.deliver()
    await scene.sweep(6_000)
    assert await scene.told() == ["opened", "reminder"]
    assert (await scene.row(incident))["next_reminder_at"] == scene.later(600)


async def test_a_reminder_waits_for_the_end_of_a_quiet_time(scene):
    await scene.remind(600)
    await scene.fail()
    await scene.deliver()
    await scene.mute(900)
    await scene.sweep(600)
    assert await scene.told() == ["opened"]
    await scene.sweep(300)
    assert await scene.told() == ["opened", "reminder"]


async def test_a_reminder_that_waits_for_the_end_of_a_mute_goes_out_when_it_is_ended_by_hand(scene):
    await scene.remind(600)
    await scene.fail()
    await scene.deliver()
    await scene.mute(86_400)
    await scene.sweep(600)
    await scene.unmute()
    await scene.sweep()
    assert await scene.told() == ["opened", "reminder"]


async def test_reminders_of_what_opened_in_a_quiet_time_begin_at_its_end(scene):
    await scene.remind(600)
    await scene.mute(3_600)
    await scene.fail()
    await scene.sweep(3_600)
    await scene.deliver()
    assert await scene.sweep(599) == 0
    await scene.sweep(1)
    assert await scene.told() == ["opened", "reminder"]


async def test_an_acknowledgement_ends_and_reminders_go_on(scene):
    await scene.remind(600)
    incident = await scene.fail()
    await scene.deliver()
    await scene.acknowledge(incident, 1_800)
    assert await scene.sweep(1_799) == 0
    await scene.sweep(1)
    row = await scene.row(incident)
    assert (row["state"], row["acknowledged_until"], row["acknowledged_at"]) == ("open", None, None)
    assert row["next_reminder_at"] == scene.later(600)
    assert await scene.events(incident) == ["opened", "acknowledged", "acknowledgement_ended"]
    assert await scene.told() == ["opened", "reminder"]


async def test_the_end_of_an_acknowledgement_is_told_once_where_nobody_is_reminded(scene):
    incident = await scene.fail()
    await scene.deliver()
    await scene.acknowledge(incident, 600)
    await scene.sweep(600)
    assert (await scene.row(incident))["state"] == "open"
    assert await scene.told() == ["opened", "reminder"]
    assert await scene.sweep(86_400) == 0


async def test_the_end_of_an_acknowledgement_is_the_first_word_where_nobody_was_told(scene):
    await scene.mute(600)
    incident = await scene.fail()
    await scene.acknowledge(incident, 1_200)
    await scene.sweep(600)
    assert await scene.told() == []
    await scene.sweep(600)
    assert await scene.told() == ["opened"]


async def test_another_interval_of_reminders_holds_for_what_stands(scene):
    await scene.fail()
    await scene.deliver()
    await scene.remind(600)
    await scene.sweep(600)
    assert await scene.told() == ["opened", "reminder"]
    await scene.deliver()
    await scene.remind(0)
    await scene.sweep(86_400)
    assert await scene.told() == ["opened", "reminder"]


async def test_an_acknowledgement_without_an_end_is_never_looked_at(scene):
    await scene.remind(600)
    incident = await scene.fail()
    await scene.acknowledge(incident)
    assert await scene.sweep(86_400) == 0
