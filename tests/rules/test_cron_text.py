"""Cron lines that can and cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import example, given
from hypothesis import strategies as st

from luota_svc.rules.cron_text import MACROS, cron_problem


@pytest.mark.parametrize(
    "text",
    ["* * * * *", "*/5 * * * *", "0 3 * * *", "0 9-17/2 * * mon-fri", "0,30 0 1,15 JAN,jul *", "0 0 * * 7",
     "5/15 * * * *", " 0  3\t* * * ", "0 0 29 2 *", "0 0 31 2,3 *", "0 0 31 2 mon", "0 0 1-31 feb *", "@Daily",
     "* * L * *", "0 9 LW * *", "* * * * 5#2", "0 0 * * 1L", "0 0 29 2 sun,mon", "0 0 25 12 */7",
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
        ("60 * * * *", "a minute that cannot be read: '60' (allowed: *, 0-59"),
        ("* 24 * * *", "an hour that cannot be read: '24'"),
        ("* * 0 * *", "a day of month that cannot be read: '0'"),
        ("* * * 13 *", "a month that cannot be read: '13'"),
        ("* * * * 8", "a day of week that cannot be read: '8'"),
        ("* * * monday *", "a month that cannot be read: 'monday'"),
        ("* * * mon *", "a month that cannot be read: 'mon'"),
        ("jan * * * *", "a minute that cannot be read: 'jan'"),
        ("*/0 * * * *", "a minute that cannot be read: '*/0'"),
        ("30-10 * * * *", "a minute that cannot be read: '30-10'"),
        ("1,,2 * * * *", "a minute that cannot be read: ''"),
        ("-1 * * * *", "a minute that cannot be read: '-1'"),
        ("5,61,62 * * * *", "a minute that cannot be read: '61'"),
        ("* * ? * *", "a day of month that cannot be read: '?'"),
        ("* * * * fri-mon", "a day of week that cannot be read: 'fri-mon'"),
        ("* * * * \u017fun", "a day of week that cannot be read"),
        ("0 0 30 2 *", "day that one of its months has"),
        ("0 0 31 4,6 *", "day that one of its months has"),
        ("* * */20 * 1L", "at least once in ten years"),
        ("0 0 31 2 1#5", "at least once in ten years"),
        ("0 0 29 2 */7", "at least once in ten years"),
        ("@reboot", "known macro"),
        ("* " * 300, "at most 256"),
    ],
)
def test_what_is_wrong_is_named(text, word):
    problem = cron_problem(text)
    assert problem is not None
    assert word in problem


@given(
    st.text(max_size=30)
    | st.text(alphabet="0123456789*/-, @janmoL#", max_size=40)
    | st.lists(st.text(alphabet="0123456789*/-,monL#", min_size=1, max_size=5), min_size=5, max_size=5).map(" ".join)
)
@example("0 0 L/2 * 5L")
@example("* * * * 5#2/3")
def test_a_line_is_kept_exactly_if_the_library_reads_its_five_fields_and_it_comes(text):
    assert (cron_problem(text) is None) == (text.strip().lower() in MACROS or _comes(text))


def _comes(text):
    if not text.isascii() or len(text.split()) != 5:
        return False
    try:
        begins = [datetime(year, 3, 1, tzinfo=UTC) for year in range(2000, 2028, 4)]
        return all(next(CronSim(text, begin)) < begin.replace(year=begin.year + 10) for begin in begins)
    except (CronSimError, StopIteration):
        return False
