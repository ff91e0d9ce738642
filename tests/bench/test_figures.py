"""A figure is compared with its floor round by round."""

import pytest
from bench.figures import FIGURES, judged
from bench.measures import Sample


def webhooks(values: list[float], floors: list[float]) -> dict:
    (figure,) = [figure for figure in FIGURES if figure.name == "webhooks"]
    samples = {"webhooks": [Sample(value) for value in values], "aiohttp_client": [Sample(floor) for floor in floors]}
    return judged(figure, samples)


def test_the_ratio_is_that_of_rounds_and_not_of_moods():
    # A machine that is twice as quick in one round is so for both.
    told = webhooks([1_000, 2_000, 1_600], [4_000, 5_000, 4_000])
    assert (told["value"], told["floor"], told["ratio"]) == (1_600, 4_000, 0.4)
    assert told["ratios"] == [0.25, 0.4, 0.4]


@pytest.mark.parametrize(("value", "holds"), [(1_201, True), (1_199, False)])
def test_it_holds_where_the_ratio_reaches(value, holds):
    assert webhooks([value], [4_000])["holds"] is holds


def test_a_figure_without_a_floor_is_reported_and_judged_by_nobody():
    (figure,) = [figure for figure in FIGURES if figure.name == "http_pings"]
    told = judged(figure, {"http_pings": [Sample(3.0), Sample(1.0), Sample(2.0)]})
    assert (told["value"], told["ratio"], told["holds"], told["ratios"]) == (2.0, None, None, [])
