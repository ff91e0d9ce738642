"""When Redis is no longer asked."""

import pytest

from luota_svc.limits.breaker import Breaker


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def test_one_refused_connection_opens(breaker):
    breaker.failed(refused=True)
    assert breaker.is_open


def test_the_fifth_error_within_a_second_opens(breaker, clock):
    for _ in range(4):
        breaker.failed(refused=False)
        clock.advance(0.2)
    assert not breaker.is_open
    breaker.failed(refused=False)
    assert breaker.is_open


def test_five_errors_over_more_than_a_second_do_not_open(breaker, clock):
    for _ in range(10):
        breaker.failed(refused=False)
        clock.advance(0.26)
    assert not breaker.is_open


def test_recovery_closes_and_forgets(breaker):
    for _ in range(5):
        breaker.failed(refused=False)
    breaker.recovered()
    assert not breaker.is_open
    breaker.failed(refused=False)
    assert not breaker.is_open
