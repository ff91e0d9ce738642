"""What a command that works once in a database tells its operator where that can't be done."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from luota_svc.cli import CommandFailed
from luota_svc.model.errors import LuotaError, Unavailable
from luota_svc.store.database import Database
from luota_svc.store.migrations import MigrationError, is_current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from luota_svc.settings import Settings

T = TypeVar("T")


def work_at_database(settings: Settings, name: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do it in the database of the settings, on one session of that name. Raises CommandFailed with what to do."""
    # The pool tells of each try; the operator is told once, by us.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        return asyncio.run(_work(settings, name, work))
    except Unavailable as error:
        raise CommandFailed("PostgreSQL cannot be reached; look at LUOTA_DATABASE_URL and at the server") from error
    except (LuotaError, MigrationError) as error:
        raise CommandFailed(str(error)) from error


async def _work(settings: Settings, name: str, work: Callable[[Database], Awaitable[T]]) -> T:
    assert settings.database.url is not None
    database = Database(settings.database.url.reveal(), name=name, sessions=1)
    try:
        await database.open()
        if not await is_current(database):
            raise CommandFailed("the database is behind this release; run luota-svc migrate first")
        return await work(database)
    finally:
        await database.close()
