"""Quiet times, acknowledgements and reminders from their beginning to their end, on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from tests.management import Caller

from luota_svc.model.incidents import IncidentState
from luota_svc.model.maintenance import WindowScope, WindowSettings, WindowTimes
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.usecases import incidents, maintenance
from luota_svc.usecases.incident_deadlines import sweep_incidents
from luota_svc.usecases.keys import Scope, create_key
from luota_svc.usecases.monitors import create_monitor, mute_monitor, unmute_monitor, update_monitor

BACKUP = MonitorSettings("backup", "Backup", MonitorKind.RUN, tags={"db": "main"})


class Scene:
    """One monitor, two routes, and whatever happens to it."""

    def __init__(self, installation, house, ingest, token, monitor):
        self.at, self.house, self.monitor, self.clock = installation, house, monitor, installation.clock
        self._ingest, self._token = ingest, token
        self._runs = iter(range(10_000))

    async def _report(self, type_, **words):
        call = Caller(self.at, self._token).call()
        return await self._ingest.report(call, Report(type_, monitor_id=self.monitor.id, **words))

    async def start(self, run):
        return await self._report(SignalType.START, evidence=Evidence(), external_run_id=run)

    async def finish(self, exit_code, run=None):
        evidence = Evidence(exit_code=exit_code)
        return await self._report(
            SignalType.FINISH, evidence=evidence, external_run_id=run or f"run-{next(self._runs)}"
        )

    async def fail(self, run=None):
        return (await self.finish(1, run)).incident

    async def succeed(self):
        return (await self.finish(0)).incident

    async def mute(self, seconds):
        return await mute_monitor(self.at, self.call(), self.monitor.id, self.later(seconds))

    async def unmute(self):
        return await unmute_monitor(self.at, self.call(), self.monitor.id)

    async def window(self, begin, end, scope=None):
        times = WindowTimes(self.later(begin), self.later(end))
        settings = WindowSettings(scope or WindowScope(), times, "New disks")
        return await maintenance.create_window(self.at, self.call(), self.house.ours, settings, None)

    def later(self, seconds):
        return self.clock.now() + timedelta(seconds=seconds)

    def call(self):
        return self.house.olga.call()

    async def sweep(self, seconds=0):
        """Let time pass and look."""
        self.clock.advance(seconds)
        return await sweep_incidents(self.at)

    async def rows(self, statement, **words):
        async with self.at.database.unit() as unit:
            return await unit.rows(statement, words)

    async def row(self, incident):
        (row,) = await self.rows("SELECT * FROM incidents WHERE id = %(id)s", id=incident.id)
        return row

    async def told(self):
        """Which words were said, in order."""
        rows = await self.rows(
            "SELECT d.reason, d.state FROM deliveries d JOIN delivery_incidents di ON di.delivery_id = d.id"
            " ORDER BY d.created_at, di.sequence, d.id"
        )
        return [row["reason"] for row in rows if row["state"] != "cancelled"]

    async def deliver(self):
        """Let the provider take what waits."""
        await self.rows(
            "WITH done AS (UPDATE deliveries SET state = 'delivered', next_attempt_at = NULL, settled_at = now()"
            " WHERE state = 'pending' RETURNING id)"
            " UPDATE delivery_incidents SET live = false WHERE delivery_id IN (SELECT id FROM done) RETURNING 1"
        )

    async def events(self, incident):
        rows = await self.rows(
            "SELECT event FROM incident_events WHERE incident_id = %(id)s ORDER BY number", id=incident.id
        )
        return [row["event"] for row in rows]

    async def acknowledge(self, incident, seconds=None):
        until = self.later(seconds) if seconds is not None else None
        return await incidents.acknowledge_incident(
            self.at, self.call(), incident.id, until=until, note="", version=None
        )

    async def remind(self, seconds):
        changes = {"remind_every_seconds": seconds}
        await update_monitor(self.at, self.call(), self.monitor.id, changes, None)


@pytest.fixture
async def scene(installation, house, ingest):
    monitor = await create_monitor(installation, house.olga.call(), house.ours, BACKUP, None)
    scope = Scope(workspace_id=house.ours)
    key = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)
    async with installation.database.unit() as unit:
        await unit.run(
            "INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask,"
            " destination, fallback, after_seconds, enabled, state, created_at, updated_at) VALUES (%(id)s,"
            " %(workspace)s, 'r', 'webhook', '{}', 'info', '', '', decode(repeat('00', 32), 'hex'), false, 0, true,"
            " 'unproven', now(), now())",
            {"id": installation.clock.new_id(), "workspace": house.ours},
        )
    return Scene(installation, house, ingest, key.token, monitor)


# --- a quiet time and its end -----------------------------------------------------------------------------------------


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


# --- reminders and acknowledgements -----------------------------------------------------------------------------------


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


# --- races ------------------------------------------------------------------------------------------------------------


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
