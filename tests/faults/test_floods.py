"""Floods of what is refused: they drain nobody's bucket, hardly reach Valkey, and do not fill memory."""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter

import aiohttp
import pytest
import redis
from tests.faults.load import Load, make_fleet, require_nothing_lost
from tests.faults.service import note, serving

# A bucket is spent in Valkey; and in the process for whoever met a Valkey that took longer than its 50 ms, which
# happens on a machine that is busy with other tests. No subject has more than both.
_MEMORIES = 2


async def test_a_flood_of_invalid_keys_drains_its_own_address_and_no_workspace(database_url, redis_url):
    fleet = make_fleet(database_url)
    limits = {
        "LUOTA_LIMIT_WORKSPACE_MINUTE": "50",
        "LUOTA_LIMIT_SOURCE_IP_MINUTE": "200",
        "LUOTA_TRUSTED_PROXIES": "127.0.0.1",
    }
    wrong = fleet.token[:-4] + ("AAAA" if not fleet.token.endswith("AAAA") else "BBBB")
    async with serving(database_url, redis_url, **limits) as service, aiohttp.ClientSession() as session:
        load = Load(service.url, fleet, pace_seconds=0.0)

        async def start(number: int, token: str, address: str) -> int:
            sent = {"monitorId": fleet.monitors[0], "externalRunId": f"run-{number}"}
            headers = {"X-Luota-Key": token, "X-Forwarded-For": address}
            return (await load.send(session, "/v1/runs/start", sent, headers)).status

        flood = await asyncio.gather(*(start(number, wrong, "203.0.113.9") for number in range(400)))
        counts = Counter(flood)
        assert counts.keys() == {401, 429}, counts
        assert 200 <= counts[401] <= 200 * _MEMORIES
        # The flooder's neighbours behind another address, and the workspace whose key was guessed at, notice nothing.
        assert [await start(number, fleet.token, "203.0.113.10") for number in range(50)] == [202] * 50
        more = [await start(number, fleet.token, "203.0.113.10") for number in range(50, 151)]
        assert more.count(202) <= 50 * (_MEMORIES - 1)
        assert load.answers[-1].body["policy"] == "ingest.workspace.minute"
        # And the right key from the flooded address is refused for the address's sake alone.
        assert await start(99, fleet.token, "203.0.113.9") == 429
        assert load.answers[-1].body["policy"] == "ingest.source_ip.minute"


@pytest.mark.parametrize(
    "limits",
    [
        # An address with tokens left pays for each request first; without a limit the key's refusal alone counts.
        {"LUOTA_LIMIT_MONITOR_TOKEN_MINUTE": "10", "LUOTA_LIMIT_SOURCE_IP_MINUTE": "0"},
        {"LUOTA_LIMIT_SOURCE_IP_MINUTE": "10"},
    ],
    ids=["by key", "by address"],
)
async def test_a_flood_of_denied_requests_hardly_reaches_valkey(database_url, redis_url, full, limits):
    fleet = make_fleet(database_url, monitors=1)
    async with serving(database_url, redis_url, **limits) as service, aiohttp.ClientSession() as session:
        load = Load(service.url, fleet, pace_seconds=0.0)

        async def flood(worker: int) -> None:
            for number in range(2_000 if full else 100):
                sent = {"monitorId": fleet.monitors[0], "externalRunId": f"run-{worker}-{number}"}
                await load.send(session, "/v1/runs/start", sent)

        with redis.Redis.from_url(redis_url) as valkey:
            before, began = _scripts(valkey), time.monotonic()
            await asyncio.gather(*(flood(worker) for worker in range(20)))
            calls, seconds = _scripts(valkey) - before, time.monotonic() - began
        note(f"{load}; {calls} script calls in {seconds:.1f} s")
        load.require_kept_promises(202, 429)
        # Ten, and ten more for each minute that has gone by since the first.
        assert 10 <= load.counts()[202] <= 10 * (1 + seconds // 60) * _MEMORIES
        # Each second the memory of a refusal ends and a pipeline or two ask anew.
        assert calls < 40 + 10 * seconds


def _scripts(valkey: redis.Redis) -> int:
    return valkey.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)


async def test_a_flood_of_too_large_bodies_fills_no_memory_and_the_others_are_served(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    body = b'{"payload":"' + b"x" * (1 << 20) + b'"}'
    async with serving(database_url, redis_url) as service, aiohttp.ClientSession(service.url) as session:
        load = Load(service.url, fleet)
        refused: list[int] = []

        async def flood() -> None:
            for _ in range(500 if full else 20):
                headers = {"X-Luota-Key": fleet.token, "Content-Type": "application/json"}
                async with session.post("/v1/runs/start", data=io.BytesIO(body), headers=headers) as answer:
                    assert await answer.json() == {"code": "request_failed", "error": "Request failed"}
                    refused.append(answer.status)

        async with load.running():
            idle = service.resident_mib()
            await asyncio.gather(*(flood() for _ in range(20)))
        grown = service.resident_mib() - idle
        note(f"{len(refused)} bodies of 1 MiB refused, {grown:+.1f} MiB; others {load}")
        assert set(refused) == {413}
        load.require_kept_promises(202)
        assert grown < 32
        require_nothing_lost(database_url, load.answers)


async def test_memory_stays_flat_under_a_steady_load(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    wanted = 60_000 if full else 1_600
    async with serving(database_url, redis_url) as service, aiohttp.ClientSession() as session:
        idle = service.resident_mib()
        assert idle <= 120

        async def report(load: Load, requests: int) -> float:
            async def work(worker: int) -> None:
                for number in range(requests // 32):
                    monitor = fleet.monitors[number % 20]
                    sent = {
                        "monitorId": monitor,
                        "externalRunId": f"{load.name}-{worker}-{number}",
                        "payload": {"n": 1},
                    }
                    await load.send(session, "/v1/runs/start", sent)

            await asyncio.gather(*(work(worker) for worker in range(32)))
            load.require_kept_promises(202)
            return service.resident_mib()

        warm = await report(Load(service.url, fleet, pace_seconds=0.0, name="warm"), wanted // 2)
        after = await report(Load(service.url, fleet, pace_seconds=0.0, name="on"), wanted)
        note(f"resident: idle {idle:.0f} MiB, after {wanted // 2} requests {warm:.0f}, after {wanted} more {after:.0f}")
        assert after <= 250
        assert after - warm < 16
