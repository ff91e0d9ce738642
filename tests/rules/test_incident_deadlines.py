"""What time alone does to an incident that stands."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.incident_deadlines import Waiting
from luota_svc.model.incidents import IncidentState, TimelineEvent
from luota_svc.rules.incident_deadlines import QUIET_LOOK_AFTER, Look, Word, look, next_look_at

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
OPEN, ACKNOWLEDGED = IncidentState.OPEN, IncidentState.ACKNOWLEDGED
QUIET_ENDED, ACKNOWLEDGEMENT_ENDED = TimelineEvent.QUIET_ENDED, TimelineEvent.ACKNOWLEDGEMENT_ENDED


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


def waiting(state=OPEN, *, tell=None, remind=None, until=None) -> Waiting:
    return Waiting(state, tell is not None, tell, remind, until)


# What it waits for; until when it is quiet; how often it reminds; what happened, who is told, what it waits for then.
CASES = [
    ("quiet over", waiting(tell=NOW), None, 0, (QUIET_ENDED,), Word.OPENED, waiting(), None),
    (
        "quiet over, reminders begin",
        waiting(tell=NOW),
        None,
        600,
        (QUIET_ENDED,),
        Word.OPENED,
        waiting(remind=minutes(10)),
        minutes(10),
    ),
    (
        "quiet over early, by hand",
        waiting(tell=minutes(60)),
        None,
        0,
        (QUIET_ENDED,),
        Word.OPENED,
        waiting(),
        None,
    ),
    (
        "quiet over, and acknowledged",
        waiting(ACKNOWLEDGED, tell=NOW, until=minutes(30)),
        None,
        600,
        (QUIET_ENDED,),
        Word.NONE,
        waiting(ACKNOWLEDGED, until=minutes(30)),
        minutes(30),
    ),
    (
        "quiet over, and acknowledged without an end",
        waiting(ACKNOWLEDGED, tell=NOW),
        None,
        600,
        (QUIET_ENDED,),
        Word.NONE,
        waiting(ACKNOWLEDGED),
        None,
    ),
    (
        "quiet goes on",
        waiting(tell=NOW),
        minutes(0.5),
        600,
        (),
        Word.NONE,
        waiting(tell=minutes(0.5)),
        minutes(0.5),
    ),
    (
        "quiet goes on for long: looked at again soon",
        waiting(tell=NOW),
        minutes(600),
        600,
        (),
        Word.NONE,
        waiting(tell=minutes(600)),
        NOW + QUIET_LOOK_AFTER,
    ),
    (
        "acknowledgement over",
        waiting(ACKNOWLEDGED, until=NOW),
        None,
        600,
        (ACKNOWLEDGEMENT_ENDED,),
        Word.REMINDER,
        waiting(remind=minutes(10)),
        minutes(10),
    ),
    (
        "acknowledgement over, without reminders: told once again",
        waiting(ACKNOWLEDGED, until=NOW),
        None,
        0,
        (ACKNOWLEDGEMENT_ENDED,),
        Word.REMINDER,
        waiting(),
        None,
    ),
    (
        "acknowledgement over in a quiet time: the word waits for its end",
        waiting(ACKNOWLEDGED, until=NOW),
        minutes(0.5),
        600,
        (ACKNOWLEDGEMENT_ENDED,),
        Word.NONE,
        waiting(remind=NOW),
        minutes(0.5),
    ),
    (
        "acknowledgement over in the quiet time that it opened in",
        waiting(ACKNOWLEDGED, tell=minutes(0.5), until=NOW),
        minutes(0.5),
        600,
        (ACKNOWLEDGEMENT_ENDED,),
        Word.NONE,
        waiting(tell=minutes(0.5), remind=NOW),
        minutes(0.5),
    ),
    (
        "both over: told once",
        waiting(ACKNOWLEDGED, tell=NOW, until=NOW),
        None,
        600,
        (ACKNOWLEDGEMENT_ENDED, QUIET_ENDED),
        Word.OPENED,
        waiting(remind=minutes(10)),
        minutes(10),
    ),
    ("reminder due", waiting(remind=NOW), None, 600, (), Word.REMINDER, waiting(remind=minutes(10)), minutes(10)),
    (
        "reminder due a while ago: the next keeps the beat",
        waiting(remind=minutes(-2)),
        None,
        600,
        (),
        Word.REMINDER,
        waiting(remind=minutes(8)),
        minutes(8),
    ),
    (
        "reminders missed: said once",
        waiting(remind=minutes(-35)),
        None,
        600,
        (),
        Word.REMINDER,
        waiting(remind=minutes(10)),
        minutes(10),
    ),
    (
        "reminder due in a quiet time: it waits for its end",
        waiting(remind=NOW),
        minutes(0.5),
        600,
        (),
        Word.NONE,
        waiting(remind=NOW),
        minutes(0.5),
    ),
    (
        "a word that waited for the end of a quiet time, without reminders",
        waiting(remind=NOW),
        None,
        0,
        (),
        Word.REMINDER,
        waiting(),
        None,
    ),
    (
        "nothing is due yet",
        waiting(remind=minutes(5)),
        None,
        600,
        (),
        Word.NONE,
        waiting(remind=minutes(5)),
        minutes(5),
    ),
    (
        "acknowledged and nothing is due",
        waiting(ACKNOWLEDGED, until=minutes(5)),
        None,
        600,
        (),
        Word.NONE,
        waiting(ACKNOWLEDGED, until=minutes(5)),
        minutes(5),
    ),
]


@pytest.mark.parametrize(
    ("before", "quiet", "every", "events", "word", "after", "next_look"),
    [c[1:] for c in CASES],
    ids=[c[0] for c in CASES],
)
def test_a_look_finds_what_time_did(before, quiet, every, events, word, after, next_look):
    found = look(before, quiet_until=quiet, remind_every_seconds=every, now=NOW)
    assert found == Look(events, word, after, next_look)


INSTANTS = st.none() | st.integers(-90, 90).map(minutes)


@given(
    st.builds(
        Waiting,
        state=st.sampled_from([OPEN, ACKNOWLEDGED]),
        muted=st.booleans(),
        tell_at=INSTANTS,
        next_reminder_at=INSTANTS,
        acknowledged_until=INSTANTS,
    ),
    st.none() | st.integers(1, 90).map(minutes),
    st.sampled_from([0, 60, 3_600]),
)
def test_a_second_look_at_the_same_instant_says_nothing_and_no_look_is_due_at_once(before, quiet, every):
    first = look(before, quiet_until=quiet, remind_every_seconds=every, now=NOW)
    second = look(first.after, quiet_until=quiet, remind_every_seconds=every, now=NOW)
    assert (second.events, second.word) == ((), Word.NONE)
    assert first.next_look_at is None or first.next_look_at > NOW
    if quiet is not None:
        assert first.word is Word.NONE


def test_what_waits_for_nothing_is_never_looked_at():
    assert next_look_at(waiting(), now=NOW) is None
