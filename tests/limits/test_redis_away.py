"""Redis stopped, frozen, read-only, restarted: ingest is answered from local buckets, what must count refuses."""

import asyncio
import time
import uuid

import pytest

from luota_svc.clock import RealClock
from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.model.errors import Unavailable
from luota_svc.model.limits import ALLOWED_UNKNOWN, IngestLimits, KeySpend, Policy

ADDRESS = "203.0.113.9"


class Turns:
    """Collects what on_degraded was told, and lets a test wait for the next turn."""

    def __init__(self):
        self.told = []
        self._queue = asyncio.Queue()

    def __call__(self, degraded):
        self.told.append(degraded)
        self._queue.put_nowait(degraded)

    async def next(self):
        async with asyncio.timeout(5):
            return await self._queue.get()


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
async def limiter(valkey, turns):
    limiter = RedisLimiter(valkey.url, RealClock(), on_degraded=turns, probe_seconds=0.05)
    async with limiter:
        yield limiter


def spend_of(workspace_id, limit):
    return KeySpend(workspace_id, uuid.UUID(int=7), "backup", IngestLimits(limit, 0, 0, 0))


async def test_a_stopped_redis_is_replaced_by_local_buckets_with_the_same_numbers(limiter, valkey, turns, workspace_id):
    assert (await limiter.spend_address(ADDRESS, 5)).remaining == 4
    valkey.stop()
    decisions = await limiter.spend_keys([spend_of(workspace_id, 3)] * 5)
    assert decisions[:3] == [ALLOWED_UNKNOWN] * 3
    assert [decision.allowed for decision in decisions] == [True] * 3 + [False] * 2
    assert (decisions[3].policy, decisions[3].limit) == (Policy.MONITOR_TOKEN_MINUTE, 3)
    assert 60 <= decisions[3].reset_seconds <= 72
    assert [(await limiter.spend_address(ADDRESS, 2, cost=1)).allowed for _ in range(3)] == [True, True, False]
    assert limiter.degraded
    assert await turns.next() is True


async def test_a_redis_that_returns_is_found_by_itself_and_counts_again(limiter, valkey, turns):
    valkey.stop()
    await limiter.spend_address(ADDRESS, 5)  # finds the old connection cut
    await limiter.spend_address(ADDRESS, 5)  # and a new one refused
    assert await turns.next() is True
    valkey.start()
    assert await turns.next() is False
    assert not limiter.degraded
    assert (await limiter.spend_address(ADDRESS, 5)).remaining == 4
    assert turns.told == [True, False]


async def test_a_restart_under_parallel_callers_raises_for_nobody(limiter, valkey, turns, workspace_id):
    stop = False
    answers = 0

    async def caller():
        nonlocal answers
        while not stop:
            address = await limiter.spend_address(ADDRESS, 10**9)
            (key,) = await limiter.spend_keys([spend_of(workspace_id, 10**9)])
            assert address.allowed
            assert key.allowed
            answers += 1
            await asyncio.sleep(0)

    callers = [asyncio.create_task(caller()) for _ in range(16)]
    valkey.stop()
    assert await turns.next() is True
    await asyncio.to_thread(valkey.start)
    assert await turns.next() is False
    before = answers
    async with asyncio.timeout(5):
        while answers < before + 100:  # noqa: ASYNC110 - counted work, not a signal
            await asyncio.sleep(0)
    stop = True
    await asyncio.gather(*callers)
    assert not limiter.degraded


async def test_a_frozen_redis_delays_nobody_by_more_than_its_timeout(limiter, valkey, turns):
    await limiter.spend_address(ADDRESS, 1_000)
    valkey.freeze()
    waits = []

    async def caller():
        started = time.monotonic()
        assert (await limiter.spend_address(ADDRESS, 1_000)).allowed
        waits.append(time.monotonic() - started)

    for _ in range(8):
        await asyncio.gather(*(caller() for _ in range(16)))
    assert max(waits) < 0.15
    assert limiter.degraded  # five timeouts in a second
    assert sorted(waits)[len(waits) // 3] < 0.01  # and from then on nobody waits
    valkey.thaw()
    assert await turns.next() is True
    assert await turns.next() is False


async def test_an_answer_that_comes_too_late_is_never_taken_for_anothers(limiter, valkey):
    valkey.freeze()
    assert await limiter.spend_address(ADDRESS, 5, cost=5) == ALLOWED_UNKNOWN
    valkey.thaw()
    assert (await limiter.spend_address("203.0.113.10", 50)).limit == 50
    assert (await limiter.spend_address("203.0.113.11", 60)).limit == 60


async def test_a_caller_cancelled_in_mid_flight_leaves_the_connection_in_step(limiter):
    for number in range(20):
        leaving = asyncio.ensure_future(limiter.spend_address(f"198.51.100.{number}", 7))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        leaving.cancel()
        assert (await limiter.spend_address(ADDRESS, 1_000)).remaining == 999 - number


async def test_what_must_count_refuses_while_redis_is_away_and_works_when_it_is_back(limiter, valkey, turns):
    valkey.stop()
    with pytest.raises(Unavailable):
        await limiter.spend_strict("alice", "sign_in.minute", 5, 60)
    with pytest.raises(Unavailable):
        await limiter.spend_strict("alice", "sign_in.minute", 5, 60)
    await limiter.spend_strict("alice", "sign_in.minute", 0, 60)
    assert await turns.next() is True
    valkey.start()
    assert await turns.next() is False
    await limiter.spend_strict("alice", "sign_in.minute", 5, 60)


async def test_a_start_without_redis_is_degraded_at_once_and_heals(valkey, turns):
    valkey.stop()
    async with RedisLimiter(valkey.url, RealClock(), on_degraded=turns, probe_seconds=0.05) as limiter:
        assert limiter.degraded
        assert limiter.last_trouble
        valkey.start()
        assert [await turns.next(), await turns.next()] == [True, False]
        assert (await limiter.spend_address(ADDRESS, 5)).remaining == 4


async def test_a_server_that_became_read_only_is_away(limiter, valkey, turns, workspace_id):
    valkey.command("REPLICAOF", "127.0.0.1", "1")
    try:
        for _ in range(5):
            assert await limiter.spend_keys([spend_of(workspace_id, 100)]) == [ALLOWED_UNKNOWN]
        assert limiter.degraded
        assert await turns.next() is True
    finally:
        valkey.command("REPLICAOF", "NO", "ONE")
    assert await turns.next() is False
    assert turns.told == [True, False]  # a probe that only reads would have called it healthy meanwhile


async def test_a_full_server_is_away(limiter, valkey, turns):
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        for number in range(5):
            assert await limiter.spend_address(f"198.51.100.{number}", 5) == ALLOWED_UNKNOWN
        assert await turns.next() is True
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")
    assert await turns.next() is False


async def test_more_waiting_callers_than_the_bound_are_answered_locally_not_queued(limiter, valkey):
    valkey.freeze()
    decisions = await asyncio.gather(*(limiter.spend_address(f"10.0.{n // 250}.{n % 250}", 5) for n in range(9_000)))
    assert decisions == [ALLOWED_UNKNOWN] * 9_000


async def test_a_wrong_password_is_redis_away_and_is_named(valkey, turns):
    url = valkey.url.replace("redis://", "redis://:wrong@")
    async with RedisLimiter(url, RealClock(), on_degraded=turns) as limiter:
        assert limiter.degraded
        assert "wrong" not in limiter.last_trouble
        assert (await limiter.spend_address(ADDRESS, 5)) == ALLOWED_UNKNOWN


async def test_closing_answers_whoever_waits_and_is_twice_safe(valkey):
    limiter = RedisLimiter(valkey.url, RealClock())
    await limiter.open()
    valkey.freeze()
    waiting = [asyncio.ensure_future(limiter.spend_address(ADDRESS, 5)) for _ in range(3)]
    await asyncio.sleep(0)
    await limiter.aclose()
    await limiter.aclose()
    assert await asyncio.gather(*waiting) == [ALLOWED_UNKNOWN] * 3
    assert await limiter.spend_address(ADDRESS, 5) == ALLOWED_UNKNOWN


async def test_closing_before_opening_is_harmless(valkey):
    await RedisLimiter(valkey.url, RealClock()).aclose()
