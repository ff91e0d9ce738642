"""The pace of messages to people, by tables and by worlds in which anything breaks at any instant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luota_svc.model.destinations import Pace
from luota_svc.rules.pace import Paced, after_message, pace

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
MINUTE = 60.0


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


# What it remembers (last message, in a row, storm until; seconds from now), waiting, critical: goes at, gathered.
CASES = [
    ("never told", (None, 0, None), 1, False, 0, False),
    ("never told, a few", (None, 0, None), 5, False, 0, False),
    ("never told, a crowd", (None, 0, None), 6, False, 0, True),
    ("never told, a few, one critical", (None, 0, None), 2, True, 0, True),
    ("never told, one, critical", (None, 0, None), 1, True, 0, False),
    ("told a minute ago, in a storm", (-60, 9, 0), 1, False, 0, False),
    ("told a minute ago, a crowd", (-60, 9, 0), 6, False, 0, True),
    ("calm, just told", (0, 1, None), 1, False, 3, False),
    ("calm, told a while ago", (-40, 1, None), 5, False, -37, False),
    ("calm, a critical one with others", (0, 4, None), 2, True, 3, True),
    ("calm, a critical one alone", (0, 4, None), 1, True, 3, False),
    ("a crowd", (0, 1, None), 6, False, 31, True),
    ("a crowd, one critical", (0, 1, None), 6, True, 29.5, True),
    ("many in a row", (0, 5, 60), 1, False, 31, True),
    ("many in a row, one critical", (0, 5, 60), 1, True, 29.5, True),
    ("a storm that goes on", (-10, 2, 50), 1, False, 21, True),
    ("a storm that is over", (-35, 2, -1), 1, False, -32, False),
]


@pytest.mark.parametrize(("remembers", "waiting", "critical", "goes_at", "gather"), [case[1:] for case in CASES])
def test_the_next_message_goes_and_gathers(remembers, waiting, critical, goes_at, gather):
    last, in_row, storm = remembers
    state = Pace(None if last is None else at(last), in_row, None if storm is None else at(storm))

    assert pace(state, waiting=waiting, critical=critical, now=NOW) == Paced(at(goes_at), gather)


@pytest.mark.parametrize(
    ("before", "gathered", "after"),
    [
        (Pace(), 1, Pace(NOW, 1)),
        (Pace(), 6, Pace(NOW, 1, at(60))),
        (Pace(at(-59), 3), 5, Pace(NOW, 4)),
        (Pace(at(-59), 4), 1, Pace(NOW, 5, at(60))),
        (Pace(at(-60), 4), 1, Pace(NOW, 1)),
        (Pace(at(-31), 2, at(29)), 2, Pace(NOW, 3, at(60))),
        (Pace(at(-31), 2, at(-1)), 2, Pace(NOW, 3)),
        (Pace(at(-61), 8, at(-1)), 2, Pace(NOW, 1)),
        (Pace(at(-31), 7, at(29)), 1, Pace(NOW, 8, at(60))),
    ],
)
def test_a_message_is_remembered(before, gathered, after):
    assert after_message(before, gathered, NOW) == after


@dataclass(order=True)
class Word:
    arrives: float
    critical: bool = False


@dataclass
class Message:
    goes: float
    words: list[Word] = field(default_factory=list)


def told(words: list[Word], *, looks_late: float = 0.0) -> list[Message]:
    """Let a worker tell these; it looks whenever a word comes and when one may go, each time so many seconds late."""
    coming, waiting, messages, state, now = sorted(words), [], [], Pace(), NOW
    while coming or waiting:
        wakes = [at(coming[0].arrives)] if coming else []
        if waiting:
            wakes.append(asked(state, waiting, now).goes_at)
        now = max(now, min(wakes) + timedelta(seconds=looks_late))
        while coming and at(coming[0].arrives) <= now:
            waiting.append(coming.pop(0))
        paced = asked(state, waiting, now)
        if paced.goes_at <= now:
            goes = waiting if paced.gather else waiting[:1]
            messages.append(Message((now - NOW).total_seconds(), goes))
            waiting = waiting[len(goes) :]
            state = after_message(state, len(goes), now)
    return messages


def asked(state: Pace, waiting: list[Word], now: datetime) -> Paced:
    return pace(state, waiting=min(len(waiting), 6), critical=any(word.critical for word in waiting), now=now)


def named(messages: list[Message]) -> list[Word]:
    return sorted(word for message in messages for word in message.words)


LATE = st.sampled_from([0.0, 0.05, 0.4])


@settings(max_examples=300)
@given(st.integers(20, 200), st.floats(0, 1), LATE)
def test_two_hundred_that_break_evenly_or_at_once_make_three_messages(count, spread, late):
    """As dense as 200 in a minute, or denser: down to all in one instant."""
    step = spread * MINUTE / 200
    words = [Word(number * step) for number in range(count)]

    messages = told(words, looks_late=late)

    assert len(messages) <= 3
    assert named(messages) == words


@settings(max_examples=200)
@given(st.floats(0, 20), st.floats(0.001, MINUTE), st.floats(0, 1), LATE)
def test_two_hundred_within_a_minute_of_which_the_first_come_densely_make_three_messages(first, span, share, late):
    early = int(50 + 149 * share)
    words = [Word(min(first, span) * n / early) for n in range(early)]
    words += [Word(min(first, span) + (span - min(first, span)) * n / (200 - early)) for n in range(1, 201 - early)]

    assert len(told(words, looks_late=late)) <= 3


ARRIVALS = st.lists(st.floats(0, MINUTE), min_size=1, max_size=200)
# Few, so that each of them decides something: how crowds come about is what makes many messages.
SPARSE = st.lists(st.integers(0, 600).map(lambda tenths: tenths / 10), min_size=1, max_size=14)


@settings(max_examples=600)
@given(st.one_of(ARRIVALS, SPARSE), LATE)
def test_whatever_breaks_within_a_minute_makes_seven_messages_at_most(instants, late):
    words = [Word(instant) for instant in instants]

    messages = told(words, looks_late=late)

    assert len(messages) <= 7
    assert named(messages) == sorted(words)


def test_seven_messages_do_come_about():
    words = [Word(instant) for instant in (0, 3, 6, 9, 12, 20, 60)]

    assert [message.goes for message in told(words)] == [0, 3, 6, 9, 12, 43, 74]


@settings(max_examples=600)
@given(st.lists(st.builds(Word, st.floats(0, 600), st.booleans()), min_size=1, max_size=200), LATE)
def test_a_critical_one_never_waits_for_more_than_half_a_minute(words, late):
    messages = told(words, looks_late=late)

    waits = [message.goes - word.arrives for message in messages for word in message.words if word.critical]
    assert max(waits, default=0) <= 29.5 + 2 * late + 0.001
    assert named(messages) == sorted(words)


@settings(max_examples=300)
@given(st.lists(st.builds(Word, st.floats(0, MINUTE), st.booleans()), min_size=1, max_size=200))
def test_critical_ones_among_them_make_no_more(words):
    assert len(told(words)) <= 7


@settings(max_examples=100)
@given(st.integers(20, 200), st.floats(0, 1), LATE)
def test_a_crowd_of_critical_ones_makes_four_messages(count, spread, late):
    words = [Word(number * spread * MINUTE / 200, critical=True) for number in range(count)]

    assert len(told(words, looks_late=late)) <= 4
