"""Runs that nobody closes: each is stuck, slow or expired at its own deadline, and what a later one has done is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.builders import close, finish
from tests.usecases.sweeping import time

from luota_svc.model.signals import SignalType

__all__ = ["time"]

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "opens_after"),
    [(None, timedelta(hours=1)), ("0 0 * * *", timedelta(hours=1)), ("*/20 * * * *", timedelta(minutes=25))],
)
async def test_a_default_run_that_is_killed_is_stuck_after_the_smaller_of_an_hour_and_the_next_expected_instant(
    time, cron, opens_after
):
    monitor = time.monitor(kind="run", schedule_cron=cron)
    started = await time.process.start(monitor, "killed")
    await time.until(NOON + opens_after)
    assert not [incident for incident in time.incidents(monitor) if incident[0] == "stuck"]

    await time.passes(seconds=1)

    (stuck,) = [incident for incident in time.incidents(monitor) if incident[0] == "stuck"]
    assert stuck == ("stuck", "open", "no_sign_of_life", 1)
    (incident,) = time.world.rows("SELECT * FROM incidents WHERE kind = 'stuck'")
    assert incident["root_run_id"] == started.run.id
    assert time.run(started.run.id)["stuck_at"] == time.clock.now()


async def test_a_start_just_ahead_of_its_instant_is_not_stuck_at_that_instant(time):
    monitor = time.monitor(kind="run", schedule_cron="0 * * * *", grace_seconds=120)
    await time.until(NOON + timedelta(minutes=59))
    await time.process.start(monitor, "early")

    await time.until(NOON + timedelta(hours=1, minutes=59))

    assert time.incidents(monitor) == []
    await time.passes(seconds=1)
    assert time.incidents(monitor) == [("stuck", "open", "no_sign_of_life", 1)]


async def test_progress_puts_it_off_and_ends_it(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=600)
    await time.process.start(monitor, "r")
    await time.passes(minutes=9)
    await time.process.progress(monitor, "r")
    await time.passes(minutes=9)
    assert time.incidents(monitor) == []
    await time.passes(minutes=2)
    assert time.incidents(monitor) == [("stuck", "open", "no_sign_of_life", 1)]
    await time.process.progress(monitor, "r")
    assert time.incidents(monitor) == [("stuck", "resolved", "no_sign_of_life", 1)]


async def test_overlapping_runs_have_deadlines_of_their_own(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=600)
    await time.process.start(monitor, "a")
    await time.passes(minutes=5)
    await time.process.start(monitor, "b")
    await time.passes(minutes=3)
    await time.process.success(monitor, "b")
    await time.passes(minutes=2, seconds=1)
    assert time.incidents(monitor) == [("stuck", "open", "no_sign_of_life", 1)]

    await time.process.start(monitor, "c")
    await time.passes(minutes=10, seconds=1)

    assert time.incidents(monitor) == [("stuck", "open", "no_sign_of_life", 2)]
    await time.process.fail(monitor, "c")
    assert time.incidents(monitor)[0][1] == "open"
    await time.process.success(monitor, "a")
    assert time.incidents(monitor)[0][1] == "resolved"


async def test_slow_opens_while_the_run_is_still_going_and_its_close_does_not_say_it_again(time):
    monitor = time.monitor(kind="run", max_duration_seconds=600)
    await time.process.start(monitor, "r")
    await time.passes(minutes=10, seconds=1)
    assert time.incidents(monitor) == [("slow", "open", "too_long", 1)]

    await time.process.success(monitor, "r")

    assert time.incidents(monitor) == [("slow", "open", "too_long", 1)]
    await time.process.start(monitor, "next")
    await time.process.success(monitor, "next")
    assert time.incidents(monitor) == [("slow", "resolved", "too_long", 1)]


async def test_an_unclosed_run_expires_adds_to_stuck_counts_as_a_failure_and_is_closed_late(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=600, timeout_seconds=3600, failure_threshold=2)
    started = await time.process.start(monitor, "r")
    await time.passes(minutes=10, seconds=1)
    await time.passes(minutes=50)

    run = time.run(started.run.id)
    assert (run["state"], run["finished_at"], run["next_deadline_at"]) == ("expired", NOON + timedelta(hours=1), None)
    assert run["duration_ms"] == 3_600_000
    assert time.incidents(monitor) == [("stuck", "open", "no_sign_of_life", 2)]
    assert time.row(monitor)["failures_in_row"] == 1

    accepted = await time.process.fail(monitor, "r")

    assert any("late_close" in note.note for note in accepted.notes)
    kinds = {incident[0]: incident[1] for incident in time.incidents(monitor)}
    assert kinds == {"stuck": "resolved", "failed": "open"}


async def test_expiry_alone_opens_stuck_and_adds_to_a_failure_that_stands(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=3600, timeout_seconds=60)
    await time.process.finish(monitor, "bad", 1)
    await time.process.start(monitor, "r", timeout_seconds=3600)
    await time.process.progress(monitor, "r")
    await time.passes(hours=1, seconds=1)

    assert time.incidents(monitor) == [("failed", "open", "failures", 2), ("stuck", "open", "expired", 1)]


async def test_a_run_whose_work_a_later_one_has_done_expires_in_silence(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=600)
    started = await time.process.start(monitor, "killed")
    await time.passes(minutes=11)
    await time.process.finish(monitor, "again")
    assert time.incidents(monitor) == [("stuck", "resolved", "no_sign_of_life", 1)]

    await time.passes(hours=2)
    await time.passes(hours=23)

    assert time.run(started.run.id)["state"] == "expired"
    assert len(time.incidents(monitor)) == 1
    assert time.row(monitor)["failures_in_row"] == 0


async def test_a_run_whose_work_a_later_one_has_done_is_not_slow_either(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=600, max_duration_seconds=1800)
    await time.process.start(monitor, "killed")
    await time.passes(minutes=11)
    await time.process.finish(monitor, "again")

    await time.passes(hours=1)

    assert time.incidents(monitor) == [("stuck", "resolved", "no_sign_of_life", 1)]


async def test_a_sign_of_life_right_after_a_later_runs_success_lets_silence_be_judged_again(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=600)
    started = await time.process.start(monitor, "slow")
    await time.passes(minutes=11)
    # In one batch, as one transaction folds them.
    await time.process.send_many([finish(monitor, "again"), close(SignalType.PROGRESS, monitor, "slow")])
    assert time.run(started.run.id)["overtaken"] is False

    await time.passes(minutes=11)

    assert [state for _, state, _, _ in time.incidents(monitor)] == ["resolved", "open"]


async def test_where_nobody_closes_runs_the_newest_hundred_count_as_stuck(time):
    monitor = time.monitor(kind="run", timeout_seconds=600, stuck_after_seconds=600)
    for hour in range(2):
        for number in range(70):
            await time.process.start(monitor, f"{hour}-{number}")
            time.clock.advance(1)
        await time.passes(hours=1)

    assert time.incidents(monitor) == [("stuck", "open", "expired", 140)]
    assert time.row(monitor)["failures_in_row"] == 140
    assert time.world.count("runs", "stuck_at IS NOT NULL AND state = 'expired'") == 100
    assert time.world.count("runs", "stuck_at IS NOT NULL AND external_run_id LIKE '1-%%'") == 70

    await time.process.finish(monitor, "at last")
    assert time.incidents(monitor) == [("stuck", "resolved", "expired", 140)]
    assert time.world.count("runs", "stuck_at IS NOT NULL") == 0


async def test_what_was_ended_by_hand_is_not_opened_again_by_its_expiry(time):
    monitor = time.monitor(kind="run", stuck_after_seconds=600)
    await time.process.start(monitor, "killed")
    await time.passes(minutes=11)
    time.world.rows(
        "UPDATE incidents SET state = 'resolved', resolved_at = now(), resolution = 'by_hand', next_deadline_at = NULL"
    )
    await time.passes(hours=25)
    assert time.incidents(monitor) == [("stuck", "resolved", "no_sign_of_life", 1)]
