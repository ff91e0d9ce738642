"""Redis and the local buckets against one plain reference, over random spends, costs, limits and times."""

import asyncio
import math
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luota_svc.clock import StubClock
from luota_svc.limits.buckets import charge_for_address, charge_for_key
from luota_svc.limits.gathering import Member, Pipeline
from luota_svc.limits.local import LocalBuckets
from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.limits.wire import Wire
from luota_svc.model.limits import IngestLimits, KeySpend

WORKSPACE, KEY = uuid.UUID(int=1), uuid.UUID(int=2)

limits = st.builds(IngestLimits, st.integers(0, 6), st.integers(0, 8), st.integers(0, 10), st.just(0))
spends = st.builds(KeySpend, st.just(WORKSPACE), st.just(KEY), st.sampled_from(["a", "b"]), limits)
batches = st.lists(spends, min_size=1, max_size=8)
addresses = st.tuples(st.just("203.0.113.9"), st.integers(1, 6), st.integers(1, 7))
steps = st.lists(st.one_of(batches, addresses, st.sampled_from([1, 30, 59, 60, 3_540])), max_size=12)


class Reference:
    """The published promise in the plainest words: a list of what was taken, and when its interval began."""

    def __init__(self):
        self.now = 0
        self.taken = {}  # key -> (began, [costs])

    def spend(self, charge):
        states = []
        for bucket in charge.buckets:
            began, costs = self.taken.get(bucket.key, (None, []))
            if began is None or self.now >= began + bucket.interval_ms:
                began, costs = self.now, []
            states.append((bucket, began, costs))
        short = [
            (began + bucket.interval_ms - self.now, bucket)
            for bucket, began, costs in states
            if sum(costs) + charge.cost > bucket.limit
        ]
        if short:
            return (False, max(wait for wait, _ in short))
        for bucket, began, costs in states:
            self.taken[bucket.key] = (began, [*costs, charge.cost])
        return (True, min(bucket.limit - sum(self.taken[bucket.key][1]) for bucket in charge.buckets))


def charges_of(step):
    charges = [charge_for_address(*step)] if isinstance(step, tuple) else [charge_for_key(spend) for spend in step]
    return [charge for charge in charges if charge.buckets]


def told(verdict):
    return (verdict.allowed, verdict.remaining if verdict.allowed else verdict.reset_ms)


@given(steps)
@settings(max_examples=300)
def test_local_buckets_keep_the_promise(steps):
    clock, reference = StubClock(), Reference()
    local = LocalBuckets(clock)
    for step in steps:
        if isinstance(step, int):
            clock.advance(step)
            reference.now += step * 1_000
        for charge in [] if isinstance(step, int) else charges_of(step):
            assert told(local.spend(charge)) == reference.spend(charge)


@given(steps=steps)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_redis_buckets_keep_the_promise(valkey, steps):
    """Time passes by making every bucket older; the milliseconds that really pass are allowed for in the waits."""
    valkey.command("FLUSHALL")

    async def run():
        wire, reference = Wire(valkey.url), Reference()
        await wire.probe()
        try:
            for step in steps:
                if isinstance(step, int):
                    await asyncio.to_thread(valkey.age, step)
                    reference.now += step * 1_000
                elif charges := charges_of(step):
                    await compare(wire, charges, reference)
        finally:
            await wire.drop()

    asyncio.run(run())


async def compare(wire, charges, reference):
    member = Member(charges, asyncio.get_running_loop().create_future())
    pipeline = Pipeline([member])
    pipeline.settle(await wire.spend(pipeline.calls), lambda _refusal: None)
    for charge, verdict in zip(charges, member.answer.result(), strict=True):
        allowed, number = told(verdict)
        assert (allowed, number) == (reference_said := reference.spend(charge)) or (
            not allowed and not reference_said[0] and number == pytest.approx(reference_said[1], abs=999)
        )


@given(st.integers(0, 3_600_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_rounded_up_and_stretched_by_a_fifth_at_most(reset_ms, jitter):
    from luota_svc.limits.buckets import Verdict, decision_of

    (bucket,) = charge_for_address("203.0.113.9", 5, 1).buckets
    seconds = decision_of(Verdict(False, bucket, 0, reset_ms), jitter).reset_seconds
    assert max(1, math.ceil(reset_ms / 1_000)) <= seconds <= max(1, math.ceil(reset_ms / 1_000)) * 1.2


def test_a_limiter_needs_no_running_loop_to_be_made():
    RedisLimiter("redis://127.0.0.1:1", StubClock())
