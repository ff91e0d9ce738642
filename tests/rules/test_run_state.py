"""What a run signal does to a run: every state against every signal, and the clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.runs import RunState
from luota_svc.rules.run_state import (
    CLOCK_AHEAD_MAX,
    CloseDecision,
    ProgressDecision,
    StartDecision,
    clamp_occurred_at,
    decide_close,
    decide_progress,
    decide_start,
    duration_ms,
    run_timeout_seconds,
)

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)
RUNNING, SUCCEEDED, FAILED, EXPIRED = RunState.RUNNING, RunState.SUCCEEDED, RunState.FAILED, RunState.EXPIRED
DAY = 24 * 3600

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@pytest.mark.parametrize(
    ("state", "start_seen", "decision"),
    [
        (None, True, StartDecision.OPEN),
        *((state, True, StartDecision.REPEAT) for state in RunState),
        *((state, False, StartDecision.LATE_EVIDENCE) for state in RunState),
    ],
)
def test_a_start_opens_once_and_after_a_close_is_kept_once(state, start_seen, decision):
    assert decide_start(state, start_seen=start_seen) is decision


@pytest.mark.parametrize(
    ("state", "wanted", "decision"),
    [
        (RUNNING, SUCCEEDED, CloseDecision.CLOSE),
        (RUNNING, FAILED, CloseDecision.CLOSE),
        (SUCCEEDED, SUCCEEDED, CloseDecision.REPEAT),
        (FAILED, FAILED, CloseDecision.REPEAT),
        (SUCCEEDED, FAILED, CloseDecision.CONFLICT),
        (FAILED, SUCCEEDED, CloseDecision.CONFLICT),
        (EXPIRED, SUCCEEDED, CloseDecision.LATE_CLOSE),
        (EXPIRED, FAILED, CloseDecision.LATE_CLOSE),
    ],
)
def test_success_and_failure_are_terminal_and_an_expired_run_moves_once(state, wanted, decision):
    assert decide_close(state, wanted) is decision


@pytest.mark.parametrize("state", RunState)
def test_progress_is_a_sign_of_life_of_a_running_run_only(state):
    expected = ProgressDecision.SIGN_OF_LIFE if state is RUNNING else ProgressDecision.AFTER_CLOSE
    assert decide_progress(state) is expected


@pytest.mark.parametrize(
    ("ahead", "believed", "clamped"),
    [
        (None, None, False),
        (timedelta(days=-9000), timedelta(days=-9000), False),
        (timedelta(0), timedelta(0), False),
        (CLOCK_AHEAD_MAX, CLOCK_AHEAD_MAX, False),
        (CLOCK_AHEAD_MAX + timedelta(microseconds=1), timedelta(0), True),
        (timedelta(days=365), timedelta(0), True),
    ],
)
def test_a_clock_more_than_five_minutes_ahead_is_not_believed(ahead, believed, clamped):
    said = None if ahead is None else NOON + ahead
    assert clamp_occurred_at(said, NOON) == (None if believed is None else NOON + believed, clamped)


@given(instants, st.one_of(st.none(), instants), st.booleans(), instants, instants)
def test_a_duration_is_never_negative_and_never_mixes_two_clocks(started, closed, occurred, received, close_received):
    span = duration_ms(
        started_at=started,
        start_occurred=occurred,
        start_received_at=received,
        close_occurred_at=closed,
        close_received_at=close_received,
    )
    true_span = closed - started if occurred and closed is not None else close_received - received
    assert span == max(0, true_span // timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("requested", "timeout", "max_duration", "stuck_after", "seconds"),
    [
        (None, None, None, None, DAY),
        (None, 60, None, None, 60),
        (10, 60, None, None, 10),
        (10, 60, 600, None, 1200),
        (10, 60, None, 900, 900),
        (9_999, 60, 600, 900, 9_999),
        (None, None, DAY, None, 2 * DAY),
    ],
)
def test_a_run_expires_no_sooner_than_it_can_be_slow_or_stuck(requested, timeout, max_duration, stuck_after, seconds):
    assert run_timeout_seconds(requested, timeout, max_duration, stuck_after) == seconds
