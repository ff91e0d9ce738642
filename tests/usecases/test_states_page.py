"""docs/states.md agrees with itself and with the words of the rules; what it draws, the other tests walk."""

from __future__ import annotations

import pytest
from tests.states import (
    DELIVERY,
    INCIDENT,
    MONITOR,
    PAGE,
    ROUTE,
    RUN,
    Edge,
    arrows,
    edges,
    kinds,
    section,
    table,
    words,
)

from luota_svc.model.deliveries import DeliveryState
from luota_svc.model.incidents import IncidentKind, IncidentReason, TimelineEvent
from luota_svc.model.routes import RouteState
from luota_svc.rules.incident_policy import Verdict
from luota_svc.rules.retry import SettledReason
from luota_svc.rules.run_state import CloseDecision, ProgressDecision, StartDecision


@pytest.mark.parametrize(
    ("machine", "edges", "nothing"),
    [
        ("Run", RUN, "new"),
        ("Incident", INCIDENT, "none"),
        ("Monitor", MONITOR, "none"),
        ("Delivery", DELIVERY, "none"),
        ("Route", ROUTE, "none"),
    ],
)
def test_picture_and_table_draw_the_same_edges(machine: str, edges: list[Edge], nothing: str):
    drawn = {("[*]" if edge.before == nothing else edge.before, edge.after) for edge in edges}
    assert drawn == arrows(machine)
    assert len(set(edges)) == len(edges)


@pytest.mark.parametrize(
    "vocabulary",
    [
        IncidentReason,
        IncidentKind,
        Verdict,
        StartDecision,
        CloseDecision,
        ProgressDecision,
        TimelineEvent,
        SettledReason,
    ],
    ids=lambda vocabulary: vocabulary.__name__,
)
def test_the_page_says_every_word_that_a_rule_can_answer(vocabulary):
    # A delivery's changes are drawn as a machine of their own.
    assert {str(word) for word in vocabulary} - {"delivery_changed"} <= words(PAGE)


@pytest.mark.parametrize(("machine", "states"), [("Delivery", DeliveryState), ("Route", RouteState)])
def test_every_state_of_telling_is_drawn_and_explained(machine, states):
    reached = {end for edge in edges(machine) for end in (edge.before, edge.after)} - {"none"}
    assert reached == set(states)
    assert {row[0].strip("`") for row in table(section(machine), "state")} == set(states)


def test_every_reason_why_a_settle_ends_where_it_does_is_an_edge_out_of_sending():
    assert set(SettledReason) <= {edge.word for edge in DELIVERY if edge.before == "sending"}


def test_every_kind_opens_for_its_reasons_and_every_reason_opens_something():
    assert {kind.name for kind in kinds()} == set(IncidentKind)
    assert {reason for kind in kinds() for reason in kind.reasons} == set(IncidentReason)
