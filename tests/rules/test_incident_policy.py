"""Thresholds, recovery, pauses and late closes: one by one, and as a fold over any sequence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.rules.incident_policy import (
    OCCURRENCES_KEPT_EACH_END,
    Counters,
    Judgement,
    Verdict,
    judge_close,
    occurrence_to_drop,
)

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def judge(counters=(0, 0), *, good, stands=False, fail_at=1, heal_at=1, paused=False, occurred=None, last=None):
    return judge_close(
        Counters(*counters),
        good=good,
        incident_stands=stands,
        failure_threshold=fail_at,
        recovery_threshold=heal_at,
        paused=paused,
        occurred_at=occurred,
        last_judged_close_at=last,
    )


@pytest.mark.parametrize(
    ("given_", "verdict", "after"),
    [
        ({"good": False}, Verdict.OPEN, (1, 0)),
        ({"good": False, "fail_at": 3}, Verdict.BELOW_THRESHOLD, (1, 0)),
        ({"good": False, "fail_at": 3, "counters": (1, 0)}, Verdict.BELOW_THRESHOLD, (2, 0)),
        ({"good": False, "fail_at": 3, "counters": (2, 0)}, Verdict.OPEN, (3, 0)),
        # A threshold that was lowered meanwhile opens at the next failure.
        ({"good": False, "fail_at": 2, "counters": (7, 0)}, Verdict.OPEN, (8, 0)),
        ({"good": False, "fail_at": 3, "counters": (0, 9)}, Verdict.BELOW_THRESHOLD, (1, 0)),
        ({"good": False, "stands": True, "counters": (4, 0)}, Verdict.ADD_OCCURRENCE, (5, 0)),
        # A failure in the middle of a recovery belongs to what still stands, whatever the threshold.
        ({"good": False, "stands": True, "fail_at": 3, "counters": (0, 1)}, Verdict.ADD_OCCURRENCE, (1, 0)),
        ({"good": True}, Verdict.GOOD, (0, 1)),
        ({"good": True, "counters": (2, 0)}, Verdict.GOOD, (0, 1)),
        ({"good": True, "stands": True}, Verdict.RESOLVE, (0, 1)),
        ({"good": True, "stands": True, "heal_at": 2}, Verdict.RECOVERING, (0, 1)),
        ({"good": True, "stands": True, "heal_at": 2, "counters": (0, 1)}, Verdict.RESOLVE, (0, 2)),
        ({"good": True, "paused": True, "stands": True}, Verdict.NOT_JUDGED_PAUSED, (0, 0)),
        ({"good": False, "paused": True, "counters": (0, 3)}, Verdict.NOT_JUDGED_PAUSED, (0, 3)),
        ({"good": False, "occurred": NOON - SECOND, "last": NOON}, Verdict.NOT_JUDGED_OLDER, (0, 0)),
        ({"good": False, "occurred": NOON, "last": NOON}, Verdict.OPEN, (1, 0)),
        ({"good": False, "occurred": None, "last": NOON + SECOND}, Verdict.OPEN, (1, 0)),
        ({"good": False, "occurred": NOON, "last": None}, Verdict.OPEN, (1, 0)),
    ],
)
def test_one_close_gets_its_verdict_and_moves_the_counters(given_, verdict, after):
    judgement = judge(**given_)
    assert judgement == Judgement(verdict, Counters(*after))
    assert judgement.verdict.judged is (verdict not in {Verdict.NOT_JUDGED_OLDER, Verdict.NOT_JUDGED_PAUSED})


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_over_any_sequence_an_incident_opens_and_resolves_on_exactly_the_counts_in_a_row(closes, fail_at, heal_at):
    counters, stands = Counters(0, 0), False
    history: list[bool] = []
    for good in closes:
        judgement = judge_close(
            counters,
            good=good,
            incident_stands=stands,
            failure_threshold=fail_at,
            recovery_threshold=heal_at,
            paused=False,
            occurred_at=None,
            last_judged_close_at=None,
        )
        history.append(good)
        in_row = next((i for i, past in enumerate(reversed(history)) if past != good), len(history))
        counters = judgement.counters
        assert counters == (Counters(0, in_row) if good else Counters(in_row, 0))
        if judgement.verdict is Verdict.OPEN:
            assert not stands
            assert in_row >= fail_at
            stands = True
        elif judgement.verdict is Verdict.RESOLVE:
            assert stands
            assert in_row >= heal_at
            stands = False
        else:
            assert stands == (judgement.verdict in {Verdict.ADD_OCCURRENCE, Verdict.RECOVERING})
            if not stands:
                assert good or in_row < fail_at


def test_a_timeline_keeps_the_first_and_the_last_hundred_occurrences():
    kept: set[int] = set()
    for number in range(1, 1_001):
        kept.add(number)
        kept.discard(occurrence_to_drop(number))
        assert len(kept) <= 2 * OCCURRENCES_KEPT_EACH_END
    assert kept == {*range(1, 101), *range(901, 1_001)}
