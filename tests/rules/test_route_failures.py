"""Who is told that a route does not deliver."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.route_failures import FailingDelivery, Joining, StandingRoute, ToldFallback
from luota_svc.rules.route_failures import Telling, tell_of_failures

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
WORKSPACE, ELSEWHERE = UUID(int=1), UUID(int=2)


def route(number: int, *, workspace: UUID = WORKSPACE, destination: bytes | None = None) -> StandingRoute:
    return StandingRoute(UUID(int=number), workspace, destination or bytes([number] * 32))


def incidents(*numbers: int) -> frozenset[UUID]:
    return frozenset(UUID(int=1_000 + number) for number in numbers)


def failing(number: int, to: StandingRoute, *about: int, rank: int = 3) -> FailingDelivery:
    return FailingDelivery(
        UUID(int=100 + number), to.workspace_id, to.id, rank, f"req-{number}", f"trace-{number}", incidents(*about)
    )


def told(to: StandingRoute, of: StandingRoute, *about: int, seconds_ago: float = 600, open_: bool = False):
    return ToldFallback(UUID(int=500), to.id, of.id, NOW - timedelta(seconds=seconds_ago), open_, incidents(*about))


DEAD, OTHER_DEAD, FALLBACK, SECOND = route(11), route(12), route(21), route(22)


def tell(deliveries, fallbacks, before=()) -> Telling:
    return tell_of_failures(deliveries, {each.id: each for each in (DEAD, OTHER_DEAD)}, fallbacks, before, NOW)


def test_nobody_is_told_of_a_drills_route_which_fails_on_purpose():
    drill = DEAD._replace(drill=True)
    telling = tell_of_failures([failing(1, drill, 1)], {drill.id: drill}, [FALLBACK], [], NOW)
    assert telling == Telling((), (), ())


def test_each_fallback_route_gets_one_message_a_failing_route_as_urgent_as_the_worst_of_it():
    telling = tell([failing(1, DEAD, 1), failing(2, DEAD, 2, 3, rank=4), failing(3, OTHER_DEAD, 1)], [FALLBACK, SECOND])

    assert [(new.route_id, new.about_route_id, new.incident_ids) for new in telling.new] == [
        (FALLBACK.id, DEAD.id, incidents(1, 2, 3)),
        (SECOND.id, DEAD.id, incidents(1, 2, 3)),
        (FALLBACK.id, OTHER_DEAD.id, incidents(1)),
        (SECOND.id, OTHER_DEAD.id, incidents(1)),
    ]
    first = telling.new[0]
    assert (first.workspace_id, first.destination) == (WORKSPACE, FALLBACK.destination)
    assert (first.severity_rank, first.request_id, first.traceparent) == (4, "req-2", "trace-2")
    assert (first.due_at, first.expires_at) == (NOW, NOW + timedelta(hours=24))
    assert (telling.joining, telling.untold) == ((), ())


@pytest.mark.parametrize(
    "fallback",
    [
        DEAD,
        route(21, destination=DEAD.destination),
        route(21, workspace=ELSEWHERE),
    ],
)
def test_a_route_is_no_fallback_of_itself_of_its_twin_or_of_another_workspace(fallback):
    telling = tell([failing(1, DEAD, 1)], [fallback])

    assert telling == Telling((), (), (DEAD.id,))


def test_without_a_fallback_each_failing_route_is_untold_once():
    assert tell([failing(1, DEAD, 1), failing(2, DEAD, 2), failing(3, OTHER_DEAD, 1)], []) == Telling(
        (), (), (DEAD.id, OTHER_DEAD.id)
    )


def test_what_a_fallback_route_knows_is_not_told_again():
    before = [told(FALLBACK, DEAD, 1, 2)]

    assert tell([failing(1, DEAD, 1), failing(2, DEAD, 2)], [FALLBACK], before) == Telling((), (), ())
    (new,) = tell([failing(1, DEAD, 1), failing(2, DEAD, 2, 3)], [FALLBACK], before).new
    assert (new.incident_ids, new.request_id) == (incidents(3), "req-2")


def test_what_one_knows_of_one_route_says_nothing_about_others():
    before = [told(FALLBACK, OTHER_DEAD, 1), told(SECOND, DEAD, 1)]

    (new,) = tell([failing(1, DEAD, 1)], [FALLBACK, SECOND], before).new

    assert (new.route_id, new.due_at) == (FALLBACK.id, NOW)


def test_news_joins_the_message_that_waits():
    before = [told(FALLBACK, DEAD, 1, seconds_ago=0, open_=True)]

    telling = tell([failing(1, DEAD, 1, 2, rank=2), failing(2, DEAD, 3, rank=4)], [FALLBACK], before)

    assert telling == Telling((), (Joining(UUID(int=500), 4, incidents(2, 3)),), ())


@pytest.mark.parametrize(("seconds_ago", "waits"), [(0, 31), (30, 1), (31, 0), (3_000, 0), (-20, 51)])
def test_the_next_message_about_a_route_comes_half_a_minute_after_the_one_before(seconds_ago, waits):
    (new,) = tell([failing(1, DEAD, 2)], [FALLBACK], [told(FALLBACK, DEAD, 1, seconds_ago=seconds_ago)]).new

    assert new.due_at == NOW + timedelta(seconds=waits)
    assert new.expires_at == new.due_at + timedelta(hours=24)


def test_a_delivery_with_nothing_left_to_tell_makes_no_message():
    assert tell([failing(1, DEAD)], [FALLBACK]) == Telling((), (), ())


NUMBERS = st.frozensets(st.integers(1, 6), max_size=4)


@given(
    st.lists(st.tuples(st.sampled_from([DEAD, OTHER_DEAD]), NUMBERS, st.integers(1, 4)), min_size=1, max_size=8),
    st.lists(
        st.tuples(
            st.sampled_from([FALLBACK, SECOND]), st.sampled_from([DEAD, OTHER_DEAD]), NUMBERS, st.integers(-30, 3_600)
        ),
        max_size=6,
    ),
)
def test_afterwards_each_fallback_route_knows_everything_once(deliveries, before):
    rows = [failing(at, to, *about, rank=rank) for at, (to, about, rank) in enumerate(deliveries)]
    known = [told(to, of, *about, seconds_ago=ago) for to, of, about, ago in before]

    telling = tell(rows, [FALLBACK, SECOND], known)

    for fallback in (FALLBACK, SECOND):
        for dead in (DEAD, OTHER_DEAD):
            pair = (fallback.id, dead.id)
            old = [row.incident_ids for row in known if (row.route_id, row.about_route_id) == pair]
            new = [row.incident_ids for row in telling.new if (row.route_id, row.about_route_id) == pair]
            fails = [row.incident_ids for row in rows if row.route_id == dead.id]
            assert len(new) <= 1
            assert not frozenset().union(*new) & frozenset().union(*old)
            assert frozenset().union(*fails) <= frozenset().union(*new, *old)
