"""What was refused a moment ago is refused without Redis, and nothing else is."""

import uuid

import pytest

from luota_svc.clock import StubClock
from luota_svc.limits.buckets import Bucket, Charge, Verdict
from luota_svc.limits.denials import DenialMemory
from luota_svc.model.errors import RateLimited
from luota_svc.model.limits import IngestLimits, KeySpend

BUCKET = Bucket("luota:{w}:minute", 5, 60_000, "ingest.workspace.minute", None)


def refusal(bucket=BUCKET, *, remaining=0, reset_ms=30_000):
    return Verdict(allowed=False, bucket=bucket, remaining=remaining, reset_ms=reset_ms)


def charge(*buckets, cost=1):
    return Charge("w", cost, buckets)


@pytest.fixture
def memory(clock):
    return DenialMemory(clock, entries_max=3)


def test_a_refusal_is_recalled_with_the_wait_that_is_left(memory, clock):
    memory.remember(refusal())
    clock.advance(0.5)
    assert memory.recall(charge(BUCKET)) == refusal(reset_ms=29_500)


@pytest.mark.parametrize(("reset_ms", "seconds"), [(30_000, 1.0), (400, 0.4)])
def test_a_refusal_is_forgotten_after_a_second_or_its_wait(memory, clock, reset_ms, seconds):
    memory.remember(refusal(reset_ms=reset_ms))
    clock.advance(seconds - 0.01)
    assert memory.recall(charge(BUCKET)) is not None
    clock.advance(0.02)
    assert memory.recall(charge(BUCKET)) is None


def test_a_smaller_cost_or_another_limit_or_bucket_is_not_refused(memory):
    memory.remember(refusal(remaining=2))
    assert memory.recall(charge(BUCKET, cost=3)) is not None
    assert memory.recall(charge(BUCKET, cost=2)) is None
    assert memory.recall(charge(BUCKET._replace(limit=6), cost=3)) is None
    assert memory.recall(charge(BUCKET._replace(key="luota:{v}:minute"), cost=3)) is None


def test_any_of_a_charges_buckets_can_refuse_it(memory):
    other = BUCKET._replace(key="luota:{w}:key:minute")
    memory.remember(refusal())
    assert memory.recall(charge(other, BUCKET)) == refusal()


def test_the_memory_is_bounded_and_forgets_the_oldest(memory):
    buckets = [BUCKET._replace(key=str(number)) for number in range(5)]
    for bucket in buckets:
        memory.remember(refusal(bucket))
    assert [memory.recall(charge(bucket)) is None for bucket in buckets] == [True, True, False, False, False]


async def test_a_flood_of_a_refused_subject_does_not_reach_redis(limiter, valkey, clock: StubClock):
    spend = KeySpend(uuid.uuid4(), uuid.uuid4(), "backup", IngestLimits(1, 0, 0, 0))
    await limiter.spend_keys([spend, spend])
    before = _calls(valkey)
    for _ in range(50):
        assert not (await limiter.spend_keys([spend]))[0].allowed
    assert _calls(valkey) == before
    clock.advance(1.1)
    assert not (await limiter.spend_keys([spend]))[0].allowed
    assert _calls(valkey) == before + 1


async def test_a_flood_of_a_strict_subject_does_not_reach_redis(limiter, valkey):
    before = _calls(valkey)
    await limiter.spend_strict("alice", "sign_in.minute", 1, 60)
    for _ in range(10):
        with pytest.raises(RateLimited):
            await limiter.spend_strict("alice", "sign_in.minute", 1, 60)
    assert _calls(valkey) == before + 2  # the spend and the first refusal


async def test_a_batch_sends_only_what_is_not_known_to_be_refused(limiter, valkey):
    workspace, key = uuid.uuid4(), uuid.uuid4()
    empty, full = (KeySpend(workspace, key, name, IngestLimits(1, 0, 0, 0)) for name in ("empty", "full"))
    await limiter.spend_keys([empty, empty])
    decisions = await limiter.spend_keys([empty, full, empty, full])
    assert [decision.allowed for decision in decisions] == [False, True, False, False]


def _calls(valkey):
    (line,) = [line for line in valkey.command("INFO", "commandstats").split(b"\r\n") if b"cmdstat_evalsha" in line]
    return int(line.split(b"calls=")[1].split(b",")[0])
