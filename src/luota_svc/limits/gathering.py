"""Charges that wait for the next pipeline, and the pipeline they become. No Redis, no time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from luota_svc.limits.buckets import Bucket, Charge, Verdict
from luota_svc.limits.wire import ScriptCall

if TYPE_CHECKING:
    from asyncio import Future

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
        self._groups: dict[str, list[Member]] = {}
        for member in members:
            if not member.answer.done():
                self._groups.setdefault(member.charges[0].tag, []).append(member)
        self._buckets: list[list[Bucket]] = []
        self.calls = [self._call(group) for group in self._groups.values()]

    def settle(self, answers: list[list[int]]) -> None:
        """Tell every member its verdicts, from one answer a call."""
        for group, buckets, numbers in zip(self._groups.values(), self._buckets, answers, strict=True):
            told = zip(*[iter(numbers)] * 4, strict=True)
            for member in group:
                verdicts = [
                    Verdict(bool(allowed), buckets[slot - 1], remaining, reset_ms)
                    for _, (allowed, slot, remaining, reset_ms) in zip(member.charges, told, strict=False)
                ]
                if not member.answer.done():
                    member.answer.set_result(verdicts)

    def _call(self, group: list[Member]) -> ScriptCall:
        slots: dict[tuple[str, int], int] = {}
        buckets: list[Bucket] = []
        spends: list[str] = []
        for member in group:
            for charge in member.charges:
                spends.append(f"{charge.cost} {len(charge.buckets)}")
                for bucket in charge.buckets:
                    slot = slots.get((bucket.key, bucket.limit))
                    if slot is None:
                        buckets.append(bucket)
                        slot = slots[bucket.key, bucket.limit] = len(buckets)
                    spends.append(str(slot))
        self._buckets.append(buckets)
        return ScriptCall(
            keys=[bucket.key for bucket in buckets],
            buckets=" ".join(f"{bucket.limit} {bucket.interval_ms}" for bucket in buckets),
            spends=" ".join(spends),
        )
