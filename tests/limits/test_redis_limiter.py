"""Shared buckets in a real Valkey: exact, all or nothing, whole at the interval's end."""

import asyncio
import uuid
from collections import Counter

import pytest

from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.model.errors import RateLimited
from luota_svc.model.limits import ALLOWED_UNKNOWN, IngestLimits, KeySpend, Policy

KEY_ID = uuid.UUID(int=7)


def spend_of(workspace_id, *, monitor="backup", minute=0, hour=0, workspace=0):
    return KeySpend(workspace_id, KEY_ID, monitor, IngestLimits(minute, hour, workspace, 0))


async def test_parallel_callers_of_two_processes_get_exactly_the_tokens_of_a_bucket(valkey, clock, workspace_id):
    async with RedisLimiter(valkey.url, clock) as one, RedisLimiter(valkey.url, clock) as two:
        spend = spend_of(workspace_id, minute=60)
        answers = await asyncio.gather(*(limiter.spend_keys([spend]) for limiter in [one, two] * 100))
    allowed = [decision for (decision,) in answers if decision.allowed]
    assert len(allowed) == 60
    assert sorted(decision.remaining for decision in allowed) == list(range(60))


async def test_a_batch_is_charged_in_order_and_refuses_only_what_does_not_fit(limiter, workspace_id):
    decisions = await limiter.spend_keys([spend_of(workspace_id, minute=3)] * 5)
    assert [decision.allowed for decision in decisions] == [True, True, True, False, False]
    assert [decision.remaining for decision in decisions] == [2, 1, 0, 0, 0]


async def test_a_refused_spend_charges_none_of_its_buckets(limiter, valkey, workspace_id):
    await limiter.spend_keys([spend_of(workspace_id, minute=1, workspace=10)])
    refused = await limiter.spend_keys([spend_of(workspace_id, minute=1, workspace=10)] * 5)
    assert Counter(decision.allowed for decision in refused) == {False: 5}
    (other,) = await limiter.spend_keys([spend_of(workspace_id, monitor="other", workspace=10)])
    assert (other.policy, other.remaining) == (Policy.WORKSPACE_MINUTE, 8)


async def test_the_answer_names_the_bucket_with_the_fewest_tokens_left(limiter, workspace_id):
    (first,) = await limiter.spend_keys([spend_of(workspace_id, minute=10, hour=5, workspace=7)])
    assert (first.policy, first.limit, first.remaining) == (Policy.MONITOR_TOKEN_HOUR, 5, 4)
    assert first.reset_seconds == 3600


async def test_of_equally_empty_buckets_the_answer_names_the_one_that_fills_last(limiter, workspace_id):
    (decision,) = await limiter.spend_keys([spend_of(workspace_id, minute=5, hour=5, workspace=5)])
    assert (decision.policy, decision.reset_seconds) == (Policy.MONITOR_TOKEN_HOUR, 3600)


async def test_a_refusal_names_the_empty_bucket_that_fills_last(limiter, workspace_id):
    spend = spend_of(workspace_id, minute=1, hour=1, workspace=1)
    _, refused = await limiter.spend_keys([spend, spend])
    assert (refused.allowed, refused.policy, refused.limit) == (False, Policy.MONITOR_TOKEN_HOUR, 1)


async def test_the_wait_of_a_refusal_is_true_and_at_most_a_fifth_longer(limiter, valkey, clock, workspace_id):
    spend = spend_of(workspace_id, minute=1)
    await limiter.spend_keys([spend])
    valkey.age(39)
    waits = []
    for _ in range(20):
        clock.advance(1.1)  # past the denial memory
        (refused,) = await limiter.spend_keys([spend])
        waits.append(refused.reset_seconds)
    assert min(waits) >= 20
    assert max(waits) <= 26
    assert len(set(waits)) > 1


async def test_a_bucket_is_full_again_at_once_when_its_interval_has_passed_and_not_before(
    limiter, valkey, clock, workspace_id
):
    spend = spend_of(workspace_id, minute=60)
    assert all(decision.allowed for decision in await limiter.spend_keys([spend] * 60))
    valkey.age(55)
    assert not (await limiter.spend_keys([spend]))[0].allowed
    valkey.age(5)
    clock.advance(1.1)
    decisions = await limiter.spend_keys([spend] * 61)
    assert [decision.allowed for decision in decisions] == [True] * 60 + [False]
    assert decisions[0].reset_seconds == 60


async def test_keys_vanish_with_their_interval(limiter, valkey, workspace_id):
    await limiter.spend_keys([spend_of(workspace_id, minute=60, hour=5)])
    await limiter.spend_address("203.0.113.9", 5)
    script = "local t = {} for _, k in ipairs(redis.call('KEYS', '*')) do t[#t+1] = redis.call('PTTL', k) end return t"
    lines = valkey.command("EVAL", script, "0").split(b"\r\n")
    times = sorted(int(line[1:]) for line in lines if line.startswith(b":"))
    assert len(times) == 4  # and the probe's
    assert 0 < times[0] <= 1_000
    assert all(50_000 < time <= 60_000 for time in times[1:3])
    assert 3_500_000 < times[3] <= 3_600_000


async def test_a_stored_time_ahead_of_the_server_costs_one_interval_and_no_more(limiter, valkey, clock, workspace_id):
    spend = spend_of(workspace_id, minute=1)
    await limiter.spend_keys([spend])
    valkey.age(-500)
    (refused,) = await limiter.spend_keys([spend])
    assert not refused.allowed
    assert 60 <= refused.reset_seconds <= 72
    valkey.age(60)
    clock.advance(1.1)
    assert (await limiter.spend_keys([spend]))[0].allowed


async def test_a_changed_limit_counts_at_once_in_both_directions(limiter, workspace_id):
    await limiter.spend_keys([spend_of(workspace_id, minute=5)] * 6)
    (raised,) = await limiter.spend_keys([spend_of(workspace_id, minute=8)])
    assert (raised.allowed, raised.remaining) == (True, 2)
    (lowered,) = await limiter.spend_keys([spend_of(workspace_id, minute=3)])
    assert (lowered.allowed, lowered.limit, lowered.remaining) == (False, 3, 0)


async def test_two_limits_for_one_bucket_in_one_batch_share_its_tokens(limiter, workspace_id):
    small, large = spend_of(workspace_id, minute=2), spend_of(workspace_id, minute=4)
    decisions = await limiter.spend_keys([large, small, small, large, large])
    assert [decision.allowed for decision in decisions] == [True, True, False, True, True]


async def test_a_limit_of_zero_is_not_consulted(limiter, valkey, workspace_id):
    valkey.command("FLUSHALL")
    assert await limiter.spend_keys([spend_of(workspace_id)]) == [ALLOWED_UNKNOWN]
    assert await limiter.spend_address("203.0.113.9", 0) == ALLOWED_UNKNOWN
    assert valkey.command("DBSIZE") == b":0\r\n"


async def test_an_address_pays_a_batchs_cost_at_once_or_not_at_all(limiter):
    assert (await limiter.spend_address("203.0.113.9", 10, cost=8)).remaining == 2
    refused = await limiter.spend_address("203.0.113.9", 10, cost=3)
    assert (refused.allowed, refused.policy, refused.remaining) == (False, Policy.SOURCE_IP_MINUTE, 2)
    assert (await limiter.spend_address("203.0.113.9", 10, cost=2)).allowed


async def test_a_batch_over_several_workspaces_is_answered_in_its_order(limiter):
    workspaces = [uuid.uuid4() for _ in range(5)]
    spends = [spend_of(workspaces[n % 5], minute=n % 5 + 1) for n in range(30)]
    decisions = await limiter.spend_keys(spends)
    assert [decision.limit for decision in decisions] == [n % 5 + 1 for n in range(30)]
    allowed = Counter(spend.workspace_id for spend, decision in zip(spends, decisions, strict=True) if decision.allowed)
    assert [allowed[workspace] for workspace in workspaces] == [1, 2, 3, 4, 5]


async def test_a_batch_larger_than_a_pipeline_is_counted_exactly(limiter, workspace_id):
    spends = [spend_of(workspace_id, monitor=f"m{n}", minute=1, hour=1, workspace=2_000) for n in range(2_500)]
    decisions = await limiter.spend_keys(spends)
    assert [decision.allowed for decision in decisions] == [True] * 2_000 + [False] * 500


async def test_one_monitors_spellings_share_a_bucket(limiter, workspace_id):
    monitor = str(uuid.uuid4())
    await limiter.spend_keys([spend_of(workspace_id, monitor=monitor, minute=1)])
    assert not (await limiter.spend_keys([spend_of(workspace_id, monitor=monitor.upper(), minute=1)]))[0].allowed


@pytest.mark.parametrize("monitor", ["", "x" * 10_000, "}{", "a b\n", "\0", "\ud800", "é", "ws:minute"])
async def test_any_text_names_a_monitor(limiter, valkey, workspace_id, monitor):
    first, second = await limiter.spend_keys([spend_of(workspace_id, monitor=monitor, minute=1, workspace=9)] * 2)
    assert (first.allowed, second.allowed) == (True, False)
    script = "local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do n = math.max(n, #k) end return n"
    assert int(valkey.command("EVAL", script, "0")[1:-2]) <= 200


async def test_a_flushed_script_cache_is_no_trouble(limiter, valkey, workspace_id):
    spend = spend_of(workspace_id, minute=10)
    await limiter.spend_keys([spend])
    valkey.command("SCRIPT", "FLUSH")
    answers = await asyncio.gather(limiter.spend_keys([spend]), limiter.spend_address("203.0.113.9", 5))
    assert [answers[0][0].remaining, answers[1].remaining] == [8, 4]
    assert not limiter.degraded


async def test_a_key_of_a_foreign_type_or_text_is_a_full_bucket(limiter, valkey):
    await limiter.spend_address("203.0.113.9", 5)
    key = "luota:{ip:203.0.113.9}:minute"
    valkey.command("DEL", key)
    valkey.command("LPUSH", key, "x")
    assert (await limiter.spend_address("203.0.113.9", 5)).remaining == 4
    valkey.command("SET", key, "1.7e+15 x")
    assert (await limiter.spend_address("203.0.113.9", 5)).remaining == 4


async def test_large_numbers_survive_the_store(limiter, workspace_id):
    limit = 2**52
    await limiter.spend_address("203.0.113.9", limit, cost=2**51)
    assert (await limiter.spend_address("203.0.113.9", limit, cost=1)).remaining == 2**51 - 1


async def test_a_caller_that_left_before_take_off_is_not_charged(limiter):
    leaving = asyncio.ensure_future(limiter.spend_address("203.0.113.9", 5))
    await asyncio.sleep(0)
    leaving.cancel()
    staying = await limiter.spend_address("203.0.113.9", 5)
    assert staying.remaining == 4
    assert leaving.cancelled()


async def test_an_idle_connection_that_the_server_closed_is_replaced_unseen(limiter, valkey):
    await limiter.spend_address("203.0.113.9", 5)
    valkey.command("CLIENT", "KILL", "TYPE", "normal")
    async with asyncio.timeout(2):
        while not limiter._wire._connection._reader.at_eof():  # noqa: ASYNC110 - the driver signals no hang-up
            await asyncio.sleep(0)
    assert (await limiter.spend_address("203.0.113.9", 5)).remaining == 3


async def test_a_strict_bucket_refuses_with_its_own_policys_name(limiter):
    await limiter.spend_strict("alice@example.org", "sign_in.minute", 1, 60)
    with pytest.raises(RateLimited) as refused:
        await limiter.spend_strict("Alice@example.org", "sign_in.minute", 1, 60)
    assert (refused.value.policy, refused.value.limit) == ("sign_in.minute", 1)
    assert 60 <= refused.value.retry_after_seconds <= 72
    await limiter.spend_strict("bob@example.org", "sign_in.minute", 1, 60)
    await limiter.spend_strict("bob@example.org", "sign_in.minute", 0, 60)


def test_an_address_that_is_none_is_refused_before_anything_is_dialled(clock):
    with pytest.raises(ValueError, match="redis://"):
        RedisLimiter("http://127.0.0.1", clock)
