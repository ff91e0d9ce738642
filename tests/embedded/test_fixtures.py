"""The fixtures that every other room relies on."""

from __future__ import annotations

import psycopg
import pytest
import redis


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_a_migrated_database_of_its_own(database_url, turn):
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM schema_migrations").fetchone() == (True,)
        connection.execute("CREATE TABLE made_by_one_test ()")


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_valkey(redis_url, turn):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("made-by-one-test", turn)


def test_a_killed_server_comes_back_with_its_data_and_its_address(killable_servers):
    url = killable_servers.database_url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS it")
    killable_servers.postgres.kill()
    assert killable_servers.postgres.pid is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    killable_servers.postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT it FROM kept").fetchone() == (7,)


def test_a_killed_valkey_comes_back_empty_at_its_address(killable_servers):
    with redis.Redis.from_url(killable_servers.redis_url) as client:
        client.set("a", 1)
        killable_servers.valkey.kill()
        with pytest.raises(redis.exceptions.ConnectionError):
            client.get("a")
        killable_servers.valkey.start()
        assert client.get("a") is None
