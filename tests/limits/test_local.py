"""The same buckets in memory."""

import uuid

from luota_svc.limits.buckets import charge_for_address
from luota_svc.limits.local import LocalBuckets
from luota_svc.model.limits import ALLOWED_UNKNOWN, IngestLimits, KeySpend, Policy


async def test_local_buckets_count_and_refill_whole(clock):
    buckets = LocalBuckets(clock)
    spend = KeySpend(uuid.uuid4(), uuid.uuid4(), "backup", IngestLimits(2, 3, 0, 0))
    decisions = await buckets.spend_keys([spend] * 3)
    assert [(decision.allowed, decision.remaining) for decision in decisions] == [(True, 1), (True, 0), (False, 0)]
    clock.advance(59)
    assert not (await buckets.spend_keys([spend]))[0].allowed
    clock.advance(1)
    again, refused = await buckets.spend_keys([spend] * 2)
    assert again.allowed
    assert (refused.allowed, refused.policy) == (False, Policy.MONITOR_TOKEN_HOUR)
    assert refused.reset_seconds >= 3_540


async def test_local_buckets_know_no_limit_as_redis_does(clock):
    assert await LocalBuckets(clock).spend_address("203.0.113.9", 0) == ALLOWED_UNKNOWN


async def test_a_step_of_the_wall_clock_refills_nothing(clock):
    buckets = LocalBuckets(clock)
    await buckets.spend_address("203.0.113.9", 1)
    clock.step(86_400)
    assert not (await buckets.spend_address("203.0.113.9", 1)).allowed


def test_local_buckets_are_bounded_and_forget_the_longest_untouched(clock):
    buckets = LocalBuckets(clock, keys_max=2)
    one, two, three = (charge_for_address(f"203.0.113.{n}", 2, 1) for n in range(3))
    for charge in (one, two, one, three):
        assert buckets.spend(charge).allowed
    assert not buckets.spend(one).allowed
    assert buckets.spend(two).remaining == 1
