"""`luota-svc bootstrap`: the first admin. With LUOTA_BOOTSTRAP_TOKEN_FILE that token, else a new one, shown once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from luota_svc.cli import CommandFailed, Exit
from luota_svc.cli.at_database import work_at_database
from luota_svc.cli.check_config import REQUIRED
from luota_svc.clock import RealClock
from luota_svc.settings import load
from luota_svc.usecases.bootstrap import BootstrapOutcome, ensure_admin

if TYPE_CHECKING:
    import argparse


def run(_args: argparse.Namespace) -> int:
    """Make sure that the admin stands; repeating it with the same token changes nothing."""
    settings = load(os.environ, required=REQUIRED["bootstrap"])
    token = settings.bootstrap.token.reveal() if settings.bootstrap.token else None
    outcome = work_at_database(settings, "luota-bootstrap", lambda at: ensure_admin(at, RealClock(), token))
    if outcome.outcome is BootstrapOutcome.ENDED:
        raise CommandFailed("this operator token was revoked or has expired; bring another one")
    if settings.bootstrap.token is None:
        print(outcome.token)
    else:
        print("the admin stands" if outcome.outcome is BootstrapOutcome.STANDS else "the admin was made")
    return Exit.OK
