"""PostgreSQL dies, restarts or cuts sessions under load: 202 or 503 in time, nothing lost, recovery by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psycopg
import pytest
from tests.faults.conftest import FULL
from tests.faults.load import Load, make_fleet, require_nothing_lost, require_sound_incidents
from tests.faults.service import note, serving
from tests.waiting import until

_BACK_SECONDS = 8.0


# A server that quits at once ends its sessions as one that is killed does: at full size alone.
@pytest.mark.parametrize("death", [signal.SIGKILL, *([signal.SIGQUIT] if FULL else [])])
async def test_postgres_that_dies_under_load_costs_503s_and_nothing_that_got_202(hurt, full, death):
    fleet = make_fleet(hurt.database_url())
    async with serving(hurt.database_url(), hurt.redis_url) as service:
        load = Load(service.url, fleet)
        async with load.running():
            for _ in range(5 if full else 2):
                began = time.monotonic()
                await until(lambda: load.answered(202, since=began) > 50, _BACK_SECONDS)  # noqa: B023 - awaited here
                died = time.monotonic()
                os.kill(hurt.postgres.pid, death)
                await until(lambda: hurt.postgres.pid is None, 5)
                await until(lambda: load.answered(503, since=died) >= 8, 6)  # noqa: B023 - awaited here
                await asyncio.to_thread(hurt.postgres.start)
                back = time.monotonic()
                await until(lambda: load.answered(202, since=back) > 50, _BACK_SECONDS)  # noqa: B023 - awaited here
                back_seconds = time.monotonic() - back
        note(f"{load}, back within {back_seconds:.2f} s")
        load.require_kept_promises(202, 503)
        require_nothing_lost(hurt.database_url(), load.answers)
        require_sound_incidents(hurt.database_url())
        assert await service.terminate() == 0


async def test_sessions_terminated_all_the_time_cost_503s_and_nothing_that_got_202(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    async with serving(database_url, redis_url) as service:
        load = Load(service.url, fleet)
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as operator, load.running():
            for _ in range(300 if full else 30):
                await operator.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                await asyncio.sleep(0.1)  # the rhythm of the fault, no wait for an effect
            calm = time.monotonic()
            await until(lambda: load.answered(202, since=calm) > 100, _BACK_SECONDS)
        note(f"{load}")
        load.require_kept_promises(202, 503)
        require_nothing_lost(database_url, load.answers)
        require_sound_incidents(database_url)
