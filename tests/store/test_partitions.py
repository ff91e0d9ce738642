"""Partitions: made ahead, old ones dropped, and nobody who holds a table is made to wait for long."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from luota_svc.store import partitions
from luota_svc.store.partitions import PARTITIONED, PartitionDay
from luota_svc.usecases.partitions import ensure_partitions


@pytest.fixture
async def outsider(database_url):
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


async def keep_request(outsider, day, request_id="req-1"):
    await outsider.execute(
        "INSERT INTO requests (request_id, received_at, door, method, status, duration_ms)"
        " VALUES (%s, %s, 'http', 'GET /', '200', 1)",
        (request_id, PartitionDay("requests", day).bounds[0] + timedelta(hours=12)),
    )


async def test_a_migrated_database_has_all_it_needs_for_a_fortnight(installation):
    report = await ensure_partitions(installation.database)
    assert (report.made, report.dropped, report.refused) == (0, 0, 0)
    assert report.strayed == dict.fromkeys(PARTITIONED, 0)


async def test_missing_days_are_made_for_every_table(installation, outsider):
    database = installation.database
    tomorrow = await partitions.today(database) + timedelta(days=1)
    for parent in PARTITIONED:
        await outsider.execute(f"DROP TABLE {PartitionDay(parent, tomorrow).name}")
    assert (await ensure_partitions(database)).made == len(PARTITIONED)
    assert (await ensure_partitions(database)).made == 0


async def test_a_made_partition_has_its_parents_indexes_and_takes_its_rows(installation, outsider):
    database = installation.database
    day = await partitions.today(database) + timedelta(days=30)
    assert await partitions.make(database, PartitionDay("requests", day))
    await keep_request(outsider, day)
    name = PartitionDay("requests", day).name
    assert (await (await outsider.execute(f"SELECT count(*) FROM {name}")).fetchone()) == (1,)
    parent = await outsider.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'requests'::regclass")
    child = await outsider.execute(f"SELECT count(*) FROM pg_index WHERE indrelid = '{name}'::regclass")
    assert await parent.fetchone() == await child.fetchone()


async def test_rows_of_a_day_that_nobody_prepared_are_counted_and_then_moved_home(installation, outsider):
    database = installation.database
    day = await partitions.today(database) + timedelta(days=40)
    await keep_request(outsider, day)
    assert (await partitions.count_strayed(database))["requests"] == 1
    assert await partitions.make(database, PartitionDay("requests", day))
    assert (await partitions.count_strayed(database))["requests"] == 0
    name = PartitionDay("requests", day).name
    assert (await (await outsider.execute(f"SELECT count(*) FROM {name}")).fetchone()) == (1,)


async def test_request_records_older_than_is_kept_are_dropped_and_younger_ones_stay(installation, outsider):
    database = installation.database
    today = await partitions.today(database)
    for age in (1, 7, 8, 9):
        assert await partitions.make(database, PartitionDay("requests", today - timedelta(days=age)))
        await keep_request(outsider, today - timedelta(days=age), f"req-{age}")
    report = await ensure_partitions(database, requests_kept_days=7)
    assert report.dropped == 2
    rows = await (await outsider.execute("SELECT request_id FROM requests ORDER BY 1")).fetchall()
    assert rows == [("req-1",), ("req-7",)]


async def test_a_held_table_is_left_for_the_next_time(installation, outsider):
    database = installation.database
    today = await partitions.today(database)
    old = PartitionDay("requests", today - timedelta(days=9))
    assert await partitions.make(database, old)
    async with outsider.transaction():
        await outsider.execute("SELECT count(*) FROM requests")
        async with asyncio.timeout(5):
            report = await ensure_partitions(database, requests_kept_days=7)
        assert (report.dropped, report.refused) == (0, 1)
    assert (await ensure_partitions(database, requests_kept_days=7)).dropped == 1


async def test_making_a_partition_does_not_wait_for_writers_of_other_days(installation, outsider):
    database = installation.database
    today = await partitions.today(database)
    async with outsider.transaction():
        await keep_request(outsider, today)
        async with asyncio.timeout(5):
            assert await partitions.make(database, PartitionDay("requests", today + timedelta(days=50)))


async def test_two_processes_that_make_the_same_day_make_it_once(installation):
    database = installation.database
    day = PartitionDay("signals", await partitions.today(database) + timedelta(days=60))
    results = await asyncio.gather(*(partitions.make(database, day) for _ in range(3)))
    assert results.count(True) == 1
    assert day.name in await partitions.standing(database, "signals")


async def test_a_partition_that_cannot_be_dropped_still_stands_and_is_dropped_the_next_time(installation, outsider):
    database = installation.database
    old = PartitionDay("requests", await partitions.today(database) - timedelta(days=9))
    assert await partitions.make(database, old)
    await outsider.execute(f"CREATE VIEW somebodys AS SELECT * FROM {old.name}")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        await partitions.drop(database, old)
    assert old.name in await partitions.standing(database, "requests")
    await outsider.execute("DROP VIEW somebodys")
    assert (await ensure_partitions(database, requests_kept_days=7)).dropped == 1
