"""`luota-svc migrate`: bring the database up to this version, once, whoever else tries at the same time."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from luota_svc.cli import CommandFailed, Exit
from luota_svc.cli.check_config import REQUIRED
from luota_svc.settings import load
from luota_svc.store.migrations import MigrationError, migrate

if TYPE_CHECKING:
    import argparse


def run(_args: argparse.Namespace) -> int:
    """Apply what is pending, one line a step."""
    settings = load(os.environ, required=REQUIRED["migrate"])
    assert settings.database.url is not None
    try:
        count = asyncio.run(migrate(settings.database.url.reveal(), report=print))
    except MigrationError as error:
        raise CommandFailed(str(error)) from error
    print(f"{count} migration{'' if count == 1 else 's'} applied; the database is current")
    return Exit.OK
