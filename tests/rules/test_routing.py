"""Who is told about an incident's change, why and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.batch import IncidentChange, ToldRoute
from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.model.incidents import IncidentKind, IncidentState
from luota_svc.model.monitors import Severity
from luota_svc.model.routes import RouteMatch
from luota_svc.rules.routing import (
    EXPIRES_AFTER,
    NOTHING,
    matching,
    route_acknowledgement,
    route_change,
    route_reminder,
)

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
WORKSPACE, OTHER_WORKSPACE, MONITOR, OTHER_MONITOR, INCIDENT = (UUID(int=n) for n in range(1, 6))
OPENED = IncidentChange(
    INCIDENT,
    WORKSPACE,
    MONITOR,
    IncidentKind.FAILED,
    Severity.ERROR,
    IncidentState.OPEN,
    opened_here=True,
    at=NOW,
    quiet=False,
    request_id="req-1",
    traceparent=None,
)
RESOLVED = replace(OPENED, state=IncidentState.RESOLVED, opened_here=False)


def route(number: int = 100, **words) -> RouteMatch:
    base = RouteMatch(
        UUID(int=number), WORKSPACE, frozenset(), Severity.INFO, 0, fallback=False, enabled=True, destination=b"d"
    )
    return replace(base, **words)


def told(delivery: int, to: RouteMatch, reason=DeliveryReason.OPENED, state=DeliveryState.PENDING, sequence=1):
    return ToldRoute(UUID(int=delivery), INCIDENT, to.id, reason.value, state.value, sequence)


def test_a_drills_monitor_is_told_to_the_drills_route_alone_and_that_hears_of_nothing_else():
    everything, elsewhere = route(1), route(2, fallback=True)
    drill = route(3, drill=True, monitor_ids=frozenset({MONITOR}))
    assert matching(OPENED, [everything, elsewhere, drill]) == [drill]
    assert matching(replace(OPENED, monitor_id=OTHER_MONITOR), [everything, drill]) == [everything]


def test_a_drills_route_is_told_that_it_is_a_drill_also_after_a_quiet_time():
    drill = route(3, drill=True, monitor_ids=frozenset({MONITOR}))
    (opened,) = route_change(OPENED, [drill], [], NOW).duties
    (after_quiet,) = route_reminder(OPENED, [drill], [], NOW)
    assert opened == after_quiet
    assert (opened.reason, opened.due_at, opened.sequence) == (DeliveryReason.DRILL, NOW, 1)


@pytest.mark.parametrize(
    ("words", "matches"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"workspace_id": OTHER_WORKSPACE}, False),
        ({"monitor_ids": frozenset({MONITOR})}, True),
        ({"monitor_ids": frozenset({OTHER_MONITOR})}, False),
        ({"monitor_ids": frozenset({OTHER_MONITOR, MONITOR})}, True),
        ({"min_severity": Severity.ERROR}, True),
        ({"min_severity": Severity.CRITICAL}, False),
        ({"min_severity": Severity.WARNING}, True),
    ],
)
def test_a_route_matches_by_workspace_monitor_severity_and_switch(words, matches):
    assert bool(matching(OPENED, [route(**words)])) is matches


FALLBACK = route(9, fallback=True)


@pytest.mark.parametrize(
    ("routes", "told_to"),
    [
        ([route(1), FALLBACK], {1}),
        ([route(1, after_seconds=600), FALLBACK], {1}),
        ([FALLBACK], {9}),
        ([FALLBACK, route(8, fallback=True)], {8, 9}),
        ([route(1, enabled=False), FALLBACK], {9}),
        ([route(1, monitor_ids=frozenset({OTHER_MONITOR})), FALLBACK], {9}),
        ([route(1, min_severity=Severity.CRITICAL), FALLBACK], {9}),
        ([route(1, workspace_id=OTHER_WORKSPACE), FALLBACK], {9}),
        ([route(1), replace(FALLBACK, monitor_ids=frozenset({MONITOR}))], {1, 9}),
        ([FALLBACK, route(8, fallback=True, monitor_ids=frozenset({MONITOR}))], {8}),
        ([route(1), replace(FALLBACK, monitor_ids=frozenset({OTHER_MONITOR}))], {1}),
        ([replace(FALLBACK, min_severity=Severity.CRITICAL)], set()),
        ([replace(FALLBACK, enabled=False)], set()),
    ],
)
def test_a_fallback_route_hears_what_nobody_else_would_and_what_its_own_monitors_do(routes, told_to):
    assert {to.id.int for to in matching(OPENED, routes)} == told_to


def test_a_fallback_route_that_was_told_is_reminded_though_another_route_was_made_since():
    duties = route_reminder(OPENED, [route(1), FALLBACK], [told(7, FALLBACK, state=DeliveryState.DELIVERED)], NOW)
    assert [(duty.route, duty.reason) for duty in duties] == [(FALLBACK, DeliveryReason.REMINDER)]


def test_an_opened_incident_is_told_to_each_matching_route_at_once_or_later():
    now_, later, off = route(1), route(2, after_seconds=600), route(3, enabled=False)
    routing = route_change(OPENED, [now_, later, off], [], NOW)
    assert [(duty.route, duty.reason, duty.due_at, duty.sequence) for duty in routing.duties] == [
        (now_, DeliveryReason.OPENED, NOW, 1),
        (later, DeliveryReason.ESCALATION, NOW + timedelta(seconds=600), 1),
    ]
    assert all(duty.expires_at == duty.due_at + EXPIRES_AFTER for duty in routing.duties)
    assert not routing.ended


def test_an_incident_that_opens_in_a_quiet_time_is_told_to_nobody():
    assert route_change(replace(OPENED, quiet=True), [route()], [], NOW) == NOTHING


@pytest.mark.parametrize(
    ("state", "hears"),
    [
        (DeliveryState.PENDING, False),
        (DeliveryState.CANCELLED, False),
        (DeliveryState.SENDING, True),
        (DeliveryState.DELIVERED, True),
        (DeliveryState.FAILED_RETRYING, True),
        (DeliveryState.FAILED_TERMINAL, True),
    ],
)
def test_a_resolve_in_a_quiet_time_is_told_to_whoever_may_have_heard_of_the_incident_and_to_nobody_else(state, hears):
    to, new = route(1), route(2)
    routing = route_change(replace(RESOLVED, quiet=True), [to, new], [told(7, to, state=state)], NOW)
    assert [(duty.route, duty.reason) for duty in routing.duties] == ([(to, DeliveryReason.RESOLVED)] if hears else [])
    assert routing.ended == ((UUID(int=7),) if state in {"pending", "failed_retrying", "sending"} else ())


def test_an_incident_that_opened_and_resolved_in_a_quiet_time_is_never_told():
    assert route_change(replace(RESOLVED, quiet=True), [route()], [], NOW) == NOTHING
    assert route_change(replace(RESOLVED, quiet=True, opened_here=True), [route()], [], NOW) == NOTHING
    assert route_change(RESOLVED, [route()], [], NOW) == NOTHING  # the quiet time is over, and nobody has looked yet


@pytest.mark.parametrize("state", DeliveryState)
def test_a_reminder_goes_to_whoever_was_told_and_has_no_word_coming(state):
    to, new = route(1), route(2)
    duties = route_reminder(OPENED, [to, new], [told(7, to, state=state, sequence=3)], NOW)
    coming = state in {DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED_RETRYING}
    expected = [] if coming else [(to, DeliveryReason.REMINDER, NOW, 4)]
    assert [(duty.route, duty.reason, duty.due_at, duty.sequence) for duty in duties] == expected


def test_a_reminder_of_what_nobody_was_told_is_the_first_word_of_it():
    now_, later = route(1), route(2, after_seconds=600)
    duties = route_reminder(OPENED, [now_, later], [], NOW)
    assert [(duty.route, duty.reason, duty.sequence) for duty in duties] == [
        (now_, DeliveryReason.OPENED, 1),
        (later, DeliveryReason.ESCALATION, 1),
    ]


@pytest.mark.parametrize("words", [{"enabled": False}, {"min_severity": Severity.CRITICAL}])
def test_a_route_that_matches_no_more_is_not_reminded(words):
    to = route(1, **words)
    assert route_reminder(OPENED, [to], [told(7, to, state=DeliveryState.DELIVERED)], NOW) == ()


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (DeliveryState.PENDING, True),
        (DeliveryState.FAILED_RETRYING, True),
        (DeliveryState.SENDING, True),
        (DeliveryState.DELIVERED, False),
        (DeliveryState.FAILED_TERMINAL, False),
        (DeliveryState.CANCELLED, False),
    ],
)
def test_a_resolve_takes_back_what_waits_or_flies_and_is_told_in_any_case(state, ended):
    to = route()
    routing = route_change(RESOLVED, [to], [told(7, to, state=state)], NOW)
    assert routing.ended == ((UUID(int=7),) if ended else ())
    assert [(duty.route, duty.reason, duty.due_at, duty.sequence) for duty in routing.duties] == [
        (to, DeliveryReason.RESOLVED, NOW, 2)
    ]


def test_an_escalation_that_never_began_ends_without_a_word():
    later = route(after_seconds=600)
    routing = route_change(RESOLVED, [later], [told(7, later, DeliveryReason.ESCALATION)], NOW)
    assert (routing.duties, routing.ended) == ((), (UUID(int=7),))


@pytest.mark.parametrize("state", [DeliveryState.SENDING, DeliveryState.FAILED_RETRYING, DeliveryState.DELIVERED])
def test_an_escalation_that_began_hears_of_the_end(state):
    later = route(after_seconds=600)
    routing = route_change(RESOLVED, [later], [told(7, later, DeliveryReason.ESCALATION, state)], NOW)
    assert [duty.reason for duty in routing.duties] == [DeliveryReason.RESOLVED]


def test_an_incident_that_opened_and_resolved_in_one_batch_is_told_once_to_the_routes_that_hear_at_once():
    now_, later = route(1), route(2, after_seconds=600)
    routing = route_change(replace(RESOLVED, opened_here=True), [now_, later], [], NOW)
    assert [(duty.route, duty.reason, duty.sequence) for duty in routing.duties] == [(now_, DeliveryReason.RESOLVED, 1)]


def test_a_route_that_was_switched_off_hears_no_resolve_and_one_made_since_the_opening_neither():
    off, new = route(1, enabled=False), route(2)
    routing = route_change(RESOLVED, [off, new], [told(7, off, state=DeliveryState.DELIVERED)], NOW)
    assert not routing.duties


def test_words_about_other_incidents_are_left_alone():
    to = route()
    other = told(7, to)._replace(incident_id=UUID(int=99))
    assert route_change(RESOLVED, [to], [other], NOW) == NOTHING


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.sampled_from([DeliveryReason.OPENED, DeliveryReason.REMINDER, DeliveryReason.ESCALATION]),
            st.sampled_from(DeliveryState),
            st.integers(1, 9),
        ),
        max_size=8,
    )
)
def test_after_a_resolve_no_route_has_two_live_duties_about_one_incident(rows):
    routes = [route(number) for number in (1, 2, 3)]
    before = [
        told(100 + at, routes[number - 1], reason, state, sequence)
        for at, (number, reason, state, sequence) in enumerate(rows)
    ]
    routing = route_change(RESOLVED, routes, before, NOW)
    live = {DeliveryState.PENDING, DeliveryState.FAILED_RETRYING, DeliveryState.SENDING}
    still = {row.delivery_id for row in before if row.state in live} - set(routing.ended)
    assert not still
    assert len({duty.route.id for duty in routing.duties}) == len(routing.duties)
    for duty in routing.duties:
        assert duty.sequence > max((row.sequence for row in before if row.route_id == duty.route.id), default=0)


@pytest.mark.parametrize(
    ("before", "hears"),
    [
        ([], False),
        ([(DeliveryReason.OPENED, DeliveryState.DELIVERED)], True),
        ([(DeliveryReason.ROUTE_FAILURE, DeliveryState.DELIVERED)], True),
        ([(DeliveryReason.OPENED, DeliveryState.PENDING)], False),
        ([(DeliveryReason.OPENED, DeliveryState.FAILED_TERMINAL)], False),
        ([(DeliveryReason.OPENED, DeliveryState.CANCELLED)], False),
        (
            [
                (DeliveryReason.OPENED, DeliveryState.DELIVERED),
                (DeliveryReason.REMINDER, DeliveryState.PENDING),
            ],
            False,
        ),
        ([(DeliveryReason.OPENED, DeliveryState.SENDING)], True),
        ([(DeliveryReason.OPENED, DeliveryState.FAILED_RETRYING)], True),
    ],
)
def test_an_acknowledgement_follows_what_was_told_or_begun_unless_a_word_waits(before, hears):
    pager = route(1)
    rows = [told(number, pager, reason, state, number) for number, (reason, state) in enumerate(before, 1)]
    change = replace(OPENED, state=IncidentState.ACKNOWLEDGED, opened_here=False)
    routing = route_acknowledgement(change, [pager, route(2)], rows, NOW)
    begun = {DeliveryState.SENDING, DeliveryState.FAILED_RETRYING}
    # What was begun says that nobody has it: the other takes its place.
    assert set(routing.ended) == {row.delivery_id for row in rows if row.state in begun}
    assert [(duty.route.id, duty.reason, duty.sequence, duty.due_at) for duty in routing.duties] == (
        [(pager.id, DeliveryReason.REMINDER, len(before) + 1, NOW)] if hears else []
    )
    off = replace(pager, enabled=False)
    assert route_acknowledgement(change, [off], rows, NOW) == NOTHING


@pytest.mark.parametrize("state", DeliveryState)
def test_an_acknowledgement_takes_an_escalation_back_that_has_not_begun(state):
    change = replace(OPENED, state=IncidentState.ACKNOWLEDGED, opened_here=False)
    later = told(7, route(2, after_seconds=600), DeliveryReason.ESCALATION, state)
    routing = route_acknowledgement(change, [], [told(1, route(1)), later], NOW)
    assert routing.ended == ((UUID(int=7),) if state is DeliveryState.PENDING else ())


def test_an_escalation_that_was_taken_back_waits_anew_when_the_acknowledgement_has_ended():
    now_, later = route(1), route(2, after_seconds=600)
    before = [
        told(1, now_, state=DeliveryState.DELIVERED),
        told(7, later, DeliveryReason.ESCALATION, DeliveryState.CANCELLED),
    ]
    duties = route_reminder(OPENED, [now_, later], before, NOW)
    assert [(duty.route, duty.reason, duty.due_at, duty.sequence) for duty in duties] == [
        (now_, DeliveryReason.REMINDER, NOW, 2),
        (later, DeliveryReason.ESCALATION, NOW + timedelta(seconds=600), 2),
    ]
    # Nor does it hear of the end of what it never heard of.
    assert [duty.route for duty in route_change(RESOLVED, [now_, later], before, NOW).duties] == [now_]
