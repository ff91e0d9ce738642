"""What a look at a running run finds, case by case; it started at noon, times are minutes from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.monitors import MonitorKind
from luota_svc.model.packets import Gap
from luota_svc.model.schedules import Schedule
from luota_svc.model.silence import RunWatch, Watch
from luota_svc.rules.run_deadlines import first_look_at, look_at_run
from luota_svc.rules.silence import next_silence_deadline

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)
DAY = 24 * 60
NEVER = Schedule()
EVERY_20 = Schedule(cron="*/20 * * * *", grace_seconds=300)


def at(minutes: float | None) -> datetime | None:
    return None if minutes is None else NOON + timedelta(minutes=minutes)


def run(sign: float = 0, timeout: float = DAY, **rest) -> RunWatch:
    known = {
        "stuck_after_seconds": None,
        "max_duration_seconds": None,
        "stuck": False,
        "slow": False,
        "overtaken": False,
    }
    return RunWatch(received_at=NOON, last_sign_at=at(sign), timeout_at=at(timeout), **{**known, **rest})


def of(schedule: Schedule = NEVER, made: float = -600, paused: float | None = None) -> Watch:
    return Watch(MonitorKind.RUN, schedule, None, at(made), at(made), NOON, None, at(paused))


def gap(start: float, end: float) -> Gap:
    return Gap(at(start), at(end))


# run, monitor, gaps, upto -> what was found (stuck, slow, expired at; unjudged), next look
CASES = {
    "an hour of silence": (run(), of(), [], 60, {"stuck": 60}, DAY),
    "not yet": (run(), of(), [], 59, {}, 60),
    "a sign of life puts it off": (run(sign=30), of(), [], 60, {}, 90),
    "the next expected instant and its grace come sooner": (run(), of(EVERY_20), [], 25, {"stuck": 25}, DAY),
    "an hour comes sooner": (run(), of(Schedule(cron="0 0 * * *")), [], 60, {"stuck": 60}, DAY),
    "its own instant is not the next one": (
        run(sign=59),
        of(Schedule(cron="0 * * * *", grace_seconds=120)),
        [],
        118,
        {},
        119,
    ),
    "an interval's next instant": (
        run(),
        of(Schedule(interval_seconds=600, grace_seconds=60)),
        [],
        11,
        {"stuck": 11},
        DAY,
    ),
    "a long run that its monitor allows": (run(max_duration_seconds=7200), of(), [], 119, {}, 120),
    "stuck-after stands for itself": (run(stuck_after_seconds=1800), of(EVERY_20), [], 30, {"stuck": 30}, DAY),
    "stuck is said once": (run(stuck=True), of(), [], 61, {}, DAY),
    "slow while it still goes": (
        run(sign=9, max_duration_seconds=600),
        of(),
        [],
        10,
        {"slow": 10},
        69,
    ),
    "slow is said once": (run(sign=9, max_duration_seconds=600, slow=True), of(), [], 11, {}, 69),
    "slow and stuck in one look": (
        run(max_duration_seconds=600, stuck_after_seconds=600),
        of(),
        [],
        10,
        {"slow": 10, "stuck": 10},
        DAY,
    ),
    "expired": (run(stuck=True), of(), [], DAY, {"expired": DAY}, None),
    "expired says it all": (run(max_duration_seconds=600), of(), [], DAY, {"expired": DAY}, None),
    "the next look is never past its end": (run(timeout=50), of(), [], 40, {}, 50),
    "a gap gives silence its whole time anew": (run(), of(), [gap(30, 40)], 99, {}, 100),
    "a gap before its sign of life does not": (run(sign=45), of(), [gap(30, 40)], 105, {"stuck": 105}, DAY),
    "a gap gives a slow one its time": (
        run(max_duration_seconds=600, stuck=True),
        of(),
        [gap(5, 8)],
        17,
        {},
        18,
    ),
    "one that ends in a gap may be heard of first": (
        run(sign=DAY - 30),
        of(),
        [gap(DAY - 5, DAY + 5)],
        DAY + 64,
        {},
        DAY + 65,
    ),
    "and then it ends": (run(sign=DAY - 30), of(), [gap(DAY - 5, DAY + 5)], DAY + 65, {"expired": DAY}, None),
    "a gap of yesterday does not keep it": (run(stuck=True), of(), [gap(100, 110)], DAY, {"expired": DAY}, None),
    "paused: put off to the pause's end and stuck-after": (run(), of(paused=300), [], 200, {}, 360),
    "paused: slow waits for the end": (run(stuck=True, max_duration_seconds=600), of(paused=300), [], 200, {}, 300),
    "after the pause its silence counts from the end": (run(), of(paused=300), [], 360, {"stuck": 360}, DAY),
    "and so it does once the pause is forgotten": (run(), of(made=300), [], 360, {"stuck": 360}, DAY),
    "paused: it ends, and nobody is told": (
        run(timeout=100),
        of(paused=300),
        [],
        100,
        {"expired": 100, "unjudged": True},
        None,
    ),
    "overtaken: its silence means nothing": (run(overtaken=True), of(), [], 700, {}, DAY),
    "overtaken: its length means nothing": (
        run(overtaken=True, stuck_after_seconds=300, max_duration_seconds=600),
        of(),
        [],
        11,
        {},
        DAY,
    ),
    "overtaken: it ends, and nobody is told": (
        run(overtaken=True),
        of(),
        [],
        DAY,
        {"expired": DAY, "unjudged": True},
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_look_finds(case):
    watched, monitor, gaps, upto, found, next_look = CASES[case]

    look = look_at_run(watched, monitor, gaps, at(upto))

    seen = {
        name: breach.deadline_at
        for name, breach in (("stuck", look.stuck), ("slow", look.slow), ("expired", look.expired))
        if breach is not None
    }
    assert seen == {name: at(minutes) for name, minutes in found.items() if name != "unjudged"}
    assert look.judged == ("unjudged" not in found)
    assert look.next_look_at == at(next_look)


@given(
    schedule=st.sampled_from([NEVER, EVERY_20, Schedule(interval_seconds=900, grace_seconds=60)]),
    stuck_after=st.none() | st.integers(1, 7200),
    max_duration=st.none() | st.integers(1, 7200),
    sign=st.integers(0, 120),
)
def test_the_look_that_a_signal_asks_for_is_never_later_than_the_true_one(schedule, stuck_after, max_duration, sign):
    """The fold computes no schedule; what it writes may be early, and must never be late."""
    watched = run(sign=sign, stuck_after_seconds=stuck_after, max_duration_seconds=max_duration)
    monitor = of(schedule, made=0)
    guessed = first_look_at(
        sign_at=at(sign),
        received_at=NOON,
        timeout_at=at(DAY),
        stuck_after=stuck_after,
        max_duration=max_duration,
        monitor_deadline_at=next_silence_deadline(monitor, []),
    )

    before = look_at_run(watched, monitor, [], guessed - timedelta(microseconds=1))

    slow_before = before.slow is not None and max_duration is not None and max_duration < sign * 60
    assert before.stuck is None
    assert before.expired is None
    assert before.slow is None or slow_before
