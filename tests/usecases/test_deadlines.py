"""Silence is judged by the sweep: each kind opens at its deadline, once, and nothing of it is our own silence."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

from tests.usecases.sweeping import time

from luota_svc.usecases.deadlines import Deadlines

__all__ = ["time"]

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)


async def test_a_heartbeat_that_does_not_come_is_missed_after_its_grace_and_one_second(time):
    monitor = time.monitor(kind="heartbeat")
    await time.look()
    await time.process.ping(monitor)
    await time.until(NOON + timedelta(hours=1, seconds=300.9))
    assert time.incidents(monitor) == []

    await time.passes(seconds=0.2)

    assert time.incidents(monitor) == [("missed", "open", "no_signal", 1)]
    (incident,) = time.world.rows("SELECT * FROM incidents")
    assert (incident["expected_at"], incident["deadline_at"]) == (
        NOON + timedelta(hours=1),
        NOON + timedelta(hours=1, minutes=5),
    )
    assert incident["request_id"] is None
    (event,) = time.world.rows("SELECT * FROM incident_events")
    assert (event["event"], event["actor"]) == ("opened", "rule")
    assert time.row(monitor)["next_deadline_at"] == NOON + timedelta(hours=2, minutes=5)


async def test_a_monitor_that_was_never_heard_says_so(time):
    heartbeat, run = time.monitor(kind="heartbeat"), time.monitor(kind="run", schedule_cron="0 * * * *")
    freshness = time.monitor(kind="freshness", max_age_seconds=1800)

    await time.passes(hours=1, minutes=6)

    assert time.incidents(heartbeat) == [("missed", "open", "never_reported", 1)]
    assert time.incidents(run) == [("late", "open", "never_reported", 1)]
    assert time.incidents(freshness) == [("stale", "open", "never_reported", 1)]


async def test_a_healthy_monitor_costs_a_look_and_leaves_nothing(time):
    monitor = time.monitor(kind="heartbeat")
    await time.look()
    for _ in range(3):
        await time.passes(minutes=58)
        await time.process.ping(monitor)
        await time.passes(minutes=2)

    assert time.incidents(monitor) == []
    assert await time.passes(minutes=5, seconds=1) == 1
    assert time.row(monitor)["next_deadline_at"] == NOON + timedelta(hours=4, minutes=5)


async def test_each_further_missed_instant_is_an_occurrence_and_the_next_ping_resolves(time):
    monitor = time.monitor(kind="heartbeat")
    await time.passes(hours=1, minutes=6)
    await time.passes(hours=1)
    assert time.incidents(monitor) == [("missed", "open", "never_reported", 2)]

    await time.process.ping(monitor)

    assert time.incidents(monitor) == [("missed", "resolved", "never_reported", 2)]
    await time.passes(hours=1)
    assert time.incidents(monitor)[1] == ("missed", "open", "no_signal", 1)
    previous, newest = time.world.rows("SELECT id, previous_incident_id FROM incidents ORDER BY opened_at")
    assert newest["previous_incident_id"] == previous["id"]


async def test_a_missed_ping_counts_for_the_recovery_threshold(time):
    monitor = time.monitor(kind="heartbeat", recovery_threshold=2)
    await time.process.ping(monitor)
    await time.process.ping(monitor)
    await time.passes(hours=1, minutes=6)

    await time.process.ping(monitor)
    assert time.incidents(monitor)[0][1] == "open"
    await time.process.ping(monitor)
    assert time.incidents(monitor)[0][1] == "resolved"


async def test_a_run_that_does_not_start_is_late_and_its_start_resolves(time):
    monitor = time.monitor(kind="run", schedule_cron="0 * * * *", stuck_after_seconds=86_400)
    await time.process.finish(monitor, "first")
    await time.passes(hours=1, minutes=5, seconds=1)
    assert time.incidents(monitor) == [("late", "open", "no_signal", 1)]

    await time.process.start(monitor, "second")

    assert time.incidents(monitor) == [("late", "resolved", "no_signal", 1)]


async def test_an_interval_slides_from_the_last_signal(time):
    monitor = time.monitor(kind="heartbeat", interval_seconds=600, grace_seconds=60)
    await time.look()
    await time.passes(minutes=7)
    await time.process.ping(monitor)
    await time.until(NOON + timedelta(minutes=18))
    assert time.incidents(monitor) == []
    await time.passes(seconds=1)
    assert time.incidents(monitor) == [("missed", "open", "no_signal", 1)]


async def test_what_no_longer_changes_is_stale_once_until_something_newer_comes(time):
    monitor = time.monitor(kind="freshness", max_age_seconds=3600)
    await time.process.ping(monitor, occurred_at=NOON - timedelta(minutes=20))
    await time.until(NOON + timedelta(minutes=40))
    assert time.incidents(monitor) == []
    await time.passes(seconds=1)
    assert time.incidents(monitor) == [("stale", "open", "too_old", 1)]
    assert time.row(monitor)["next_deadline_at"] is None

    time.world.rows(
        "UPDATE incidents SET state = 'resolved', resolved_at = now(), resolution = 'by_hand', next_deadline_at = NULL"
    )
    await time.process.ping(monitor, occurred_at=NOON - timedelta(minutes=30))
    await time.passes(days=3)
    assert len(time.incidents(monitor)) == 1

    await time.process.ping(monitor)
    await time.passes(minutes=60, seconds=1)
    assert time.incidents(monitor)[1:] == [("stale", "open", "too_old", 1)]


async def test_a_change_that_is_newer_than_the_judged_one_is_judged_from_its_own_instant(time):
    monitor = time.monitor(kind="freshness", max_age_seconds=3600)
    await time.process.ping(monitor)
    await time.passes(hours=1, seconds=1)
    await time.passes(minutes=10)
    await time.process.ping(monitor, occurred_at=NOON + timedelta(minutes=50))
    assert time.incidents(monitor) == [("stale", "resolved", "too_old", 1)]

    await time.until(NOON + timedelta(minutes=110, seconds=1))

    assert time.incidents(monitor)[1:] == [("stale", "open", "too_old", 1)]


async def test_a_paused_monitor_is_not_judged_and_its_silence_counts_from_the_pauses_end(time):
    end = NOON + timedelta(hours=10)
    heartbeat = time.monitor(kind="heartbeat", paused_until=end)
    freshness = time.monitor(kind="freshness", max_age_seconds=600, paused_until=end)
    runs = time.monitor(kind="run", stuck_after_seconds=600, paused_until=end)
    await time.process.start(runs, "r")
    expiring = await time.process.start(runs, "short", timeout_seconds=3600)

    await time.passes(hours=9)
    assert [time.incidents(monitor) for monitor in (heartbeat, freshness, runs)] == [[], [], []]
    assert time.run(expiring.run.id)["state"] == "expired"
    assert time.row(heartbeat)["next_deadline_at"] == end

    await time.until(end + timedelta(minutes=10))
    assert [time.incidents(monitor) for monitor in (heartbeat, freshness, runs)] == [[], [], []]
    assert time.row(heartbeat)["paused_until"] is None
    await time.passes(seconds=1)
    assert time.incidents(heartbeat) == []
    assert time.incidents(freshness) == [("stale", "open", "never_reported", 1)]
    assert time.incidents(runs) == [("stuck", "open", "no_sign_of_life", 1)]
    await time.passes(minutes=55)
    assert time.incidents(heartbeat) == [("missed", "open", "never_reported", 1)]


async def test_a_failure_right_after_a_pause_counts_although_the_sweep_comes_later(time):
    monitor = time.monitor(kind="run", failure_threshold=2, paused_until=NOON + timedelta(minutes=1))
    await time.look()
    time.clock.advance(60.5)
    await time.process.finish(monitor, "a", 1)
    await time.passes(seconds=1)
    await time.process.finish(monitor, "b", 1)
    assert time.incidents(monitor) == [("failed", "open", "failures", 1)]


async def test_after_a_long_time_in_which_nobody_looked_a_hundred_instants_are_told_and_the_rest_is_settled(time):
    monitor = time.monitor(kind="heartbeat", schedule_cron="* * * * *", grace_seconds=60)

    await time.passes(days=2)

    assert time.incidents(monitor) == [("missed", "open", "never_reported", 100)]
    assert time.row(monitor)["next_deadline_at"] > time.clock.now() - timedelta(seconds=1)


async def test_a_deleted_monitor_is_never_judged_nor_are_its_runs(time):
    monitor = time.monitor(kind="run", schedule_cron="0 * * * *")
    started = await time.process.start(monitor, "r")
    time.world.rows("UPDATE monitors SET deleted_at = now() WHERE id = %s", monitor)

    await time.passes(hours=30)

    assert time.incidents(monitor) == []
    assert time.run(started.run.id)["next_deadline_at"] is None
    assert await time.passes(hours=1) == 0


async def test_our_own_silence_makes_no_incident_and_real_silence_is_found(time):
    pinged = time.monitor(kind="heartbeat", schedule_cron="*/10 * * * *", grace_seconds=120)
    sliding = time.monitor(kind="heartbeat", interval_seconds=300, grace_seconds=60)
    fresh = time.monitor(kind="freshness", max_age_seconds=480)
    runs = time.monitor(kind="run", stuck_after_seconds=480)
    silent = time.monitor(kind="heartbeat", schedule_cron="5 * * * *", grace_seconds=60)
    for monitor in (pinged, sliding, fresh, silent):
        await time.process.ping(monitor)
    await time.process.start(runs, "r")
    await time.until(NOON + timedelta(minutes=4, seconds=50))
    await time.process.ping(sliding)
    # From 12:04:50 to 12:14:50 nobody takes signals, and nobody judges.
    time.alive = False
    assert await time.passes(minutes=5) == 0
    assert await time.passes(minutes=5) == 0
    time.alive = True

    await time.look()

    (gap,) = time.world.rows("SELECT * FROM ingest_gaps")
    assert (gap["started_at"], gap["ended_at"]) == (
        NOON + timedelta(minutes=4, seconds=50),
        NOON + timedelta(minutes=14, seconds=50),
    )
    everybody = (pinged, sliding, fresh, runs, silent)
    assert [time.incidents(monitor) for monitor in everybody] == [[]] * 5
    # The others get their whole time anew from the gap's end; the cron lines are awaited as ever.
    await time.until(NOON + timedelta(minutes=20, seconds=50))
    assert [time.incidents(monitor) for monitor in everybody] == [[]] * 5
    await time.passes(seconds=1)
    assert time.incidents(sliding) == [("missed", "open", "no_signal", 1)]
    await time.until(NOON + timedelta(minutes=22, seconds=51))
    assert time.incidents(pinged) == [("missed", "open", "no_signal", 1)]
    assert time.incidents(fresh) == [("stale", "open", "too_old", 1)]
    assert time.incidents(runs) == [("stuck", "open", "no_sign_of_life", 1)]
    assert time.incidents(silent) == []
    await time.until(NOON + timedelta(minutes=66, seconds=1))
    assert time.incidents(silent) == [("missed", "open", "no_signal", 1)]


async def test_an_unobserved_instant_is_noted_on_the_incident_that_stands(time):
    monitor = time.monitor(kind="heartbeat", schedule_cron="*/10 * * * *", grace_seconds=60)
    await time.passes(minutes=11, seconds=1)
    time.alive = False
    await time.passes(minutes=10)
    time.alive = True
    await time.look()

    assert time.incidents(monitor) == [("missed", "open", "never_reported", 1)]
    notes = time.world.rows("SELECT detail FROM incident_events WHERE event = 'note'")
    assert len(notes) == 1
    assert notes[0]["detail"].startswith("unobserved: what was expected at 2026-05-25T12:20:00")


async def test_many_sweepers_open_each_incident_once(time):
    monitors = [time.monitor(kind="heartbeat") for _ in range(120)]
    time.world.route()
    time.clock.advance(2 * 3600)
    await time.liveness.beat()

    async def sweep_all() -> None:
        sweeper = Deadlines(time.database, time.clock, time.metrics, batch=7)
        while await sweeper.sweep():
            pass

    await asyncio.gather(*(sweep_all() for _ in range(2)))
    await time.look()

    assert time.world.count("incidents") == len(monitors)
    assert time.world.count("deliveries") == len(monitors)
    assert time.world.count("incident_packets") == len(monitors)
    assert {time.incidents(monitor)[0][3] for monitor in monitors} == {1}


async def test_one_transaction_judges_for_a_quarter_of_a_second_and_what_is_left_stays_due(time, monkeypatch):
    monitors = [time.monitor(kind="heartbeat") for _ in range(5)]
    runs = [(await time.process.start(time.monitor(kind="run"), str(number))).run.id for number in range(5)]
    time.clock.advance(2 * 3600)
    await time.liveness.beat()
    ticks = itertools.count()
    # Each monitor and run that is judged takes a tenth of a second.
    monkeypatch.setattr(time.clock, "monotonic", lambda: next(ticks) / 10)
    sweeper = Deadlines(time.database, time.clock, time.metrics, batch=50)

    assert await sweeper.sweep() == 50  # more is due
    found = time.world.count("incidents")
    assert 0 < found < 5
    while await sweeper.sweep():
        pass

    assert [len(time.incidents(monitor)) for monitor in monitors] == [1] * 5
    assert all(time.run(run)["stuck_at"] for run in runs)
    assert time.world.count("incidents") == 10


async def test_one_monitor_that_cannot_be_judged_or_written_does_not_stop_the_others(time):
    unjudgeable = time.monitor(kind="heartbeat", schedule_timezone="Nowhere/Land")
    unwritable = time.monitor(kind="heartbeat")
    others = [time.monitor(kind="heartbeat") for _ in range(10)]
    time.world.rows(
        f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.monitor_id = '{unwritable}' THEN RAISE check_violation; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON incidents FOR EACH ROW EXECUTE FUNCTION refuse();
        """
    )

    await time.passes(hours=1, minutes=6)

    assert {tuple(time.incidents(monitor)) for monitor in others} == {(("missed", "open", "never_reported", 1),)}
    assert time.incidents(unjudgeable) == time.incidents(unwritable) == []
    for monitor in (unjudgeable, unwritable):
        assert time.row(monitor)["next_deadline_at"] == time.clock.now() + timedelta(seconds=60)
