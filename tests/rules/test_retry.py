"""What becomes of a delivery after an attempt."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.deliveries import Claimed, DeliveryReason, DeliveryState, Outcome, OutcomeKind
from luota_svc.model.routes import RouteKind, RouteState
from luota_svc.rules.retry import FALLBACK_AFTER, Settled, SettledReason, settle

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
DELAYS = (0, 5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)
RETRYING, TERMINAL = DeliveryState.FAILED_RETRYING, DeliveryState.FAILED_TERMINAL
TRANSIENT = [
    OutcomeKind.REFUSED,
    OutcomeKind.THROTTLED,
    OutcomeKind.OVERLOADED,
    OutcomeKind.FAILED,
    OutcomeKind.TIMED_OUT,
    OutcomeKind.UNREACHABLE,
]
SHORT_OF_BREATH = [OutcomeKind.TIMED_OUT, OutcomeKind.THROTTLED, OutcomeKind.OVERLOADED]
ALERTS = [DeliveryReason.OPENED, DeliveryReason.REMINDER, DeliveryReason.RESOLVED, DeliveryReason.ESCALATION]
OTHERS = [DeliveryReason.TEST, DeliveryReason.DRILL, DeliveryReason.ROUTE_FAILURE]


def claimed(
    attempts=0, deferrals=0, *, reason=DeliveryReason.OPENED, route=RouteState.PROVEN, expires_after=86_400.0
) -> Claimed:
    return Claimed(
        id=UUID(int=1),
        workspace_id=UUID(int=2),
        route_id=UUID(int=3),
        route_name="Ops",
        kind=RouteKind.WEBHOOK,
        route_state=route,
        destination=bytes(32),
        reason=reason,
        created_at=NOW,
        due_at=NOW,
        expires_at=NOW + timedelta(seconds=expires_after),
        attempt_count=attempts,
        deferral_count=deferrals,
        lost_count=0,
        lease_token=1,
        content=b"{}",
        target={},
        recipients=(),
        request_id=None,
        traceparent=None,
        first_attempt_traceparent=None,
    )


def settled(each: Claimed, kind: OutcomeKind, retry_after: int | None = None, **words) -> Settled:
    settings = {
        "now": NOW,
        "jitter": 0.5,
        "delays": DELAYS,
        "superseded": False,
        "route_usable": True,
        "retargeted": False,
        "first_failed_at": None,
        "fallback_due_at": None,
        "held_since": None,
    }
    return settle(each, Outcome(kind, error="no", retry_after_seconds=retry_after), **{**settings, **words})


def wait_of(result: Settled) -> float:
    assert result.next_attempt_at is not None
    return (result.next_attempt_at - NOW).total_seconds()


# Outcome, the route before, taken back, route usable: the delivery's state, the reason, the route after.
CASES = [
    (OutcomeKind.DELIVERED, "proven", False, True, "delivered", "delivered", "proven"),
    (OutcomeKind.DELIVERED, "broken", False, True, "delivered", "delivered", "proven"),
    (OutcomeKind.DELIVERED, "unproven", True, True, "delivered", "delivered", "proven"),
    (OutcomeKind.DELIVERED, "retrying", True, False, "delivered", "delivered", "proven"),
    *[(kind, "unproven", False, True, "failed_retrying", "retry_scheduled", "retrying") for kind in TRANSIENT],
    *[(kind, "proven", False, True, "failed_retrying", "retry_scheduled", "retrying") for kind in TRANSIENT],
    *[(kind, "broken", False, True, "failed_terminal", "probe_failed", "broken") for kind in TRANSIENT],
    *[(kind, "proven", True, True, "cancelled", "superseded", "retrying") for kind in TRANSIENT],
    *[(kind, "broken", True, True, "cancelled", "superseded", "broken") for kind in TRANSIENT],
    *[(kind, "proven", False, False, "failed_terminal", "route_gone", None) for kind in TRANSIENT],
    (OutcomeKind.REJECTED, "proven", False, True, "failed_terminal", "rejected", "broken"),
    (OutcomeKind.REJECTED, "broken", False, True, "failed_terminal", "rejected", "broken"),
    (OutcomeKind.REJECTED, "proven", True, True, "cancelled", "superseded", "broken"),
    (OutcomeKind.REJECTED, "proven", False, False, "failed_terminal", "route_gone", None),
    (OutcomeKind.BLOCKED, "unproven", False, True, "failed_terminal", "blocked", "broken"),
    (OutcomeKind.BLOCKED, "proven", True, True, "cancelled", "superseded", "broken"),
    (OutcomeKind.LOST, "proven", False, True, "failed_retrying", "retry_scheduled", "retrying"),
]


@pytest.mark.parametrize(("kind", "before", "superseded", "usable", "state", "reason", "after"), CASES)
def test_an_attempt_makes_of_its_delivery_and_its_route(kind, before, superseded, usable, state, reason, after):
    result = settled(claimed(route=RouteState(before)), kind, superseded=superseded, route_usable=usable)

    assert (result.state, result.reason, result.route_state) == (state, reason, after)
    assert (result.attempt_count, result.deferral_count) == (1, 0)
    words = {
        "route_gone": "The route was disabled or deleted",
        "probe_failed": "no; the route is broken, and gets one attempt for each alert until one arrives",
    }
    assert result.last_error == words.get(reason, "no")
    assert (result.next_attempt_at is not None) == (state == "failed_retrying")


def test_what_was_delivered_has_an_error_only_where_its_provider_says_whom_it_did_not_reach():
    words = {"jitter": 0.5, "delays": DELAYS, "superseded": False, "route_usable": True, "retargeted": False}
    stands = {"first_failed_at": None, "fallback_due_at": None, "held_since": None}
    for said in (None, "taken, but refused for good for olga@example.org: no such user"):
        result = settle(claimed(), Outcome(OutcomeKind.DELIVERED, error=said), now=NOW, **words, **stands)
        assert (result.state, result.last_error, result.route_state) == ("delivered", said, "proven")


def test_where_nothing_was_sent_the_one_attempt_that_a_broken_route_gets_was_not_made():
    refusal = Outcome(OutcomeKind.REFUSED, error="no key")
    result = settled(claimed(route=RouteState.BROKEN)._replace(refusal=refusal), OutcomeKind.REFUSED)

    assert (result.state, result.route_state) == (RETRYING, RouteState.BROKEN)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_each_attempt_waits_its_delay_and_the_tenth_is_the_last(jitter):
    for spent, delay in enumerate(DELAYS[1:], start=1):
        result = settled(claimed(attempts=spent - 1), OutcomeKind.FAILED, jitter=jitter)
        assert result.state is RETRYING
        assert wait_of(result) == pytest.approx(delay * (0.8 + 0.4 * jitter))

    last = settled(claimed(attempts=9), OutcomeKind.FAILED, jitter=jitter)
    assert (last.state, last.reason, last.attempt_count) == (TERMINAL, SettledReason.EXHAUSTED, 10)


@pytest.mark.parametrize("kind", TRANSIENT)
def test_who_is_short_of_breath_has_a_minute_from_the_third_attempt_on(kind):
    before_third = {settled(claimed(attempts=1), kind, jitter=jitter).next_attempt_at for jitter in (0.0, 0.5)}
    waits = sorted((at - NOW).total_seconds() for at in before_third)

    assert wait_of(settled(claimed(), kind)) == 5
    assert wait_of(settled(claimed(attempts=2), kind)) == 120
    assert waits == ([60, 66] if kind in SHORT_OF_BREATH else [24, 30])


def test_steps_that_an_operator_chose_to_be_short_stay_short():
    delays = (0, 1, 2, 29)

    assert wait_of(settled(claimed(attempts=1), OutcomeKind.TIMED_OUT, delays=delays)) == 2
    assert wait_of(settled(claimed(attempts=2), OutcomeKind.TIMED_OUT, delays=delays)) == 29
    assert wait_of(settled(claimed(attempts=1), OutcomeKind.TIMED_OUT, delays=(0, 1, 30))) == 66


@pytest.mark.parametrize(
    ("retry_after", "jitter", "waits"),
    [(0, 0.5, 5), (3, 0.5, 5), (60, 0.0, 60), (60, 0.5, 66), (3_600, 0.0, 3_600), (90_000, 0.0, 3_600), (-7, 0.5, 5)],
)
def test_what_the_provider_asks_for_is_honoured_up_to_an_hour_with_jitter_upward(retry_after, jitter, waits):
    result = settled(claimed(), OutcomeKind.OVERLOADED, retry_after, jitter=jitter)

    assert (wait_of(result), result.attempt_count, result.deferral_count) == (waits, 1, 0)


def test_a_throttling_that_names_an_instant_defers_twenty_times_and_spends_no_attempt():
    for deferrals in range(20):
        result = settled(claimed(deferrals=deferrals), OutcomeKind.THROTTLED, 21)
        assert (result.state, result.reason) == (RETRYING, SettledReason.DEFERRED)
        assert (result.attempt_count, result.deferral_count) == (0, deferrals + 1)
        assert wait_of(result) == pytest.approx(21 * 1.1)

    spent = settled(claimed(deferrals=20), OutcomeKind.THROTTLED, 21)
    assert (spent.reason, spent.attempt_count, spent.deferral_count) == (SettledReason.RETRY_SCHEDULED, 1, 20)
    assert settled(claimed(attempts=9, deferrals=20), OutcomeKind.THROTTLED, 21).reason is SettledReason.EXHAUSTED


def test_a_deferral_never_asks_again_at_once_and_has_its_minute_from_the_third_attempt_on():
    assert wait_of(settled(claimed(), OutcomeKind.THROTTLED, 0, jitter=0.0)) == 1
    assert wait_of(settled(claimed(attempts=1), OutcomeKind.THROTTLED, 2, jitter=0.0)) == 2
    assert wait_of(settled(claimed(attempts=2), OutcomeKind.THROTTLED, 2, jitter=0.0)) == 60


def test_the_last_attempt_may_be_deferred():
    result = settled(claimed(attempts=9), OutcomeKind.THROTTLED, 100, jitter=0.0)

    assert (result.reason, wait_of(result)) == (SettledReason.DEFERRED, 100)


def test_a_broken_route_that_defers_keeps_its_one_attempt():
    result = settled(claimed(route=RouteState.BROKEN), OutcomeKind.THROTTLED, 21)

    assert (result.reason, result.route_state) == (SettledReason.DEFERRED, RouteState.BROKEN)


@pytest.mark.parametrize(("kind", "retry_after"), [(OutcomeKind.FAILED, None), (OutcomeKind.THROTTLED, 21)])
def test_what_would_be_tried_after_its_end_ends_now(kind, retry_after):
    each = claimed(attempts=0, expires_after=5)

    result = settled(each, kind, retry_after)

    assert (result.state, result.reason, result.fallback_due_at) == (TERMINAL, SettledReason.EXPIRED, NOW)


def test_the_whole_schedule_fits_into_its_day_at_its_slowest():
    assert sum(DELAYS) * 1.2 < 86_400


@pytest.mark.parametrize("reason", ALERTS)
def test_somebody_else_is_told_ten_minutes_after_the_first_failure_and_at_the_end_at_once(reason):
    first = settled(claimed(reason=reason), OutcomeKind.FAILED)
    assert first.fallback_due_at == NOW + timedelta(minutes=10)

    stands = {"first_failed_at": NOW - timedelta(minutes=3), "fallback_due_at": NOW + timedelta(minutes=7)}
    assert settled(claimed(1, reason=reason), OutcomeKind.FAILED, **stands).fallback_due_at == stands["fallback_due_at"]
    assert settled(claimed(1, reason=reason), OutcomeKind.DELIVERED, **stands).fallback_due_at is None
    assert settled(claimed(1, reason=reason), OutcomeKind.FAILED, superseded=True, **stands).fallback_due_at is None
    assert settled(claimed(1, reason=reason), OutcomeKind.REJECTED, **stands).fallback_due_at == NOW
    assert settled(claimed(9, reason=reason), OutcomeKind.FAILED, **stands).fallback_due_at == NOW


def test_after_a_lost_attempt_the_ten_minutes_count_from_that():
    lost_at = NOW - timedelta(minutes=2)

    assert settled(claimed(), OutcomeKind.FAILED, first_failed_at=lost_at).fallback_due_at == NOW + timedelta(minutes=8)


@pytest.mark.parametrize(("held_for", "told_in"), [(-1, 10), (0, 10), (9, 1), (10, 0), (25, 0)])
def test_behind_an_open_breaker_the_ten_minutes_count_from_when_it_was_due(held_for, told_in):
    held = {"held_since": NOW - timedelta(minutes=held_for)}

    assert settled(claimed(), OutcomeKind.FAILED, **held).fallback_due_at == NOW + timedelta(minutes=told_in)

    # What stands there is never pushed later, and who was told is not told again.
    stands = {"first_failed_at": NOW, "fallback_due_at": NOW + timedelta(seconds=1)}
    assert settled(claimed(), OutcomeKind.FAILED, **held, **stands).fallback_due_at == stands["fallback_due_at"]
    told = {"first_failed_at": NOW - timedelta(minutes=11), "fallback_due_at": None}
    assert settled(claimed(), OutcomeKind.FAILED, **held, **told).fallback_due_at is None


def test_whoever_was_told_once_that_it_fails_is_not_told_again_before_its_end():
    told = {"first_failed_at": NOW - timedelta(minutes=11), "fallback_due_at": None}

    assert settled(claimed(4), OutcomeKind.FAILED, **told).fallback_due_at is None
    assert settled(claimed(9), OutcomeKind.FAILED, **told).fallback_due_at == NOW


@pytest.mark.parametrize(("reason", "kind"), list(product(OTHERS, OutcomeKind)))
def test_of_tests_drills_and_telling_of_a_route_nobody_else_is_told(reason, kind):
    assert settled(claimed(reason=reason), kind).fallback_due_at is None


@pytest.mark.parametrize(("kind", "attempts"), list(product(OutcomeKind, [0, 9])))
def test_what_came_of_an_attempt_says_nothing_about_where_its_route_leads_now(kind, attempts):
    result = settled(claimed(attempts, route=RouteState.BROKEN), kind, retargeted=True)
    assert result.route_state is None
    if kind is OutcomeKind.DELIVERED:
        assert result.state is DeliveryState.DELIVERED
        return
    assert (result.state, result.reason) == (RETRYING, SettledReason.RETARGETED)
    assert (result.next_attempt_at, result.attempt_count, result.deferral_count) == (NOW, attempts, 1)


def test_an_outcome_without_a_sentence_still_says_what_it_was():
    words = {"jitter": 0.5, "delays": DELAYS, "superseded": False, "route_usable": True, "retargeted": False}
    stands = {"first_failed_at": None, "fallback_due_at": None, "held_since": None}

    assert settle(claimed(), Outcome(OutcomeKind.TIMED_OUT), now=NOW, **words, **stands).last_error == "timed_out"


OUTCOMES = st.tuples(st.sampled_from(OutcomeKind), st.none() | st.integers(-10, 100_000))


@given(
    st.lists(OUTCOMES, max_size=60),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(RouteState),
    st.lists(st.integers(0, 40_000), max_size=12),
)
def test_whatever_providers_answer_a_delivery_ends_in_time_and_in_order(outcomes, jitter, route, delays):
    each, now, calls = claimed(route=route), NOW, []
    stands = {"first_failed_at": None, "fallback_due_at": None}
    result = None
    for kind, retry_after in outcomes:
        calls.append(now)
        outcome = Outcome(kind, retry_after_seconds=retry_after)
        words = {"superseded": False, "route_usable": True, "retargeted": False, "held_since": None}
        result = settle(each, outcome, now=now, jitter=jitter, delays=delays, **words, **stands)
        assert (result.next_attempt_at is not None) == (result.state is RETRYING)
        if result.state is not RETRYING:
            assert result.fallback_due_at == (now if result.state is TERMINAL else None)
            break
        assert (result.fallback_due_at is None) == (now >= NOW + FALLBACK_AFTER)
        assert now <= result.next_attempt_at < each.expires_at
        stands = {"first_failed_at": stands["first_failed_at"] or now, "fallback_due_at": result.fallback_due_at}
        if stands["fallback_due_at"] is not None and stands["fallback_due_at"] <= result.next_attempt_at:
            stands["fallback_due_at"] = None  # told meanwhile
        assert each.attempt_count <= result.attempt_count <= each.attempt_count + 1
        now = result.next_attempt_at
        each = each._replace(
            attempt_count=result.attempt_count,
            deferral_count=result.deferral_count,
            route_state=result.route_state or each.route_state,
        )
    assert all(earlier <= later for earlier, later in pairwise(calls))
    if result is not None:
        assert result.attempt_count <= max(1, len(delays))
        assert result.deferral_count <= 20
    assert len(calls) <= max(1, len(delays)) + 20
