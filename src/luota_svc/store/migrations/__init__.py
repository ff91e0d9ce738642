"""Numbered, checksummed migrations, taken one at a time under a lock. See docs/adr for before and after the deploy."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, LiteralString

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    from luota_svc.store.database import Database

_FILE = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql$")
# Any constant of ours: one migrator at a time in one database.
_LOCK = 0x4C756F7461
_TABLE: LiteralString = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""
# A dump that was restored brings along another server's transaction numbers. Those that lie ahead of this server's own
# would be told as news to everybody who watches, once it gets there. '3' is the first number that a server can give.
_SETTLE: LiteralString = """
UPDATE incident_events SET transaction_id = '3' WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())"""


class MigrationError(Exception):
    """The schema can't be brought up to date; the message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. Its checksum is over the bytes: an applied file is never edited again."""

    number: int
    name: str
    checksum: str
    sql: LiteralString


def known_migrations() -> list[Migration]:
    """Return what this release carries, by number; numbers run from 1 without gaps."""
    found = []
    for entry in resources.files(__package__).iterdir():
        if match := _FILE.match(entry.name):
            data = entry.read_bytes()
            checksum = hashlib.sha256(data).hexdigest()
            found.append(Migration(int(match["number"]), match["name"], checksum, data.decode()))
    found.sort(key=lambda migration: migration.number)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    return found


def pending(applied: dict[int, str]) -> list[Migration]:
    """Return what is still to be applied, given number -> checksum; refuse a file that was edited afterwards.

    A database that is ahead of this release is no error: that is how a roll-out begins.
    """
    for migration in known_migrations():
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationError(f"migration {migration.number:04}_{migration.name} was changed after it was applied")
    return [migration for migration in known_migrations() if migration.number not in applied]


async def migrate(database_url: str, *, report: Callable[[str], None] = lambda _: None) -> int:
    """Bring the schema up to this release and return how many migrations ran. Waits for another migrator.

    Each migration is one transaction, so a failure leaves whole steps only. `report` gets one line a step.
    """
    try:
        async with await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, connect_timeout=5
        ) as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            await connection.execute("SET client_min_messages = warning")
            await connection.execute(_TABLE)
            todo = pending(await _applied(connection))
            for migration in todo:
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(
                        "INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s)",
                        (migration.number, migration.name, migration.checksum),
                    )
                report(f"applied {migration.number:04}_{migration.name}")
            settled = await connection.execute(_SETTLE)
            if settled.rowcount:
                report(f"settled {settled.rowcount} timeline entries that another server numbered")
            return len(todo)
    except psycopg.Error as error:
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise MigrationError(f"migration failed: {reason}") from error


async def _applied(connection: psycopg.AsyncConnection) -> dict[int, str]:
    cursor = await connection.execute("SELECT number, checksum FROM schema_migrations")
    return dict(await cursor.fetchall())


async def is_current(database: Database) -> bool:
    """Tell whether every migration of this release stands in the database."""
    async with database.unit() as unit:
        stands = await unit.row("SELECT to_regclass('schema_migrations') IS NOT NULL AS stands")
        if stands is None or not stands["stands"]:
            return False
        rows = await unit.rows("SELECT number, checksum FROM schema_migrations")
        return not pending({row["number"]: row["checksum"] for row in rows})
