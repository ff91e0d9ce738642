"""What margins would have done over recorded signals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from luota_svc.model.schedules import Schedule
from luota_svc.rules.backtest import PAGES_MAX, back_test
from luota_svc.rules.schedule import next_expectation

START = datetime(2027, 1, 10, tzinfo=UTC)
END = START + timedelta(days=3)
DAILY = Schedule(cron="0 2 * * *")


def at(day, clock):
    hours, minutes = clock.split(":")
    return START + timedelta(days=day, hours=int(hours), minutes=int(minutes))


def test_early_in_time_and_late_are_told_apart():
    result = back_test(DAILY, [at(0, "01:57"), at(1, "02:04"), at(2, "02:25")], START, END)
    assert (result.expected, result.early, result.in_time, result.late, result.missed) == (3, 1, 1, 1, 0)
    assert [(page.at, page.expected_at, page.late) for page in result.pages] == [(at(2, "02:05"), at(2, "02:00"), True)]
    assert result.smallest_grace_seconds == 25 * 60


def test_the_smallest_grace_would_have_paged_nobody_and_a_second_less_would():
    signals = [at(0, "02:00"), at(1, "02:41"), at(2, "02:10")]
    enough = back_test(DAILY, signals, START, END).smallest_grace_seconds
    assert back_test(replace(DAILY, grace_seconds=enough), signals, START, END).page_count == 0
    assert back_test(replace(DAILY, grace_seconds=enough - 1), signals, START, END).page_count == 1


def test_days_missed_in_a_row_are_one_page_until_something_is_heard():
    week = START + timedelta(days=7)
    result = back_test(DAILY, [at(0, "02:00"), at(4, "02:00"), at(6, "02:00")], START, week)
    assert (result.missed, result.page_count) == (4, 2)
    assert [page.expected_at for page in result.pages] == [at(1, "02:00"), at(5, "02:00")]


def test_recovery_takes_as_many_signals_as_the_monitor_asks_for():
    week = START + timedelta(days=7)
    signals = [at(0, "02:00"), at(2, "02:00"), at(4, "02:00"), at(5, "02:00"), at(6, "03:00")]
    assert back_test(DAILY, signals, START, week, recovery_threshold=1).page_count == 3
    assert back_test(DAILY, signals, START, week, recovery_threshold=2).page_count == 2


def test_a_silence_that_lasts_has_no_grace_that_suffices():
    result = back_test(DAILY, [at(0, "02:00")], START, END)
    assert (result.expected, result.missed, result.page_count) == (3, 2, 1)
    assert result.smallest_grace_seconds is None


def test_what_is_still_within_its_grace_is_not_judged_yet():
    result = back_test(DAILY, [at(0, "02:00"), at(1, "02:00")], START, at(2, "02:03"))
    assert (result.expected, result.page_count, result.smallest_grace_seconds) == (2, 0, 3 * 60)


def test_an_interval_slides_and_adds_an_instant_for_each_deadline_that_passes():
    hourly = Schedule(interval_seconds=3600)
    signals = [at(0, "00:50"), at(0, "01:53"), at(0, "06:00")]
    result = back_test(hourly, signals, START, at(0, "06:30"))
    assert (result.expected, result.in_time, result.late, result.missed) == (6, 2, 1, 3)
    assert [page.expected_at for page in result.pages] == [at(0, "02:53")]
    assert result.smallest_grace_seconds == (3 * 60 + 7) * 60


def test_a_month_of_minutes_without_a_signal_is_one_page_and_a_bounded_answer():
    month = START + timedelta(days=30)
    assert back_test(Schedule(cron="* * * * *"), [], START, month).page_count == 1
    dense = [START + timedelta(minutes=10 * number) for number in range(4_320)]
    result = back_test(Schedule(cron="*/5 * * * *", grace_seconds=60), dense, START, month)
    assert result.page_count == 4_320
    assert len(result.pages) == PAGES_MAX


def test_without_a_schedule_nothing_is_expected():
    result = back_test(Schedule(), [at(0, "02:00")], START, END)
    assert (result.signals, result.expected, result.page_count, result.smallest_grace_seconds) == (1, 0, 0, 0)


schedules = st.builds(
    Schedule,
    cron=st.sampled_from(["0 * * * *", "*/7 * * * *", "0 2,3 * * *", "5,50 */2 * * *"]),
    timezone=st.just("Europe/Helsinki"),
    grace_seconds=st.sampled_from([0, 60, 300, 2_000, 10_000]),
    early_tolerance_seconds=st.sampled_from([None, 0, 120, 5_000]),
) | st.builds(Schedule, interval_seconds=st.sampled_from([600, 3_600]), grace_seconds=st.sampled_from([0, 300, 5_000]))
heard = st.lists(st.integers(1, 36 * 3_600), max_size=40).map(
    lambda seconds: sorted(START + timedelta(seconds=second) for second in seconds)
)


@settings(max_examples=60)  # the sweep is imitated signal by signal
@given(schedule=schedules, signals=heard)
def test_the_back_test_breaks_what_the_sweep_would_have_broken(schedule, signals):
    end = START + timedelta(hours=36)
    begin = START
    while (first := next_expectation(schedule, settled_until=begin, last_heard_at=None)).covered_from < START:
        begin = first.expected_at  # its window began before the span
    result = back_test(schedule, signals, START, end)
    assert result.late + result.missed == swept(schedule, signals, begin, end)
    assert result.expected == result.early + result.in_time + result.late + result.missed


@given(schedule=schedules, signals=heard)
def test_the_smallest_grace_is_enough_for_any_signals(schedule, signals):
    end = START + timedelta(hours=36)
    enough = back_test(schedule, signals, START, end).smallest_grace_seconds
    if enough is not None:
        assert back_test(replace(schedule, grace_seconds=enough), signals, START, end).page_count == 0


def swept(schedule, signals, settled, end):
    """Count deadlines that pass unheard, as the sweep does: one at a time, with what was heard by then."""
    broken = 0
    while True:
        found = next_expectation(schedule, settled_until=settled, last_heard_at=None)
        for signal in signals:
            if signal <= found.deadline_at:
                found = next_expectation(schedule, settled_until=settled, last_heard_at=signal)
        if found.deadline_at >= end:
            return broken
        broken += 1
        settled = found.expected_at
