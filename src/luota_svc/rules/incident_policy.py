"""When a promise counts as broken and when as mended. Pure: counters and thresholds in, a named verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What a judged close does to the monitor's `failed` incident."""

    NOT_JUDGED_PAUSED = "not_judged_paused"
    NOT_JUDGED_OLDER = "not_judged_older"
    BELOW_THRESHOLD = "below_threshold"
    OPEN = "open"
    ADD_OCCURRENCE = "add_occurrence"
    RECOVERING = "recovering"
    RESOLVE = "resolve"
    GOOD = "good"

    @property
    def judged(self) -> bool:
        """Tell whether the close moved the counters."""
        return self not in {Verdict.NOT_JUDGED_PAUSED, Verdict.NOT_JUDGED_OLDER}


@dataclass(frozen=True, slots=True)
class Counters:
    """Judged closes in a row, in commit order; one of the two is 0."""

    failures_in_row: int
    successes_in_row: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and the counters after it."""

    verdict: Verdict
    counters: Counters


def judge_close(
    counters: Counters,
    *,
    good: bool,
    incident_stands: bool,
    failure_threshold: int,
    recovery_threshold: int,
    paused: bool,
    occurred_at: datetime | None,
    last_judged_close_at: datetime | None,
) -> Judgement:
    """Judge one close of a run against its monitor's thresholds.

    A paused monitor is recorded and not judged. A close that says of itself that it is older than the last judged
    one came late over the network: it is evidence only, or an old failure would undo a newer success.
    """
    if paused:
        return Judgement(Verdict.NOT_JUDGED_PAUSED, counters)
    if occurred_at is not None and last_judged_close_at is not None and occurred_at < last_judged_close_at:
        return Judgement(Verdict.NOT_JUDGED_OLDER, counters)
    if good:
        after = Counters(0, counters.successes_in_row + 1)
        if not incident_stands:
            return Judgement(Verdict.GOOD, after)
        mended = after.successes_in_row >= recovery_threshold
        return Judgement(Verdict.RESOLVE if mended else Verdict.RECOVERING, after)
    after = Counters(counters.failures_in_row + 1, 0)
    if incident_stands:
        return Judgement(Verdict.ADD_OCCURRENCE, after)
    broken = after.failures_in_row >= failure_threshold
    return Judgement(Verdict.OPEN if broken else Verdict.BELOW_THRESHOLD, after)


# The timeline keeps the first and the last so many occurrences; all are counted.
OCCURRENCES_KEPT_EACH_END = 100


def occurrence_to_drop(occurrence_number: int) -> int | None:
    """Return the occurrence in the middle that this new one pushes out of the timeline, if any."""
    leaving = occurrence_number - OCCURRENCES_KEPT_EACH_END
    return leaving if leaving > OCCURRENCES_KEPT_EACH_END else None
