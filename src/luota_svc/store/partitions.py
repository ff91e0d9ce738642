"""Daily partitions: made ahead, dropped by retention, their default ones counted. Light on locks, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql

from luota_svc.model.errors import Unavailable
from luota_svc.store.database import Database, Unit

# Each table that is partitioned by day (UTC), and the instant it is partitioned by.
PARTITIONED: Final = {
    "signals": "received_at",
    "delivery_attempts": "started_at",
    "requests": "received_at",
    "audit_entries": "at",
}
# Whoever waits for a lock on a parent holds up everybody behind it: rather come again than wait.
_LOCK_TIMEOUT: Final = sql.SQL("SET LOCAL lock_timeout = '200ms'")
# One maker at a time: two that create one table at once would meet in the catalogue's own indexes.
_MAKERS_LOCK: Final = sql.SQL("SELECT pg_advisory_xact_lock(hashtext('luota partitions'))")


@dataclass(frozen=True, slots=True)
class PartitionDay:
    """One day of one table."""

    parent: str
    day: date

    @property
    def name(self) -> str:
        """Return the partition's name."""
        return f"{self.parent}_{self.day:%Y%m%d}"

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Return the first instant of the day and of the next."""
        begin = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return begin, begin + timedelta(days=1)


async def today(database: Database) -> date:
    """Return the day (UTC) by the database's clock."""
    async with database.unit() as unit:
        row = await unit.row("SELECT (now() AT TIME ZONE 'UTC')::date AS day")
        assert row is not None
        day: date = row["day"]
        return day


async def standing(database: Database, parent: str) -> dict[str, date]:
    """Return a table's daily partitions: name -> day."""
    async with database.unit() as unit:
        rows = await unit.rows(
            "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %(parent)s::regclass AND c.relname ~ '_[0-9]{8}$'",
            {"parent": parent},
        )
    # The day is in the name, and only we name partitions so.
    return {row["name"]: _day(row["name"]) for row in rows}


async def make(database: Database, partition: PartitionDay) -> bool:
    """Make one day's partition; False where somebody else holds the table too long or makes the same one: come again.

    CREATE TABLE ... PARTITION OF would lock the parent against everybody. ATTACH lets readers and writers of the
    parent go on and locks only the default partition, which is empty: rows of this day that have strayed there are
    moved first, or ATTACH would refuse.
    """
    parent, name = sql.Identifier(partition.parent), sql.Identifier(partition.name)
    default, instant = sql.Identifier(f"{partition.parent}_default"), sql.Identifier(PARTITIONED[partition.parent])
    begin, end = (sql.Literal(bound.isoformat()) for bound in partition.bounds)
    steps = (
        _LOCK_TIMEOUT,
        _MAKERS_LOCK,
        sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(name, parent),
        sql.SQL(
            "WITH strayed AS (DELETE FROM {default} WHERE {instant} >= {begin} AND {instant} < {end} RETURNING *)"
            " INSERT INTO {name} SELECT * FROM strayed"
        ).format(default=default, instant=instant, begin=begin, end=end, name=name),
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(parent, name, begin, end),
    )
    return await _run(database, steps)


async def drop(database: Database, partition: PartitionDay) -> bool:
    """Drop one day's partition; False where somebody else holds the table too long: come again.

    DETACH ... CONCURRENTLY is refused by PostgreSQL where a default partition stands. DROP locks the parent as a plain
    DETACH does, for the catalogue's change alone: files go after the commit. In one step, because a partition that was
    detached and then not dropped would be nobody's, and stay for ever.
    """
    return await _run(database, (_LOCK_TIMEOUT, sql.SQL("DROP TABLE {}").format(sql.Identifier(partition.name))))


async def count_strayed(database: Database) -> dict[str, int]:
    """Return how many rows lie in each table's default partition; any at all is an alarm."""
    async with database.unit() as unit:
        return {parent: await _count(unit, f"{parent}_default") for parent in PARTITIONED}


async def _count(unit: Unit, table: str) -> int:
    # At most so many are counted: the alarm needs no more, and a scan of a day's rows would take long.
    statement = sql.SQL("SELECT count(*) AS rows FROM (SELECT 1 FROM {} LIMIT 10000) AS sample")
    cursor = await unit.connection.execute(statement.format(sql.Identifier(table)))
    row = await cursor.fetchone()
    assert row is not None
    return int(row["rows"])


async def _run(database: Database, steps: tuple[sql.SQL | sql.Composed, ...]) -> bool:
    try:
        async with database.unit() as unit:
            for step in steps:
                await unit.connection.execute(step)
    except psycopg.errors.DuplicateTable:
        return False  # another process made it at the same moment
    except Unavailable as away:
        if isinstance(away.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
            return False
        raise
    return True


def _day(name: str) -> date:
    text = name[-8:]
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))
