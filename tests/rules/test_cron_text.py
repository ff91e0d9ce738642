"""Cron lines that can and cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.rules.cron_text import MACROS, cron_problem


@pytest.mark.parametrize(
    "text",
    ["* * * * *", "*/5 * * * *", "0 3 * * *", "0 9-17/2 * * mon-fri", "0,30 0 1,15 JAN,jul *", "0 0 * * 7",
     "5/15 * * * *", " 0  3\t* * * ", "0 0 29 2 *", "0 0 31 2,3 *", "0 0 31 2 mon", "0 0 1-31 feb *", "@Daily",
     *MACROS],
)  # fmt: skip
def test_a_cron_line_is_read(text):
    assert cron_problem(text) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("60 * * * *", "minute outside 0-59"),
        ("* 24 * * *", "hour outside 0-23"),
        ("* * 0 * *", "day of month outside 1-31"),
        ("* * * 13 *", "month outside 1-12"),
        ("* * * * 8", "day of week outside 0-7"),
        ("* * * monday *", "month that cannot be read"),
        ("* * * mon *", "month outside"),
        ("jan * * * *", "minute outside"),
        ("*/0 * * * *", "step of zero"),
        ("30-10 * * * *", "backwards"),
        ("1,,2 * * * *", "cannot be read"),
        ("-1 * * * *", "cannot be read"),
        ("* * L * *", "day of month outside"),
        ("* * ? * *", "cannot be read"),
        ("* * * * 5#2", "cannot be read"),
        ("0 0 30 2 *", "day that one of its months has"),
        ("0 0 31 4,6 *", "day that one of its months has"),
        ("@reboot", "known macro"),
        ("* " * 300, "at most 256"),
    ],
)
def test_what_is_wrong_is_named(text, word):
    problem = cron_problem(text)
    assert problem is not None
    assert word in problem


@given(st.text(max_size=30) | st.text(alphabet="0123456789*/-, @janmo", max_size=40))
def test_any_text_is_judged(text):
    cron_problem(text)
