"""What a signal does to the incidents of time: somebody came after all, too late, too early or inside the bounds."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from tests.builders import Process, World, ping

from luota_svc.model.signals import Accepted


def stand(world: World, monitor: UUID, kind: str, state: str = "open") -> UUID:
    """Let an incident of a kind stand, as the sweep would have opened it."""
    incident_id = world.clock.new_id()
    world.rows(
        "INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, acknowledged_at,"
        " occurrence_count, event_count, reason, next_reminder_at, next_deadline_at)"
        " VALUES (%s, %s, %s, %s, %s, 'error', now(), now(), 1, 1, 'no_signal', now(), now())",
        incident_id,
        world.workspace_id,
        monitor,
        kind,
        state,
    )
    return incident_id


def stands(world: World, kind: str) -> bool:
    return world.count("incidents", "kind = %s AND resolved_at IS NULL", kind) == 1


def column(world: World, monitor: UUID, name: str):
    return world.one(f"SELECT {name} FROM monitors WHERE id = %s", monitor)


def call_stuck(world: World, run: UUID) -> None:
    world.rows("UPDATE runs SET stuck_at = now() WHERE id = %s", run)


@pytest.mark.parametrize("state", ["open", "acknowledged"])
async def test_a_ping_resolves_what_was_missed(world: World, process: Process, state):
    monitor = world.monitor(kind="heartbeat", interval_seconds=60)
    incident = stand(world, monitor, "missed", state)
    accepted = await process.send(ping(monitor))
    (row,) = world.rows("SELECT * FROM incidents WHERE id = %s", incident)
    assert (row["state"], row["resolution"], row["resolved_at"]) == ("resolved", "recovered", accepted.received_at)
    assert (row["next_reminder_at"], row["next_deadline_at"]) == (None, None)
    events = world.rows("SELECT event, signal_id FROM incident_events WHERE incident_id = %s ORDER BY number", incident)
    assert [event["event"] for event in events] == ["recovered", "resolved"]
    assert events[0]["signal_id"] == accepted.signal_id


async def test_what_was_missed_resolves_at_the_recovery_threshold_and_not_before(world: World, process: Process):
    monitor = world.monitor(kind="heartbeat", interval_seconds=60, recovery_threshold=3)
    stand(world, monitor, "missed")
    for expected in (True, True, False):
        await process.send(ping(monitor))
        assert stands(world, "missed") is expected


async def test_a_ping_is_remembered_as_heard_by_its_receipt(world: World, process: Process):
    monitor = world.monitor(kind="heartbeat", interval_seconds=60)
    accepted = await process.send(ping(monitor, occurred_at=world.clock.now() - timedelta(hours=2)))
    assert column(world, monitor, "last_heard_at") == accepted.received_at


async def test_a_ping_to_a_run_monitor_counts_for_nothing(world: World, process: Process):
    monitor = world.monitor()
    stand(world, monitor, "late")
    await process.send(ping(monitor))
    assert column(world, monitor, "last_heard_at") is None
    assert stands(world, "late")


async def test_a_start_resolves_what_was_late_and_a_repeated_start_says_nothing_new(world: World, process: Process):
    monitor = world.monitor()
    stand(world, monitor, "late")
    first = await process.start(monitor, "r")
    assert not stands(world, "late")
    assert column(world, monitor, "last_heard_at") == first.received_at
    stand(world, monitor, "late")
    await process.start(monitor, "r")
    assert stands(world, "late")
    assert column(world, monitor, "last_heard_at") == first.received_at


async def test_a_run_told_in_one_call_has_begun_too(world: World, process: Process):
    monitor = world.monitor()
    stand(world, monitor, "late")
    await process.finish(monitor, "r", 1)
    assert not stands(world, "late")


async def test_what_is_stale_resolves_by_a_fresh_signal_only(world: World, process: Process):
    monitor = world.monitor(kind="freshness", max_age_seconds=60)
    stand(world, monitor, "stale")
    old = world.clock.now() - timedelta(minutes=5)
    await process.send(ping(monitor, occurred_at=old))
    assert stands(world, "stale")
    assert column(world, monitor, "last_fresh_at") == old
    assert column(world, monitor, "last_good_signal") is None
    fresh = await process.send(ping(monitor))
    assert not stands(world, "stale")
    assert column(world, monitor, "last_fresh_at") == fresh.received_at
    assert column(world, monitor, "last_good_signal")["id"] == str(fresh.signal_id)


async def test_an_older_change_does_not_make_a_monitor_less_fresh(world: World, process: Process):
    monitor = world.monitor(kind="freshness", max_age_seconds=600)
    fresh = await process.send(ping(monitor))
    await process.send(ping(monitor, occurred_at=fresh.received_at - timedelta(seconds=30)))
    assert column(world, monitor, "last_fresh_at") == fresh.received_at


async def test_a_freshness_monitor_that_nobody_was_to_look_at_is_looked_at_again(world: World, process: Process):
    monitor = world.monitor(kind="freshness", max_age_seconds=60)
    accepted = await process.send(ping(monitor))
    assert column(world, monitor, "next_deadline_at") == accepted.received_at + timedelta(seconds=60)


async def test_a_paused_monitor_is_heard_and_its_incidents_stay_as_they_are(world: World, process: Process):
    until = world.clock.now() + timedelta(hours=1)
    heartbeat = world.monitor(kind="heartbeat", interval_seconds=60, paused_until=until)
    run = world.monitor(paused_until=until)
    stand(world, heartbeat, "missed")
    stand(world, run, "late")
    accepted = await process.send(ping(heartbeat))
    await process.start(run, "r")
    assert stands(world, "missed")
    assert stands(world, "late")
    assert column(world, heartbeat, "last_heard_at") == accepted.received_at


async def runs(process: Process, monitor: UUID, name: str, seconds: float, *, good: bool = True) -> Accepted:
    """Let a run take so long by its own clock; return what its close was answered."""
    end = process.clock.now()
    await process.start(monitor, name, occurred_at=end - timedelta(seconds=seconds))
    return await (process.success if good else process.fail)(monitor, name, occurred_at=end)


async def test_too_long_a_success_opens_slow_and_the_next_one_inside_the_bounds_resolves_it(
    world: World, process: Process
):
    monitor = world.monitor(max_duration_seconds=60)
    slow = await runs(process, monitor, "long", 90)
    assert slow.incident is not None
    assert slow.incident.kind == "slow"
    assert world.one("SELECT reason FROM incidents") == "too_long"
    assert world.one("SELECT incident_id FROM signals WHERE type = 'success'") == slow.incident.id
    await runs(process, monitor, "failed", 30, good=False)
    assert stands(world, "slow")
    inside = await runs(process, monitor, "inside", 30)
    assert inside.incident is not None
    assert not stands(world, "slow")


async def test_what_was_said_to_be_slow_while_it_ran_is_not_said_again_at_its_close(world: World, process: Process):
    monitor = world.monitor(max_duration_seconds=60)
    now = world.clock.now()
    run = (await process.start(monitor, "long", occurred_at=now - timedelta(seconds=90))).run
    assert run is not None
    stand(world, monitor, "slow")
    world.rows("UPDATE runs SET slow_at = now() WHERE id = %s", run.id)
    await process.success(monitor, "long", occurred_at=now)
    assert world.one("SELECT occurrence_count FROM incidents WHERE kind = 'slow'") == 1
    assert stands(world, "slow")


async def test_too_short_a_success_opens_fast_and_a_failure_is_not_measured(world: World, process: Process):
    monitor = world.monitor(min_duration_seconds=60)
    await runs(process, monitor, "failed", 1, good=False)
    assert world.count("incidents", "kind = 'fast'") == 0
    await runs(process, monitor, "short", 1)
    assert stands(world, "fast")
    assert world.one("SELECT reason FROM incidents WHERE kind = 'fast'") == "too_short"
    await runs(process, monitor, "short too", 1)
    assert world.one("SELECT occurrence_count FROM incidents WHERE kind = 'fast'") == 2


async def test_a_run_that_is_told_in_one_message_has_no_length(world: World, process: Process):
    monitor = world.monitor(min_duration_seconds=60, max_duration_seconds=120)
    await process.finish(monitor, "nightly")
    assert world.count("incidents") == 0
    await runs(process, monitor, "short", 1)
    await process.finish(monitor, "says nothing of it")
    assert stands(world, "fast")


async def test_progress_frees_a_stuck_run_and_resolves_its_incident(world: World, process: Process):
    monitor = world.monitor()
    run = (await process.start(monitor, "r")).run
    assert run is not None
    call_stuck(world, run.id)
    stand(world, monitor, "stuck")
    alive = await process.progress(monitor, "r")
    assert not stands(world, "stuck")
    (row,) = world.rows("SELECT stuck_at, next_deadline_at FROM runs")
    assert row["stuck_at"] is None
    assert row["next_deadline_at"] == alive.received_at + timedelta(hours=1)


async def test_stuck_stands_while_another_run_of_the_monitor_is_stuck(world: World, process: Process):
    monitor = world.monitor()
    for name in ("a", "b"):
        run = (await process.start(monitor, name)).run
        assert run is not None
        call_stuck(world, run.id)
    stand(world, monitor, "stuck")
    await process.progress(monitor, "a")
    assert stands(world, "stuck")
    await process.fail(monitor, "b")
    assert not stands(world, "stuck")


@pytest.mark.parametrize("state", ["running", "expired"])
async def test_a_later_runs_success_does_the_work_of_a_stuck_one(world: World, process: Process, state):
    monitor = world.monitor()
    dead = (await process.start(monitor, "dead")).run
    assert dead is not None
    call_stuck(world, dead.id)
    if state == "expired":
        world.rows(
            "UPDATE runs SET state = 'expired', finished_at = now(), duration_ms = 0, next_deadline_at = NULL"
            " WHERE id = %s",
            dead.id,
        )
    stand(world, monitor, "stuck")
    await process.finish(monitor, "failed again", 1)
    assert stands(world, "stuck")
    healed = await process.finish(monitor, "second pod")
    assert healed.incident is not None
    assert not stands(world, "stuck")
    (row,) = world.rows("SELECT state, stuck_at FROM runs WHERE id = %s", dead.id)
    assert (row["state"], row["stuck_at"]) == (state, None)


async def test_an_earlier_runs_success_does_not_free_a_later_stuck_one(world: World, process: Process):
    monitor = world.monitor()
    await process.start(monitor, "earlier")
    later = (await process.start(monitor, "later")).run
    assert later is not None
    call_stuck(world, later.id)
    stand(world, monitor, "stuck")
    await process.success(monitor, "earlier")
    assert stands(world, "stuck")


async def test_a_close_that_is_too_old_to_be_judged_still_frees_its_own_run(world: World, process: Process):
    monitor = world.monitor()
    stuck = (await process.start(monitor, "stuck")).run
    assert stuck is not None
    await process.finish(monitor, "newer", 1)
    call_stuck(world, stuck.id)
    stand(world, monitor, "stuck")
    old = world.clock.now() - timedelta(minutes=5)
    accepted = await process.success(monitor, "stuck", occurred_at=old)
    assert "older than the last judged close" in accepted.notes[-1].note
    assert not stands(world, "stuck")
    assert (column(world, monitor, "failures_in_row"), column(world, monitor, "successes_in_row")) == (1, 0)


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({}, 3_600),
        ({"stuck_after_seconds": 120}, 120),
        ({"max_duration_seconds": 90}, 90),
        ({"max_duration_seconds": 14_400}, 14_400),
        ({"timeout_seconds": 600}, 600),
    ],
    ids=["an hour", "its own", "its bound", "a bound beyond an hour", "its end"],
)
async def test_an_open_run_is_looked_at_by_the_first_of_its_bounds(world: World, process: Process, settings, seconds):
    monitor = world.monitor(**settings)
    started = await process.start(monitor, "r")
    assert world.one("SELECT next_deadline_at FROM runs") == started.received_at + timedelta(seconds=seconds)


async def test_an_open_run_is_looked_at_no_later_than_its_monitors_own_deadline(world: World, process: Process):
    deadline = world.clock.now() + timedelta(minutes=7)
    monitor = world.monitor(next_deadline_at=deadline)
    await process.start(monitor, "r")
    assert world.one("SELECT next_deadline_at FROM runs") == deadline
