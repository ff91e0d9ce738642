"""The pool after a bad moment: what one lost session teaches it, and what a server that can serve nobody is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from luota_svc.model.errors import Unavailable
from luota_svc.store.database import Database
from luota_svc.store.ingest import BatchFailed, ingest_transaction

SESSIONS = 4


@pytest.fixture
async def database(database_url) -> AsyncIterator[Database]:
    """All of its sessions stand idle."""
    database = Database(database_url, name="pooled", sessions=SESSIONS)
    await database.open()
    everybody = asyncio.Barrier(SESSIONS)

    async def hold() -> None:
        async with database.unit():
            await everybody.wait()

    await asyncio.gather(*(hold() for _ in range(SESSIONS)))
    yield database
    await database.close()


@pytest.fixture
async def restarted(database_url, database) -> Database:
    """The server has cut every session, as a restart does."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as operator:
        cut = await operator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pooled'"
        )
        assert len(await cut.fetchall()) == SESSIONS
    return database


async def ask(database: Database, *statements: str) -> None:
    async with database.unit() as unit:
        for statement in statements:
            await unit.run(statement)


async def ask_one(database: Database) -> None:
    await ask(database, "SELECT 1")


async def look_up(database: Database) -> None:
    async with ingest_transaction(database) as transaction:
        await transaction.find_runs([])


@pytest.mark.parametrize(("use", "loss"), [(ask_one, Unavailable), (look_up, BatchFailed)])
async def test_after_a_restart_one_borrower_hears_of_it_and_the_next_has_a_new_session(restarted, use, loss):
    with pytest.raises(loss):
        await use(restarted)
    for _ in range(2 * SESSIONS):
        await use(restarted)


async def test_a_change_on_a_server_that_only_reads_is_unavailable_and_no_fault_of_ours(database):
    with pytest.raises(Unavailable):
        await ask(database, "SET TRANSACTION READ ONLY", "DELETE FROM requests")
