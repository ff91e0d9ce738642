"""Charges that wait for the next pipeline, and the pipeline they become. No Redis, no time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from luota_svc.limits.buckets import Charge, Verdict
from luota_svc.limits.wire import ScriptCall

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

# One script call holds Redis for about a microsecond a bucket; so this many charges hold it for some milliseconds.
CHARGES_PER_PIPELINE = 1_024
CHARGES_WAITING_MAX = 8_192


class Member(NamedTuple):
    """One caller's charges, all of one tag, and where it waits: None is told when Redis does not know."""

    charges: list[Charge]
    answer: Future[list[Verdict] | None]


class Gathering:
    """The members that arrived while a pipeline is under way, oldest first."""

    def __init__(self) -> None:
        self._members: deque[Member] = deque()
        self._charges = 0

    def __bool__(self) -> bool:
        return bool(self._members)

    def join(self, member: Member) -> bool:
        """Take the member in; False if too many wait already."""
        if self._charges + len(member.charges) > CHARGES_WAITING_MAX:
            return False
        self._members.append(member)
        self._charges += len(member.charges)
        return True

    def take(self, most: int = CHARGES_PER_PIPELINE) -> list[Member]:
        """Remove the oldest members, at most `most` charges but at least one member."""
        taken: list[Member] = []
        charges = 0
        while self._members and (not taken or charges + len(self._members[0].charges) <= most):
            member = self._members.popleft()
            charges += len(member.charges)
            taken.append(member)
        self._charges -= charges
        return taken

    def take_all(self) -> list[Member]:
        """Remove everybody."""
        return self.take(CHARGES_WAITING_MAX)


class Pipeline:
    """One script call a tag for these members. Whoever no longer waits is left out and charged nothing."""

    def __init__(self, members: list[Member]) -> None:
        groups: dict[str, list[Member]] = {}
        for member in members:
            if not member.answer.done():
                groups.setdefault(member.charges[0].tag, []).append(member)
        self._groups = list(groups.values())
        self.calls = [_call(group) for group in self._groups]

    def settle(self, answers: list[list[int]], on_refusal: Callable[[Verdict], None]) -> None:
        """Tell every member its verdicts, from one answer a call, and `on_refusal` each that refuses."""
        for group, numbers in zip(self._groups, answers, strict=True):
            told = zip(*[iter(numbers)] * 4, strict=True)
            for member in group:
                verdicts = []
                for charge in member.charges:
                    allowed, tightest, remaining, reset_ms = next(told)
                    verdict = Verdict(allowed == 1, charge.buckets[tightest - 1], remaining, reset_ms)
                    if not allowed:
                        on_refusal(verdict)
                    verdicts.append(verdict)
                if not member.answer.done():
                    member.answer.set_result(verdicts)


def _call(group: list[Member]) -> ScriptCall:
    indexes: dict[str, int] = {}
    intervals: list[int] = []
    spends: list[int] = []
    for member in group:
        for charge in member.charges:
            spends += (charge.cost, len(charge.buckets))
            for bucket in charge.buckets:
                index = indexes.get(bucket.key)
                if index is None:
                    intervals.append(bucket.interval_ms)
                    index = indexes[bucket.key] = len(intervals)
                spends += (index, bucket.limit)
    return ScriptCall(list(indexes), intervals, spends)
