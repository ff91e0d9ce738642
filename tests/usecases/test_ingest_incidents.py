"""A failed run opens its incident and writes its duties in its own transaction; successes mend it; one stands."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.builders import World, close, finish, ingest_process, start

from luota_svc.model.runs import RunState
from luota_svc.model.signals import SignalType


@pytest.fixture
def monitor(world: World):
    return world.monitor("nightly")


def timeline(world: World) -> list[tuple]:
    rows = world.rows("SELECT number, event, occurrence_number FROM incident_events ORDER BY incident_id, number")
    return [tuple(row.values()) for row in rows]


def duties(world: World) -> list[tuple]:
    rows = world.rows(
        "SELECT d.reason, d.state, di.sequence, di.live FROM deliveries d"
        " JOIN delivery_incidents di ON di.delivery_id = d.id ORDER BY di.incident_id, di.route_id, di.sequence"
    )
    return [tuple(row.values()) for row in rows]


async def test_a_failure_opens_an_incident_that_a_success_resolves(world, process, monitor):
    failed = await process.finish(monitor, "a", 3, summary="boom")
    assert (failed.incident.kind, failed.incident.state) == ("failed", "open")
    (row,) = world.rows("SELECT * FROM incidents")
    assert (row["root_run_id"], row["occurrence_count"], row["severity"]) == (failed.run.id, 1, "error")
    assert row["request_id"] == world.one("SELECT request_id FROM signals")
    assert world.one("SELECT incident_id FROM signals") == world.one("SELECT incident_id FROM runs") == row["id"]
    healed = await process.finish(monitor, "b", 0)
    assert (healed.incident.id, healed.incident.state) == (failed.incident.id, "resolved")
    (row,) = world.rows("SELECT * FROM incidents")
    assert (row["state"], row["resolution"], row["resolved_at"]) == ("resolved", "recovered", healed.received_at)
    assert timeline(world) == [(1, "opened", 1), (2, "recovered", None), (3, "resolved", None)]
    assert (await process.finish(monitor, "c", 0)).incident is None


async def test_more_failures_add_to_the_incident_that_stands(world, process, monitor):
    answers = [await process.finish(monitor, f"r-{n}", 1) for n in range(3)]
    assert len({answer.incident.id for answer in answers}) == 1
    assert world.one("SELECT occurrence_count FROM incidents") == 3
    assert timeline(world) == [(1, "opened", 1), (2, "occurrence", 2), (3, "occurrence", 3)]


async def test_a_duplicate_close_leaves_no_second_occurrence_event_or_duty(world, process, monitor):
    world.route()
    first = await process.finish(monitor, "r", 1)
    for _ in range(3):
        again = await process.finish(monitor, "r", 1)
        assert (again.duplicate, again.incident) == (True, first.incident)
    assert timeline(world) == [(1, "opened", 1)]
    assert duties(world) == [("opened", "pending", 1, True)]


async def test_a_rerun_under_a_new_attempt_heals_the_incident_of_the_first(world, process, monitor):
    failed = await process.finish(monitor, "4711-1", 1)
    run = (await process.start(monitor, "4711-2")).run.id
    healed = await process.success(monitor, run)
    assert (healed.incident.id, healed.incident.state) == (failed.incident.id, "resolved")


async def test_a_new_break_is_a_new_incident_that_names_the_one_before(world, process, monitor):
    for n in range(3):
        await process.finish(monitor, f"bad-{n}", 1)
        await process.finish(monitor, f"good-{n}", 0)
    first, second, third = world.rows("SELECT id, previous_incident_id FROM incidents ORDER BY opened_at, id")
    assert first["previous_incident_id"] is None
    assert (second["previous_incident_id"], third["previous_incident_id"]) == (first["id"], second["id"])


async def test_a_batch_that_breaks_heals_and_breaks_again_leaves_what_single_calls_would(world, process, monitor):
    world.route()
    codes = [1, 0, 1, 1, 0, 0, 1]
    answers = await process.send_many([finish(monitor, f"r-{n}", code) for n, code in enumerate(codes)])
    states = [answer.incident.state if answer.incident else None for answer in answers]
    assert states == ["open", "resolved", "open", "open", "resolved", None, "open"]
    incidents = world.rows("SELECT id, state, occurrence_count, previous_incident_id FROM incidents ORDER BY id")
    by_id = {row["id"]: row for row in incidents}
    last = by_id[answers[6].incident.id]
    assert (last["state"], last["previous_incident_id"]) == ("open", answers[2].incident.id)
    assert by_id[answers[2].incident.id]["occurrence_count"] == 2
    assert world.count("incidents", "resolved_at IS NULL") == 1
    # Opened and resolved in one transaction: one word, that it is over.
    reasons = world.rows("SELECT reason, count(*) FROM deliveries GROUP BY 1 ORDER BY 1")
    assert [tuple(row.values()) for row in reasons] == [("opened", 1), ("resolved", 2)]


async def test_thresholds_count_in_a_row(world, process):
    monitor = world.monitor(failure_threshold=3, recovery_threshold=2)
    codes = [1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0]
    answers = [await process.finish(monitor, f"r-{n}", code) for n, code in enumerate(codes)]
    states = [answer.incident.state if answer.incident else None for answer in answers]
    assert states == [None, None, None, None, None, "open", None, "open", None, "resolved", None]
    assert world.one("SELECT occurrence_count FROM incidents") == 2
    (row,) = world.rows("SELECT failures_in_row, successes_in_row FROM monitors")
    assert tuple(row.values()) == (0, 3)


async def test_thresholds_count_in_commit_order_over_two_processes(world, two_processes):
    monitor = world.monitor(failure_threshold=7)
    answers = await asyncio.gather(*(two_processes[n % 2].finish(monitor, f"r-{n}", 1) for n in range(20)))
    assert sum(answer.incident is not None for answer in answers) == 14
    assert world.one("SELECT failures_in_row FROM monitors") == 20
    assert world.one("SELECT occurrence_count FROM incidents") == 14
    assert world.count("incident_events") == 14


async def test_a_close_older_than_the_last_judged_one_is_evidence_only(world, process, monitor):
    now = world.clock.now()
    await process.finish(monitor, "new", 0, occurred_at=now)
    late = await process.finish(monitor, "old", 1, occurred_at=now - timedelta(minutes=1))
    assert (late.run.state, late.incident) == (RunState.FAILED, None)
    assert "not judged" in late.notes[0].note
    (row,) = world.rows("SELECT failures_in_row, successes_in_row, last_judged_close_at FROM monitors")
    assert tuple(row.values()) == (0, 1, now)
    assert world.count("incidents") == 0
    # One that says nothing of its instant is judged.
    assert (await process.finish(monitor, "silent", 1)).incident


async def test_an_old_success_heals_nothing_and_is_not_the_last_good_signal(world, process, monitor):
    now = world.clock.now()
    await process.finish(monitor, "new", 1, occurred_at=now)
    assert (await process.finish(monitor, "old", 0, occurred_at=now - timedelta(minutes=1))).incident is None
    assert world.one("SELECT state FROM incidents") == "open"
    assert world.one("SELECT last_good_signal FROM monitors") is None


async def test_a_paused_monitor_records_and_judges_nothing(world, process):
    until = world.clock.now() + timedelta(hours=1)
    monitor = world.monitor(paused_until=until, failures_in_row=2, failure_threshold=3)
    failed = await process.finish(monitor, "r", 1)
    assert (failed.run.state, failed.incident) == (RunState.FAILED, None)
    assert "paused" in failed.notes[0].note
    assert world.one("SELECT failures_in_row FROM monitors") == 2
    assert world.count("signals") == 1


async def test_a_pause_that_ended_is_no_pause(world, process):
    monitor = world.monitor(paused_until=world.clock.now() - timedelta(seconds=1))
    assert (await process.finish(monitor, "r", 1)).incident


# --- duties --------------------------------------------------------------------------------------------------------


async def test_an_opening_writes_one_duty_for_each_matched_route(world, process, monitor):
    other, elsewhere = world.monitor(), world.workspace()
    told = world.route(), world.route(monitor_ids=[monitor], min_severity="error")
    later = world.route(after_seconds=600)
    world.route(enabled=False)
    world.route(monitor_ids=[other])
    world.route(min_severity="critical")
    world.route(deleted_at=world.clock.now())
    world.route(elsewhere)
    failed = await process.finish(monitor, "r", 1)
    rows = world.rows("SELECT * FROM deliveries")
    assert {row["route_id"] for row in rows} == {*told, later}
    for row in rows:
        assert (row["state"], row["severity_rank"]) == ("pending", 3)
        assert row["request_id"] == world.one("SELECT request_id FROM signals")
        assert row["traceparent"].startswith("00-0af7651916cd43dd")
        waits = 600 if row["route_id"] == later else 0
        assert row["next_attempt_at"] - row["created_at"] == timedelta(seconds=waits)
    links = world.rows("SELECT incident_id, sequence, live FROM delivery_incidents")
    assert {tuple(row.values()) for row in links} == {(failed.incident.id, 1, True)}


async def test_no_incident_without_its_duties_and_no_duty_without_its_incident(world, process, monitor):
    world.route()
    world.rows("ALTER TABLE delivery_incidents ADD CONSTRAINT never CHECK (sequence < 0)")
    with pytest.raises(Exception, match="never"):
        await process.finish(monitor, "r", 1)
    for table in ("runs", "run_keys", "signals", "incidents", "incident_events", "deliveries"):
        assert world.count(table) == 0, table
    assert world.one("SELECT failures_in_row FROM monitors") == 0


async def test_a_resolve_cancels_what_waits_and_says_the_first_word_itself(world, process, monitor):
    world.route()
    world.route(after_seconds=600)
    await process.finish(monitor, "bad", 1)
    await process.finish(monitor, "good", 0)
    assert sorted(duties(world)) == [
        ("escalation", "cancelled", 1, False),
        ("opened", "cancelled", 1, False),
        ("resolved", "pending", 2, True),
    ]
    assert world.count("deliveries", "state = 'cancelled' AND settled_at IS NULL") == 0


async def test_a_resolve_carries_the_request_that_caused_it(world, process, monitor):
    world.route()
    await process.finish(monitor, "bad", 1)
    await process.finish(monitor, "good", 0)
    healed_by = world.one(
        "SELECT s.request_id FROM signals s JOIN runs r ON r.id = s.run_id WHERE r.state = 'succeeded'"
    )
    (row,) = world.rows("SELECT request_id, traceparent FROM deliveries WHERE reason = 'resolved'")
    assert row["request_id"] == healed_by
    assert row["traceparent"] is not None


async def test_a_word_that_is_being_sent_is_superseded_and_one_that_arrived_is_followed(world, process, monitor):
    one, two = world.route(), world.route()
    await process.finish(monitor, "bad", 1)
    world.rows(
        "UPDATE deliveries SET state = 'sending', next_attempt_at = NULL, lease_until = now() WHERE route_id = %s", one
    )
    world.rows(
        "UPDATE deliveries SET state = 'delivered', next_attempt_at = NULL, settled_at = now() WHERE route_id = %s", two
    )
    world.rows("UPDATE delivery_incidents SET live = false WHERE route_id = %s", two)
    await process.finish(monitor, "good", 0)
    assert sorted(duties(world)) == [
        ("opened", "delivered", 1, False),
        ("opened", "sending", 1, False),
        ("resolved", "pending", 2, True),
        ("resolved", "pending", 2, True),
    ]


async def test_a_muted_monitor_is_judged_and_told_to_nobody(world, process):
    world.route()
    monitor = world.monitor(muted_until=world.clock.now() + timedelta(hours=1))
    assert (await process.finish(monitor, "bad", 1)).incident.state == "open"
    assert world.one("SELECT muted FROM incidents") is True
    await process.finish(monitor, "good", 0)
    assert duties(world) == []


async def test_a_resolve_under_a_mute_takes_back_what_waits_and_is_told_to_nobody(world, process, monitor):
    world.route()
    await process.finish(monitor, "bad", 1)
    world.rows("UPDATE monitors SET muted_until = now() + interval '1 hour'")
    await process.finish(monitor, "good", 0)
    assert duties(world) == [("opened", "cancelled", 1, False)]
    assert world.one("SELECT muted FROM incidents") is False


async def test_an_acknowledged_incident_still_stands_and_resolves(world, process, monitor):
    failed = await process.finish(monitor, "a", 1)
    world.rows("UPDATE incidents SET state = 'acknowledged', acknowledged_at = now(), version = version + 1")
    again = await process.finish(monitor, "b", 1)
    assert (again.incident.id, again.incident.state) == (failed.incident.id, "acknowledged")
    assert (await process.finish(monitor, "c", 0)).incident.state == "resolved"


async def test_an_incident_that_was_resolved_by_hand_opens_anew_at_the_next_failure(world, process, monitor):
    first = await process.finish(monitor, "a", 1)
    world.rows("UPDATE incidents SET state = 'resolved', resolution = 'by_hand', resolved_at = now(), version = 2")
    second = await process.finish(monitor, "b", 1)
    assert second.incident.id != first.incident.id
    assert world.count("incidents", "previous_incident_id = %s", first.incident.id) == 1


async def test_a_long_incident_keeps_its_first_and_last_hundred_occurrences_and_counts_all(world, process, monitor):
    for call in range(3):
        await process.send_many([finish(monitor, f"r-{call}-{n}", 1) for n in range(100)])
    assert world.one("SELECT occurrence_count FROM incidents") == 300
    kept = [row["occurrence_number"] for row in world.rows("SELECT * FROM incident_events ORDER BY number")]
    assert kept == [*range(1, 101), *range(201, 301)]


async def test_the_last_good_signal_is_the_last_success_and_survives_failures(world, process, monitor):
    good = await process.finish(monitor, "good", 0)
    bad = await process.finish(monitor, "bad", 1)
    (row,) = world.rows("SELECT last_signal, last_good_signal FROM monitors")
    assert row["last_good_signal"]["id"] == str(good.signal_id)
    assert (row["last_good_signal"]["runId"], row["last_good_signal"]["type"]) == (str(good.run.id), "finish")
    assert row["last_signal"]["id"] == str(bad.signal_id)


async def test_two_processes_that_fail_one_monitor_at_once_open_one_incident(world, two_processes):
    world.route()
    for round_ in range(10):
        monitor = world.monitor()
        answers = await asyncio.gather(*(two_processes[n % 2].finish(monitor, f"{round_}-{n}", 1) for n in range(6)))
        assert len({answer.incident.id for answer in answers}) == 1
    assert world.count("incidents") == world.count("deliveries") == 10


async def test_many_monitors_break_in_one_transaction_each_with_its_own_incident(world, process):
    monitors = [world.monitor() for _ in range(40)]
    world.route()
    answers = await process.send_many([finish(monitor, "r", 1) for monitor in monitors])
    assert len({answer.incident.id for answer in answers}) == 40
    assert world.count("deliveries") == world.count("delivery_incidents", "live") == 40


async def test_a_fail_that_was_answered_by_another_process_shows_the_runs_own_incident(world, process, monitor):
    failed = await process.send_many([start(monitor, "r"), close(SignalType.FAIL, monitor, "r")])
    async with ingest_process(world) as other:
        again = await other.fail(monitor, failed[0].run.id)
    assert (again.duplicate, again.incident) == (True, failed[1].incident)
