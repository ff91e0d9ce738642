"""`luota-svc rotate-encryption`: seal what alert routes keep secret with the first of LUOTA_ENCRYPTION_KEYS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from luota_svc.cli import CommandFailed, Exit
from luota_svc.cli.at_database import work_at_database
from luota_svc.cli.check_config import REQUIRED
from luota_svc.clock import RealClock
from luota_svc.settings import load
from luota_svc.store.vault import Vault
from luota_svc.usecases.route_sealing import reseal_routes

if TYPE_CHECKING:
    import argparse


def run(_args: argparse.Namespace) -> int:
    """Seal everything anew and say how much; exit code 1 where a route's target can't be opened by any key."""
    settings = load(os.environ, required=REQUIRED["rotate-encryption"])
    vault = Vault([key.reveal() for key in settings.encryption.keys])
    done = work_at_database(settings, "luota-rotate-encryption", lambda at: reseal_routes(at, vault, RealClock()))
    print(f"{_routes(done.moved)} sealed with the first key; {_routes(done.stood)} had been before")
    if done.lost:
        raise CommandFailed(
            f"{_routes(done.lost)} can't be decrypted with any of these keys and will tell nobody: bring their key "
            "back, or give each its target anew (their state is broken)"
        )
    return Exit.OK


def _routes(count: int) -> str:
    return f"{count} route{'' if count == 1 else 's'}"
