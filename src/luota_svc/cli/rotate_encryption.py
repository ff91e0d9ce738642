"""`luota-svc rotate-encryption`: seal what alert routes keep secret with the first of LUOTA_ENCRYPTION_KEYS."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from luota_svc.cli import CommandFailed, Exit
from luota_svc.cli.check_config import REQUIRED
from luota_svc.clock import RealClock
from luota_svc.model.errors import LuotaError, Unavailable
from luota_svc.settings import load
from luota_svc.store.database import Database
from luota_svc.store.migrations import MigrationError, is_current
from luota_svc.store.vault import Vault
from luota_svc.usecases.route_sealing import Resealed, reseal_routes

if TYPE_CHECKING:
    import argparse

    from luota_svc.settings import Settings


def run(_args: argparse.Namespace) -> int:
    """Seal everything anew and say how much; exit code 1 where a route's target can't be opened by any key."""
    settings = load(os.environ, required=REQUIRED["rotate-encryption"])
    # The pool tells of each try; the operator is told once, by us.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        done = asyncio.run(_rotate(settings))
    except Unavailable as error:
        raise CommandFailed("PostgreSQL cannot be reached; look at LUOTA_DATABASE_URL and at the server") from error
    except (LuotaError, MigrationError) as error:
        raise CommandFailed(str(error)) from error
    print(f"{_routes(done.moved)} sealed with the first key; {_routes(done.stood)} had been before")
    if done.lost:
        raise CommandFailed(
            f"{_routes(done.lost)} can't be decrypted with any of these keys and will tell nobody: bring their key "
            "back, or give each its target anew (their state is broken)"
        )
    return Exit.OK


async def _rotate(settings: Settings) -> Resealed:
    assert settings.database.url is not None
    database = Database(settings.database.url.reveal(), name="luota-rotate-encryption", sessions=1)
    vault = Vault([key.reveal() for key in settings.encryption.keys])
    try:
        await database.open()
        if not await is_current(database):
            raise CommandFailed("the database is behind this release; run luota-svc migrate first")
        return await reseal_routes(database, vault, RealClock())
    finally:
        await database.close()


def _routes(count: int) -> str:
    return f"{count} route{'' if count == 1 else 's'}"
