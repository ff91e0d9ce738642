"""A pair of servers: how it comes up, stays up and goes."""

from __future__ import annotations

import asyncio
import os
import queue
import stat
import time
from pathlib import Path

import psycopg
import pytest
import redis
import uvloop
from tests.embedded.conftest import assert_all_gone, processes_in, remember, remembered, socket_folder

from luota_svc.embedded import EmbeddedError, PrivateServers, run_servers
from luota_svc.embedded.processes import wait_until

_SECONDS = 30


async def test_both_answer_at_the_addresses_that_are_given(state_dir):
    async with run_servers(state_dir, durable=False, log=print) as servers:
        with psycopg.connect(servers.database_url) as connection:
            about = connection.execute(
                "SELECT current_user::text, current_database()::text, current_setting('server_encoding'),"
                " current_setting('listen_addresses'), current_setting('fsync')"
            ).fetchone()
        assert about == ("luota", "luota", "UTF8", "", "off")
        with redis.Redis.from_url(servers.redis_url) as client:
            wanted = {"maxmemory-policy": "volatile-ttl", "save": "", "appendonly": "no", "port": "0"}
            assert client.config_get(*wanted) == wanted
    assert_all_gone(state_dir)


async def test_what_was_committed_in_dev_is_on_disk(made):
    async with run_servers(made, log=print) as servers:
        with psycopg.connect(servers.database_url) as connection:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_it_runs_under_uvloop_too(made):
    async def use() -> bool:
        async with run_servers(made, durable=False, log=print) as servers:
            with redis.Redis.from_url(servers.redis_url) as client:
                return client.ping()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(use())
    assert_all_gone(made)


async def test_a_start_that_is_cancelled_leaves_nothing(state_dir):
    async def use() -> None:
        async with run_servers(state_dir, durable=False, log=print):
            raise AssertionError("it was cancelled before")

    task = asyncio.create_task(use())
    half_made = state_dir / "postgres.new" / "PG_VERSION"
    assert await asyncio.to_thread(wait_until, half_made.exists, _SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_all_gone(state_dir)
    with PrivateServers(state_dir, durable=False, log=print):
        pass  # the folder is free and usable


def test_a_warm_start_takes_less_than_two_seconds(made):
    since = time.monotonic()
    with PrivateServers(made, log=print):
        assert time.monotonic() - since < 2


@pytest.mark.parametrize("which", ["postgres", "valkey"])
def test_a_server_that_dies_is_started_again(made, which):
    lines: queue.Queue[str] = queue.Queue()
    with PrivateServers(made, durable=False, log=lines.put) as servers:
        remember(servers.database_url(), 1)
        for _ in range(2):
            before = getattr(servers, which).pid
            getattr(servers, which).kill()
            assert "was killed by SIGKILL; starting it again" in lines.get(timeout=_SECONDS)
            assert "answers again" in lines.get(timeout=_SECONDS)
            assert getattr(servers, which).pid != before
        assert remembered(servers.database_url()) == [1]
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()
    assert lines.empty()


def test_a_server_that_cannot_be_started_again_is_tried_until_it_can(made):
    lines: queue.Queue[str] = queue.Queue()
    with PrivateServers(made, durable=False, log=lines.put) as servers:
        control = made / "postgres" / "global" / "pg_control"
        control.rename(made / "pg_control")
        servers.postgres.kill()
        assert "starting it again" in lines.get(timeout=_SECONDS)
        assert "trying again" in lines.get(timeout=_SECONDS)
        (made / "pg_control").rename(control)
        assert "answers again" in lines.get(timeout=_SECONDS)


def test_a_kept_server_can_be_stopped_and_started(killable_servers):
    remember(killable_servers.database_url(), 1)
    killable_servers.postgres.stop()
    assert killable_servers.postgres.pid is None
    killable_servers.postgres.start()
    assert remembered(killable_servers.database_url()) == [1]


def test_stopping_twice_and_stopping_what_never_started_is_no_error(state_dir):
    servers = PrivateServers(state_dir, log=print)
    servers.stop()
    with pytest.raises(EmbeddedError):
        servers.start()
    servers.stop()
    assert not state_dir.exists()


def test_a_deep_state_folder_is_no_problem_for_the_sockets(state_dir):
    deep = state_dir.joinpath(*["a-folder-with-a-long-name"] * 8)
    with PrivateServers(deep, durable=False, log=print) as servers:
        remember(servers.database_url(), 1)
        sockets = socket_folder(servers.redis_url)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert len(os.fsencode(sockets)) < 80


def test_a_long_temporary_folder_is_passed_by(made, monkeypatch):
    long = made.parent / ("t" * 90)
    long.mkdir(mode=0o777)
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with PrivateServers(made, durable=False, log=print) as servers:
        assert servers.redis_url.startswith("unix:///tmp/")


def test_the_servers_get_no_setting_of_ours(made, monkeypatch):
    monkeypatch.setenv("LUOTA_ENCRYPTION_KEYS", "a-secret-word")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGOPTIONS", "nonsense")
    with PrivateServers(made, durable=False, log=print) as servers:
        for keeper in (servers.postgres, servers.valkey):
            assert b"a-secret-word" not in Path(f"/proc/{keeper.pid}/environ").read_bytes()
    assert processes_in(made) == []
