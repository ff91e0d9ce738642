"""Every kind of incident opens for each of its reasons, takes an occurrence, and recovers, as docs/states.md says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.stage import Stage
from tests.states import kinds

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY, GRACE, AGE, STUCK_AFTER, TIMEOUT, MOST, LEAST = 600, 60, 600, 300, 900, 120, 30  # seconds

SETTINGS: dict[str, dict[str, Any]] = {
    "failed": {},
    "missed": {"kind": "heartbeat", "interval_seconds": EVERY, "grace_seconds": GRACE},
    "late": {"interval_seconds": EVERY, "grace_seconds": GRACE},
    "slow": {"max_duration_seconds": MOST, "min_duration_seconds": LEAST},
    "fast": {"max_duration_seconds": MOST, "min_duration_seconds": LEAST},
    "stuck": {"stuck_after_seconds": STUCK_AFTER, "timeout_seconds": TIMEOUT},
    "stale": {"kind": "freshness", "max_age_seconds": AGE},
}


async def a_run(at: Stage, monitor: UUID, seconds: float) -> None:
    """Let a run succeed after so long."""
    name = at.name()
    await at.process.start(monitor, name)
    await at.pass_time(seconds)
    await at.process.success(monitor, name)


async def silence(at: Stage, monitor: UUID) -> None:
    """Let a run begin and say nothing."""
    await at.process.start(monitor, at.name())
    await at.pass_time(STUCK_AFTER + 1)


async def end_unseen(at: Stage, monitor: UUID) -> None:
    """Let a run end by its timeout that was never silent for too long."""
    name = at.name()
    await at.process.start(monitor, name)
    for _ in range(TIMEOUT // 200):
        await at.pass_time(200)
        await at.process.progress(monitor, name)
    await at.pass_time(TIMEOUT % 200 + 1)


async def heard_and_silent(at: Stage, monitor: UUID) -> None:
    await at.process.ping(monitor)
    await at.pass_time(EVERY + GRACE + 1)


async def begun_and_silent(at: Stage, monitor: UUID) -> None:
    await at.succeeds(monitor)
    await at.pass_time(EVERY + GRACE + 1)


async def changed_and_old(at: Stage, monitor: UUID) -> None:
    await at.process.ping(monitor)
    await at.pass_time(AGE + 1)


async def newer_but_old(at: Stage, monitor: UUID) -> None:
    """Tell of a change that is newer than all before, and is too old as soon as it is looked at."""
    await at.process.ping(monitor, occurred_at=at.after(-0.5 - AGE))
    await at.pass_time(2)


Act = Callable[[Stage, UUID], Awaitable[Any]]

OPENS: dict[tuple[str, str], Act] = {
    ("failed", "failures"): lambda at, monitor: at.fails(monitor),
    ("missed", "no_signal"): heard_and_silent,
    ("missed", "never_reported"): lambda at, _monitor: at.pass_time(EVERY + GRACE + 1),
    ("late", "no_signal"): begun_and_silent,
    ("late", "never_reported"): lambda at, _monitor: at.pass_time(EVERY + GRACE + 1),
    ("slow", "too_long"): lambda at, monitor: a_run(at, monitor, MOST + 1),
    ("fast", "too_short"): lambda at, monitor: a_run(at, monitor, LEAST - 1),
    ("stuck", "no_sign_of_life"): silence,
    ("stuck", "expired"): end_unseen,
    ("stale", "too_old"): changed_and_old,
    ("stale", "never_reported"): lambda at, _monitor: at.pass_time(AGE + 1),
}
AGAIN: dict[str, Act] = {
    "failed": lambda at, monitor: at.fails(monitor),
    "missed": lambda at, _monitor: at.pass_time(EVERY),
    "late": lambda at, _monitor: at.pass_time(EVERY),
    "slow": lambda at, monitor: a_run(at, monitor, MOST + 1),
    "fast": lambda at, monitor: a_run(at, monitor, LEAST - 1),
    "stuck": silence,
    "stale": newer_but_old,
}
RECOVERS: dict[str, Act] = {
    "failed": lambda at, monitor: at.succeeds(monitor),
    "missed": lambda at, monitor: at.process.ping(monitor),
    "late": lambda at, monitor: at.process.finish(monitor, at.name(), 1),
    "slow": lambda at, monitor: a_run(at, monitor, MOST),
    "fast": lambda at, monitor: a_run(at, monitor, LEAST),
    "stuck": lambda at, monitor: at.succeeds(monitor),
    "stale": lambda at, monitor: at.process.ping(monitor),
}
DRAWN = [(kind.name, reason) for kind in kinds() for reason in kind.reasons]


@pytest.mark.parametrize(("kind", "reason"), DRAWN)
async def test_every_kind_opens_for_its_reason_counts_and_recovers(at: Stage, kind: str, reason: str):
    monitor = await at.monitor(**SETTINGS[kind])
    await OPENS[kind, reason](at, monitor)
    (opened,) = at.incidents(monitor)
    assert (opened["kind"], opened["reason"], opened["occurrence_count"]) == (kind, reason, 1)
    await AGAIN[kind](at, monitor)
    (again,) = at.incidents(monitor)
    assert (again["id"], again["occurrence_count"]) == (opened["id"], 2)
    await RECOVERS[kind](at, monitor)
    (ended, *_) = at.incidents(monitor)
    assert (ended["id"], ended["resolution"]) == (opened["id"], "recovered")
    assert at.timeline(ended["id"]) == ["opened", "occurrence", "recovered", "resolved"]
    await at.pass_time(1)
    await OPENS[kind, next(other for name, other in DRAWN if name == kind)](at, monitor)
    assert at.standing(monitor)[kind]["previous_incident_id"] == opened["id"]


async def test_silence_is_judged_a_second_after_its_deadline_and_the_incident_says_what_was_expected(at: Stage):
    monitor = await at.monitor(**SETTINGS["missed"])
    heard = (await at.process.ping(monitor)).received_at
    await at.pass_time(EVERY + GRACE)
    assert not at.incidents(monitor)
    await at.pass_time(1)
    (row,) = at.incidents(monitor)
    assert row["opened_at"] == at.clock.now()
    assert row["expected_at"] == heard + timedelta(seconds=EVERY)
    assert row["deadline_at"] == heard + timedelta(seconds=EVERY + GRACE)


async def test_a_run_that_goes_on_too_long_is_slow_while_it_runs_and_said_once(at: Stage):
    monitor = await at.monitor(**SETTINGS["slow"])
    name = at.name()
    await at.process.start(monitor, name)
    await at.pass_time(MOST + 1)
    assert at.standing(monitor)["slow"]["reason"] == "too_long"
    await at.process.success(monitor, name)
    assert at.standing(monitor)["slow"]["occurrence_count"] == 1


@pytest.mark.parametrize("life", ["progress", "success", "fail", "a later success"])
async def test_stuck_ends_with_the_last_stuck_run(at: Stage, life: str):
    monitor = await at.monitor(**SETTINGS["stuck"])
    name = at.name()
    await at.process.start(monitor, name)
    await at.pass_time(STUCK_AFTER + 1)
    assert set(at.standing(monitor)) == {"stuck"}
    if life == "a later success":
        await at.succeeds(monitor)
    else:
        await getattr(at.process, life)(monitor, name)
    assert "stuck" not in at.standing(monitor)


async def test_an_earlier_runs_success_frees_no_later_run(at: Stage):
    monitor = await at.monitor(**SETTINGS["stuck"])
    early = at.name()
    await at.process.start(monitor, early)
    at.clock.advance(1)
    await silence(at, monitor)
    await at.process.success(monitor, early)
    assert at.standing(monitor)["stuck"]["occurrence_count"] == 2


async def test_what_a_later_run_made_good_is_said_no_more_when_it_expires(at: Stage):
    monitor = await at.monitor(**SETTINGS["stuck"])
    await silence(at, monitor)
    await at.succeeds(monitor)
    await at.pass_time(TIMEOUT)
    assert [row["state"] for row in at.runs(monitor)] == ["expired", "succeeded"]
    assert not at.standing(monitor)
    assert at.counters(monitor) == (0, 1)


@pytest.mark.parametrize(("threshold", "failures"), [(2, [1, 2]), (3, [1, 2, 3])])
async def test_an_expired_run_counts_as_a_failure_and_opens_no_failed(at: Stage, threshold: int, failures: list[int]):
    monitor = await at.monitor(failure_threshold=threshold, **SETTINGS["stuck"])
    await end_unseen(at, monitor)
    assert (set(at.standing(monitor)), at.counters(monitor)) == ({"stuck"}, (1, 0))
    for _ in failures[1:]:
        assert "failed" not in at.standing(monitor)
        await at.fails(monitor)
    assert at.standing(monitor)["failed"]["occurrence_count"] == 1


async def test_an_expired_run_is_an_occurrence_of_failed_where_that_stands(at: Stage):
    monitor = await at.monitor(**SETTINGS["stuck"])
    await at.fails(monitor)
    await end_unseen(at, monitor)
    assert {kind: row["occurrence_count"] for kind, row in at.standing(monitor).items()} == {"failed": 2, "stuck": 1}


@pytest.mark.parametrize("kind", ["missed", "late", "stuck", "stale", "failed"])
async def test_what_was_ended_by_hand_opens_again_for_something_new_only(at: Stage, kind: str):
    monitor = await at.monitor(**SETTINGS[kind])
    reason = next(reason for name, reason in DRAWN if name == kind)
    await OPENS[kind, reason](at, monitor)
    (first,) = at.incidents(monitor)
    await at.resolve(first["id"])
    await at.look()
    await at.pass_time(GRACE)
    assert not at.standing(monitor)
    await AGAIN[kind](at, monitor)
    assert at.standing(monitor)[kind]["previous_incident_id"] == first["id"]


async def test_a_change_that_is_old_when_it_is_told_is_stale_by_its_own_age(at: Stage):
    monitor = await at.monitor(**SETTINGS["stale"])
    await at.process.ping(monitor, occurred_at=at.after(-AGE / 2))
    await at.pass_time(AGE / 2)
    assert not at.incidents(monitor)
    await at.pass_time(1)
    assert at.standing(monitor)["stale"]["reason"] == "too_old"


async def test_a_change_that_was_too_old_from_the_outset_is_stale_at_once_and_once(at: Stage):
    monitor = await at.monitor(**SETTINGS["stale"])
    changed_at = at.after(-172_800)
    await at.pass_time(5)
    for _ in range(3):
        await at.process.ping(monitor, occurred_at=changed_at)
        await at.pass_time(2)
    (stale,) = at.incidents(monitor)
    assert (stale["reason"], stale["occurrence_count"]) == ("too_old", 1)
    await at.resolve(stale["id"])
    await at.process.ping(monitor, occurred_at=changed_at)
    await at.pass_time(2 * AGE)
    assert not at.standing(monitor)


async def test_a_pause_judges_nothing_and_silence_counts_from_its_end(at: Stage):
    monitor = await at.monitor(**SETTINGS["missed"])
    await at.process.ping(monitor)
    await at.pause(monitor, 3 * EVERY)
    await at.pass_time(3 * EVERY + EVERY + GRACE)
    assert not at.incidents(monitor)
    await at.pass_time(1)
    assert at.standing(monitor)["missed"]["occurrence_count"] == 1


async def test_a_run_that_expires_in_a_pause_opens_nothing(at: Stage):
    monitor = await at.monitor(**SETTINGS["stuck"])
    await at.process.start(monitor, at.name())
    await at.pause(monitor, 2 * TIMEOUT)
    await at.pass_time(2 * TIMEOUT + 2)
    assert [row["state"] for row in at.runs(monitor)] == ["expired"]
    assert (at.incidents(monitor), at.counters(monitor)) == ([], (0, 0))


async def test_a_pause_that_is_shortened_lets_silence_count_from_its_new_end(at: Stage):
    monitor = await at.monitor(stuck_after_seconds=STUCK_AFTER)
    await at.process.start(monitor, at.name())
    await at.pause(monitor, 10 * STUCK_AFTER)
    await at.pass_time(STUCK_AFTER + 1)
    await at.pause(monitor, 60)
    await at.pass_time(60 + STUCK_AFTER)
    assert not at.incidents(monitor)
    await at.pass_time(1)
    assert set(at.standing(monitor)) == {"stuck"}


async def test_a_pause_after_our_own_outage_ends_no_run_whose_close_may_have_been_lost(at: Stage):
    monitor = await at.monitor(**SETTINGS["stuck"])
    await at.process.start(monitor, at.name())
    await at.be_away(TIMEOUT + 100)
    await at.pause(monitor, STUCK_AFTER)
    await at.pass_time(STUCK_AFTER + STUCK_AFTER)
    assert [row["state"] for row in at.runs(monitor)] == ["running"]
    await at.pass_time(1)
    assert [row["state"] for row in at.runs(monitor)] == ["expired"]
    assert set(at.standing(monitor)) == {"stuck"}
