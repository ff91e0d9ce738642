"""What a look at silence finds, case by case; noon is 2026-05-25T12:00Z, times are minutes from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.monitors import MonitorKind
from luota_svc.model.packets import Gap
from luota_svc.model.schedules import Schedule
from luota_svc.model.silence import Watch
from luota_svc.rules.silence import INSTANTS_MAX, look_at_silence, next_silence_deadline, postponed

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)
HOURLY = Schedule(cron="0 * * * *", grace_seconds=300)
SLIDING = Schedule(interval_seconds=600, grace_seconds=60)


def at(minutes: float | None) -> datetime | None:
    return None if minutes is None else NOON + timedelta(minutes=minutes)


def watch(kind: str = "heartbeat", schedule: Schedule = HOURLY, **times: float | None) -> Watch:
    return Watch(
        kind=MonitorKind(kind),
        schedule=schedule if kind != "freshness" else Schedule(),
        max_age_seconds=1800 if kind == "freshness" else None,
        judged_from=at(times.get("made", 0)),
        settled_until=at(times.get("settled", times.get("made", 0))),
        last_heard_at=at(times.get("heard")),
        last_fresh_at=at(times.get("fresh")),
        paused_until=at(times.get("paused")),
    )


def gap(start: float, end: float) -> Gap:
    return Gap(at(start), at(end))


# what is watched, gaps, upto -> breaches (kind, reason, expected, deadline), unobserved, settled until, next look
CASES = {
    "nothing is due yet": (watch(heard=0), [], 65 - 1 / 60, [], [], 0, 65),
    "missed at the deadline itself": (watch(heard=0), [], 65, [("missed", "no_signal", 60, 65)], [], 60, 125),
    "late is what missed is of a run monitor": (
        watch("run", heard=0),
        [],
        65,
        [("late", "no_signal", 60, 65)],
        [],
        60,
        125,
    ),
    "never heard": (watch(), [], 65, [("missed", "never_reported", 60, 65)], [], 60, 125),
    "an early signal counts for the instant": (watch(heard=56), [], 65, [], [], 0, 125),
    "one that came too early does not": (watch(heard=54), [], 65, [("missed", "no_signal", 60, 65)], [], 60, 125),
    "one that came within the grace counts": (watch(heard=64), [], 65, [], [], 0, 125),
    "several that passed unseen are told one by one": (
        watch(heard=0),
        [],
        190,
        [("missed", "no_signal", 60, 65), ("missed", "no_signal", 120, 125), ("missed", "no_signal", 180, 185)],
        [],
        180,
        245,
    ),
    "a judged instant is not judged again": (watch(heard=0, settled=60), [], 70, [], [], 60, 125),
    "on demand nothing is due": (watch(schedule=Schedule()), [], 99_999, [], [], 0, None),
    "a cron window that touches a gap is unobserved": (watch(heard=0), [gap(64, 80)], 90, [], [60], 60, 125),
    "also where the gap ended within its early tolerance": (watch(heard=0), [gap(40, 56)], 66, [], [60], 60, 125),
    "a gap that ended before the window is none of it": (
        watch(heard=0),
        [gap(40, 55)],
        65,
        [("missed", "no_signal", 60, 65)],
        [],
        60,
        125,
    ),
    "a gap after the deadline neither": (
        watch(heard=0),
        [gap(65, 80)],
        90,
        [("missed", "no_signal", 60, 65)],
        [],
        60,
        125,
    ),
    "of several instants only those in the gap": (
        watch(heard=0),
        [gap(100, 130)],
        190,
        [("missed", "no_signal", 60, 65), ("missed", "no_signal", 180, 185)],
        [120],
        180,
        245,
    ),
    "an interval slides from the last signal": (watch(schedule=SLIDING, heard=7), [], 17, [], [], 0, 18),
    "and is missed": (watch(schedule=SLIDING, heard=7), [], 18, [("missed", "no_signal", 17, 18)], [], 17, 28),
    "a gap gives it its whole time anew": (watch(schedule=SLIDING, heard=7), [gap(10, 20)], 30, [], [], 0, 31),
    "and then it is missed": (
        watch(schedule=SLIDING, heard=7),
        [gap(10, 20)],
        31,
        [("missed", "no_signal", 30, 31)],
        [],
        30,
        41,
    ),
    "a second gap in the time that was added": (
        watch(schedule=SLIDING, heard=7),
        [gap(25, 26), gap(10, 20)],
        36,
        [],
        [],
        0,
        37,
    ),
    "a gap before the last signal is none of it": (
        watch(schedule=SLIDING, heard=21),
        [gap(10, 20)],
        32,
        [("missed", "no_signal", 31, 32)],
        [],
        31,
        42,
    ),
    "stale by the newest change": (
        watch("freshness", heard=10, fresh=5),
        [],
        35,
        [("stale", "too_old", None, 35)],
        [],
        35,
        None,
    ),
    "stale is said once": (watch("freshness", heard=10, fresh=5, settled=35), [], 900, [], [], 35, None),
    "until something newer comes": (watch("freshness", heard=40, fresh=6, settled=35), [], 35.5, [], [], 35, 36),
    "what was too old before anybody judged is said too": (
        watch("freshness", made=100, settled=100, heard=110, fresh=5),
        [],
        111,
        [("stale", "too_old", None, 100 + 1e-6 / 60)],
        [],
        100 + 1e-6 / 60,
        None,
    ),
    "nothing ever changed": (watch("freshness"), [], 30, [("stale", "never_reported", None, 30)], [], 30, None),
    "a gap gives freshness its whole time anew": (
        watch("freshness", heard=10, fresh=5),
        [gap(30, 40)],
        69,
        [],
        [],
        0,
        70,
    ),
    "what was said before the monitor was re-scheduled is as old as that": (
        watch("freshness", made=20, heard=10, fresh=5),
        [],
        49,
        [],
        [],
        20,
        50,
    ),
    "a pause that lies ahead is what is looked at": (watch(heard=0, paused=200), [], 190, [], [], 0, 200),
    "its end settles what was expected before": (watch(heard=0, paused=130), [], 150, [], [], 130, 185),
    "and an interval begins there": (
        watch(schedule=SLIDING, heard=0, paused=130),
        [],
        141,
        [("missed", "no_signal", 140, 141)],
        [],
        140,
        151,
    ),
    "and so does freshness": (
        watch("freshness", heard=0, fresh=0, paused=130),
        [],
        160,
        [("stale", "too_old", None, 160)],
        [],
        160,
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_look_finds(case):
    watched, gaps, upto, breaches, unobserved, settled, next_look = CASES[case]

    look = look_at_silence(watched, gaps, at(upto))

    assert [(b.kind.value, b.reason.value, b.expected_at, b.deadline_at) for b in look.breaches] == [
        (kind, reason, at(expected), at(deadline)) for kind, reason, expected, deadline in breaches
    ]
    assert [instant.expected_at for instant in look.unobserved] == [at(minutes) for minutes in unobserved]
    assert look.settled_until == at(settled)
    assert look.next_look_at == at(next_look)
    assert look.pause_ended == (watched.paused_until is not None and watched.paused_until <= at(upto))


def test_after_a_long_absence_a_hundred_instants_are_told_and_the_others_settled():
    minutely = watch(schedule=Schedule(cron="* * * * *", grace_seconds=60))

    look = look_at_silence(minutely, [], at(10_000))

    assert len(look.breaches) == INSTANTS_MAX
    assert look.settled_until == at(9_999)
    assert look.next_look_at == at(10_001)


def test_what_is_shown_as_the_next_deadline_is_what_the_sweep_will_find():
    assert next_silence_deadline(watch(heard=0), []) == at(65)
    assert next_silence_deadline(watch(heard=0, paused=130), []) == at(185)
    assert next_silence_deadline(watch(schedule=SLIDING, heard=7), [gap(10, 20)]) == at(31)
    assert next_silence_deadline(watch(schedule=Schedule()), []) is None


def test_a_gap_puts_a_silence_off_by_the_whole_span_from_its_end():
    assert postponed(at(0), at(10), []) == at(10)
    assert postponed(at(0), at(10), [gap(9, 12)]) == at(22)
    assert postponed(at(0), at(10), [gap(-5, 1)]) == at(11)
    assert postponed(at(0), at(10), [gap(-5, 0), gap(10, 12)]) == at(10)


def test_gaps_soon_after_one_another_are_one_outage_and_a_restart_a_day_does_not_put_off_for_ever():
    assert postponed(at(0), at(10), [gap(9, 12), gap(20, 30), gap(39, 40)]) == at(50)
    day, week = 24 * 60, 7 * 24 * 60
    restarts = [gap(number * day, number * day + 1) for number in range(30)]
    assert postponed(at(5), at(5 + week), restarts) == at(week + 1 + week)


minutes = st.integers(-300, 900)
schedules = st.one_of(
    st.sampled_from(["0 * * * *", "*/7 * * * *", "30 3 * * *", "15 2 * * 1"]).map(
        lambda line: Schedule(cron=line, timezone="Europe/Helsinki", grace_seconds=120)
    ),
    st.integers(60, 7200).map(lambda seconds: Schedule(interval_seconds=seconds, grace_seconds=90)),
)


@given(
    schedule=schedules,
    heard=st.none() | minutes,
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=6),
    gaps=st.lists(st.tuples(minutes, st.integers(1, 60)).map(lambda span: gap(span[0], sum(span))), max_size=3),
)
def test_looking_often_or_once_tells_the_same(schedule, heard, steps, gaps):
    """Whoever looks, and however late: the same instants are told, each once, and the next look lies ahead."""
    begin = watch(schedule=schedule, heard=heard)
    often, told = begin, []
    upto = NOON
    for step in steps:
        upto += timedelta(minutes=step)
        look = look_at_silence(often, gaps, upto)
        told += look.breaches
        assert look.next_look_at is None or look.next_look_at > upto
        assert look.settled_until >= often.settled_until
        often = replace(often, settled_until=look.settled_until, judged_from=look.judged_from)
    once = look_at_silence(begin, gaps, upto)
    if len(once.breaches) + len(once.unobserved) < INSTANTS_MAX:
        assert list(once.breaches) == told
        assert once.next_look_at == look.next_look_at
    deadlines = [breach.deadline_at for breach in told]
    assert deadlines == sorted(set(deadlines))
    assert all(breach.deadline_at <= upto for breach in told)
    assert {breach.kind for breach in told} <= {IncidentKind.MISSED}
    assert {breach.reason for breach in told} <= {IncidentReason.NO_SIGNAL, IncidentReason.NEVER_REPORTED}
