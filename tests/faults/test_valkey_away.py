"""Valkey dies or hangs under load: ingest goes on under the same limits, says so once, and comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import aiohttp
import pytest
from tests.faults.load import Load, make_fleet, require_nothing_lost
from tests.faults.service import note, serving
from tests.waiting import until


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_ingest_keeps_answering_202_while_valkey_is_away(hurt, how, full):
    fleet = make_fleet(hurt.database_url())
    async with serving(hurt.database_url(), hurt.redis_url) as service:
        load = Load(service.url, fleet)
        async with load.running():
            await until(lambda: load.answered(202) > 100, 10)
            away = time.monotonic()
            pid = hurt.valkey.pid
            if how == "killed":
                hurt.valkey.kill()
            else:
                os.kill(pid, signal.SIGSTOP)
            await until(lambda: load.answered(202, since=away) > (5_000 if full else 500), 60)
            assert await service.metric("luota_ratelimit_degraded") == 1
            slowest = load.percentile(1.0, since=away)
            if how == "killed":
                await asyncio.to_thread(hurt.valkey.start)
            else:
                os.kill(pid, signal.SIGCONT)

            async def restored() -> bool:
                return await service.metric("luota_ratelimit_degraded") == 0

            await until(restored, 5)
            back = time.monotonic()
            await until(lambda: load.answered(202, since=back) > 100, 5)
        note(f"{how}: {load}, slowest while away {slowest * 1000:.0f} ms")
        load.require_kept_promises(202)
        assert slowest < 1.0
        assert await service.metric("luota_ratelimit_degradations_total") == 1
        assert len(service.said("ratelimit_degraded")) == 1
        assert len(service.said("ratelimit_restored")) == 1
        require_nothing_lost(hurt.database_url(), load.answers)


async def test_limits_hold_in_each_process_while_valkey_is_away(hurt):
    fleet = make_fleet(hurt.database_url(), monitors=1)
    limits = {"LUOTA_LIMIT_MONITOR_TOKEN_MINUTE": "30"}
    async with serving(hurt.database_url(), hurt.redis_url, **limits) as service, aiohttp.ClientSession() as session:
        hurt.valkey.kill()
        load = Load(service.url, fleet, pace_seconds=0.0)
        starts = [{"monitorId": fleet.monitors[0], "externalRunId": f"run-{number}"} for number in range(80)]
        await asyncio.gather(*(load.send(session, "/v1/runs/start", start) for start in starts))
        note(str(load))
        assert load.counts() == {202: 30, 429: 50}
        refused = next(answer for answer in load.answers if answer.status == 429)
        assert refused.body["policy"] == "ingest.monitor_token.minute"
        assert int(refused.headers["Retry-After"]) == refused.body["retryAfterSeconds"] >= 1
