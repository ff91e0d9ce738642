"""When a destination is left alone, and for how long."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.model.destinations import Breaker
from luota_svc.rules.breaker import CLOSED, after

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
FAILURES = [
    OutcomeKind.THROTTLED,
    OutcomeKind.OVERLOADED,
    OutcomeKind.FAILED,
    OutcomeKind.TIMED_OUT,
    OutcomeKind.UNREACHABLE,
]
SAY_NOTHING = [
    Outcome(OutcomeKind.BLOCKED),
    Outcome(OutcomeKind.LOST),
    Outcome(OutcomeKind.THROTTLED, retry_after_seconds=21),
]
ANSWERS = [Outcome(OutcomeKind.REFUSED, http_status=404), Outcome(OutcomeKind.REJECTED, http_status=410)]
DELIVERED = Outcome(OutcomeKind.DELIVERED)


def opened(failures=5, seconds=30, *, until=NOW) -> Breaker:
    return Breaker(failures, until, seconds)


COUNTING = [CLOSED, Breaker(1), Breaker(4)]
OPEN = [opened(until=NOW + timedelta(seconds=1)), opened(7, 900, until=NOW + timedelta(minutes=10))]
HALF_OPEN = [opened(), opened(9, 480, until=NOW - timedelta(hours=1))]


@pytest.mark.parametrize("kind", FAILURES)
def test_five_failures_in_a_row_open_it_for_half_a_minute(kind):
    breaker = CLOSED
    for failures in range(1, 5):
        found = after(Outcome(kind), breaker, NOW)
        assert found == Breaker(failures)
        breaker = found

    assert after(Outcome(kind), breaker, NOW) == Breaker(5, NOW + timedelta(seconds=30), 30)


def test_each_probe_that_fails_doubles_it_up_to_a_quarter_of_an_hour():
    breaker, spans = opened(), []
    for _ in range(7):
        breaker = after(Outcome(OutcomeKind.TIMED_OUT), breaker, breaker.open_until)
        spans.append(breaker.open_seconds)

    assert spans == [60, 120, 240, 480, 900, 900, 900]
    assert breaker.failures_in_row == 12


@pytest.mark.parametrize(("outcome", "breaker"), list(product(SAY_NOTHING, [*COUNTING, *OPEN, *HALF_OPEN])))
def test_what_says_nothing_about_the_destination_writes_nothing(outcome, breaker):
    assert after(outcome, breaker, NOW) is None


@pytest.mark.parametrize(("outcome", "breaker"), list(product(ANSWERS, [*COUNTING, *OPEN])))
def test_a_refusal_does_not_count(outcome, breaker):
    assert after(outcome, breaker, NOW) is None


@pytest.mark.parametrize(("outcome", "breaker"), list(product(ANSWERS, HALF_OPEN)))
def test_a_probe_that_is_refused_shows_that_somebody_answers_again(outcome, breaker):
    assert after(outcome, breaker, NOW) == CLOSED


@pytest.mark.parametrize("breaker", [*COUNTING[1:], *OPEN, *HALF_OPEN])
def test_success_closes_and_zeroes(breaker):
    assert after(DELIVERED, breaker, NOW) == CLOSED


def test_success_of_what_never_failed_writes_nothing():
    assert after(DELIVERED, CLOSED, NOW) is None


@pytest.mark.parametrize(("kind", "breaker"), list(product(FAILURES, OPEN)))
def test_failures_that_were_in_flight_when_it_opened_do_not_prolong_it(kind, breaker):
    assert after(Outcome(kind), breaker, NOW) is None


OUTCOMES = st.builds(Outcome, st.sampled_from(OutcomeKind), retry_after_seconds=st.none() | st.just(5))


@given(st.lists(st.tuples(OUTCOMES, st.integers(0, 1_200)), max_size=60))
def test_it_is_open_only_after_five_failures_and_for_no_longer_than_a_quarter_of_an_hour(steps):
    breaker, now = CLOSED, NOW
    for outcome, pause in steps:
        now += timedelta(seconds=pause)
        found = after(outcome, breaker, now)
        if found is None:
            continue
        assert found != breaker
        assert (found.open_until is None) == (found.open_seconds is None)
        if found.open_until is not None:
            assert found.failures_in_row >= 5
            assert timedelta(seconds=30) <= found.open_until - now <= timedelta(minutes=15)
        breaker = found
