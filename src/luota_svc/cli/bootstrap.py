"""`luota-svc bootstrap`: the first admin. With LUOTA_BOOTSTRAP_TOKEN_FILE that token, else a new one, shown once."""

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
from luota_svc.usecases.bootstrap import BootstrapOutcome, Bootstrapped, ensure_admin

if TYPE_CHECKING:
    import argparse

    from luota_svc.settings import Settings


def run(_args: argparse.Namespace) -> int:
    """Make sure that the admin stands; repeating it with the same token changes nothing."""
    settings = load(os.environ, required=REQUIRED["bootstrap"])
    # The pool tells of each try; the operator is told once, by us.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        outcome = asyncio.run(_bootstrap(settings))
    except Unavailable as error:
        raise CommandFailed("PostgreSQL cannot be reached; look at LUOTA_DATABASE_URL and at the server") from error
    except (LuotaError, MigrationError) as error:
        raise CommandFailed(str(error)) from error
    if outcome.outcome is BootstrapOutcome.ENDED:
        raise CommandFailed("this operator token was revoked or has expired; bring another one")
    if settings.bootstrap.token is None:
        print(outcome.token)
    else:
        print("the admin stands" if outcome.outcome is BootstrapOutcome.STANDS else "the admin was made")
    return Exit.OK


async def _bootstrap(settings: Settings) -> Bootstrapped:
    assert settings.database.url is not None
    token = settings.bootstrap.token
    database = Database(settings.database.url.reveal(), name="luota-bootstrap", sessions=1)
    try:
        await database.open()
        if not await is_current(database):
            raise CommandFailed("the database is behind this release; run luota-svc migrate first")
        return await ensure_admin(database, RealClock(), token.reveal() if token else None)
    finally:
        await database.close()
