"""The Limiter that shares its buckets with all other processes through Redis, and keeps answering without it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from luota_svc.limits.breaker import Breaker
from luota_svc.limits.buckets import (
    Charge,
    Verdict,
    charge_for_address,
    charge_for_key,
    charge_for_subject,
    decision_of,
)
from luota_svc.limits.denials import DenialMemory
from luota_svc.limits.gathering import CHARGES_PER_PIPELINE, Gathering, Member, Pipeline
from luota_svc.limits.local import LocalBuckets
from luota_svc.limits.wire import RedisAway, Wire
from luota_svc.model.errors import RateLimited, Unavailable
from luota_svc.model.limits import ALLOWED_UNKNOWN, Decision, KeySpend
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luota_svc.clock import Clock

_LOG = logging.getLogger(__name__)


class RedisLimiter:
    """Spends tokens in Redis; in this process's own memory while Redis is away.

    Callers that arrive while a pipeline is under way gather, and the next pipeline carries them all. There is no
    timer: a lone caller waits for nothing but its own round trip.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        on_degraded: Callable[[bool], None] = lambda _degraded: None,
        probe_seconds: float = 1.0,
    ) -> None:
        """Dial nothing yet; ValueError if `url` is not redis://, rediss:// or unix://.

        `on_degraded` is told once per change, on the event loop, and must be quick. While Redis is away it is asked
        once every `probe_seconds`, by a task of its own, so no caller ever waits for a probe.
        """
        self._clock = clock
        self._on_degraded = on_degraded
        self._probe_seconds = probe_seconds
        self._wire = Wire(url)
        self._breaker = Breaker(clock)
        self._denials = DenialMemory(clock)
        self._local = LocalBuckets(clock)
        self._gathering = Gathering()
        self._sending: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._closed = False
        self.last_trouble = ""  # what Redis (or its absence) said last

    @property
    def degraded(self) -> bool:
        """True while Redis is away and the buckets are this process's own."""
        return self._breaker.is_open

    async def open(self) -> None:
        """Connect and load the script. Never fails: without Redis the limiter starts degraded."""
        if not self._breaker.is_open:
            try:
                await self._wire.probe()
            except RedisAway as away:
                self._failed(away, refused=True)

    async def aclose(self) -> None:
        """Answer whoever waits, from local buckets, and hang up. Twice is harmless."""
        self._closed = True
        await _cancel(self._sending)
        await _cancel(self._probing)
        _give_up(self._gathering.take_all())  # a task cancelled before its first step has answered nobody
        await self._wire.drop()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    async def spend_address(self, address: str, limit: int, cost: int = 1) -> Decision:
        """Charge a source address (IPv6 already cut to its /64) `cost` tokens of its minute, all or nothing.

        A cost above the limit can never be met; it is refused with the whole interval as its wait.
        """
        return await self._decide(charge_for_address(address, limit, cost))

    async def spend_keys(self, spends: Sequence[KeySpend]) -> list[Decision]:
        """Charge each spend in order, each all or nothing over its buckets; answers stand in the same order."""
        if len(spends) == 1:
            return [await self._decide(charge_for_key(spends[0]))]
        return await self._decide_batch([charge_for_key(spend) for spend in spends])

    async def spend_call(
        self, address: str, address_limit: int, spends: Sequence[KeySpend]
    ) -> tuple[Decision, list[Decision]]:
        """Charge the address and then each spend, in one round trip.

        Two scripts, for they live in two slots: at the moment when an address runs dry its last call may still cost
        its own key a token. From then on the refusal is remembered, and refused calls cost nothing.
        """
        of_address = charge_for_address(address, address_limit, len(spends))
        if of_address.buckets and (denial := self._denials.recall(of_address)) is not None:
            return self._decision(denial), []
        if len(spends) > 1:
            first, *others = await self._decide_batch([of_address, *map(charge_for_key, spends)])
            return first, others
        # One signal is what comes thousands of times a second: both join before either is awaited.
        of_key = charge_for_key(spends[0])
        remembered = self._denials.recall(of_key)
        address_answer = self._send([of_address]) if of_address.buckets else None
        key_answer = self._send([of_key]) if of_key.buckets and remembered is None else None
        first = await self._settled(of_address, address_answer)
        if remembered is not None:
            return first, [self._decision(remembered)]
        return first, [await self._settled(of_key, key_answer)]

    async def _settled(self, charge: Charge, answer: asyncio.Future[list[Verdict] | None] | None) -> Decision:
        """Wait for what Redis says of one charge; decide here where it was not asked."""
        if not charge.buckets:
            return ALLOWED_UNKNOWN
        verdicts = None if answer is None else await answer
        return self._local_decision(charge) if verdicts is None else self._decision(verdicts[0])

    async def spend_strict(self, subject: str, policy_name: str, limit: int, interval_seconds: int) -> None:
        """Charge one token of a bucket of its own, for what must refuse when it cannot count.

        `limit` 0 allows always, even while Redis is away. RateLimited if empty, Unavailable if Redis is away.
        """
        charge = charge_for_subject(subject, policy_name, limit, interval_seconds)
        if not charge.buckets:
            return
        verdict = await self._ask(charge)
        if verdict is None:
            raise Unavailable(f"rate limits cannot be counted: {self.last_trouble}")
        decision = self._decision(verdict)
        if not decision.allowed:
            raise RateLimited(policy=policy_name, limit=limit, retry_after_seconds=decision.reset_seconds)

    async def _decide(self, charge: Charge) -> Decision:
        if not charge.buckets:
            return ALLOWED_UNKNOWN
        verdict = await self._ask(charge)
        return self._local_decision(charge) if verdict is None else self._decision(verdict)

    async def _ask(self, charge: Charge) -> Verdict | None:
        """Recall a refusal, or ask Redis; None if Redis is away."""
        denial = self._denials.recall(charge)
        if denial is not None:
            return denial
        answer = self._send([charge])
        verdicts = None if answer is None else await answer
        return None if verdicts is None else verdicts[0]

    async def _decide_batch(self, charges: list[Charge]) -> list[Decision]:
        decisions = [ALLOWED_UNKNOWN] * len(charges)
        asked: dict[str, list[int]] = {}  # tag -> places in `charges`
        for place, charge in enumerate(charges):
            if not charge.buckets:
                continue
            denial = self._denials.recall(charge)
            if denial is None:
                asked.setdefault(charge.tag, []).append(place)
            else:
                decisions[place] = self._decision(denial)
        parts = [part for places in asked.values() for part in _parts(places)]
        # All join before the first is awaited, so they travel together.
        answers = [self._send([charges[place] for place in part]) for part in parts]
        for part, answer in zip(parts, answers, strict=True):
            verdicts = None if answer is None else await answer
            if verdicts is None:
                for place in part:
                    decisions[place] = self._local_decision(charges[place])
            else:
                for place, verdict in zip(part, verdicts, strict=True):
                    decisions[place] = self._decision(verdict)
        return decisions

    def _decision(self, verdict: Verdict) -> Decision:
        return decision_of(verdict, 0.0 if verdict.allowed else self._clock.jitter())

    def _local_decision(self, charge: Charge) -> Decision:
        """Decide without Redis: only a refusal is certain, so only a refusal shows numbers."""
        verdict = self._local.spend(charge)
        return ALLOWED_UNKNOWN if verdict.allowed else decision_of(verdict, self._clock.jitter())

    def _send(self, charges: list[Charge]) -> asyncio.Future[list[Verdict] | None] | None:
        """Join the next pipeline; None if Redis is away, this limiter is closed, or too many wait."""
        if self._closed or self._breaker.is_open:
            return None
        member = Member(charges, asyncio.get_running_loop().create_future())
        if not self._gathering.join(member):
            return None
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_gathered(), name="limits-send")
        return member.answer

    async def _send_gathered(self) -> None:
        """Send pipelines until nobody waits."""
        members: list[Member] = []
        try:
            while self._gathering:
                members = self._gathering.take()
                pipeline = Pipeline(members)
                try:
                    answers = await self._wire.spend(pipeline.calls)
                except RedisAway as away:
                    self._failed(away, refused=away.refused)
                    # Those who gathered behind a Redis that hangs have waited long enough.
                    _give_up(members + self._gathering.take_all())
                else:
                    pipeline.settle(answers, self._denials.remember)
        finally:  # closed in mid-flight: nobody is left hanging
            _give_up(members + self._gathering.take_all())

    def _failed(self, away: RedisAway, *, refused: bool) -> None:
        self.last_trouble = str(away)
        was_open = self._breaker.is_open
        self._breaker.failed(refused=refused)
        if self._breaker.is_open and not was_open and not self._closed:
            self._probing = asyncio.create_task(self._probe_until_back(), name="limits-probe")
            _LOG.warning(names.LOG_RATELIMIT_DEGRADED, extra={"reason": self.last_trouble})
            self._on_degraded(True)

    async def _probe_until_back(self) -> None:
        while self._breaker.is_open:
            await asyncio.sleep(self._probe_seconds)
            try:
                await self._wire.probe()
            except RedisAway as away:
                self.last_trouble = str(away)
            else:
                self._breaker.recovered()
                _LOG.info(names.LOG_RATELIMIT_RESTORED)
                self._on_degraded(False)


def _parts(places: list[int]) -> list[list[int]]:
    """Cut a batch's places so that each part fits into one pipeline."""
    return [places[start : start + CHARGES_PER_PIPELINE] for start in range(0, len(places), CHARGES_PER_PIPELINE)]


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task])


def _give_up(members: list[Member]) -> None:
    for member in members:
        if not member.answer.done():
            member.answer.set_result(None)
