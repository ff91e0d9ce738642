"""`luota-svc work`: judge silence and tell people, against a PostgreSQL of one's own, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import uvloop

from luota_svc.app.work import build_worker
from luota_svc.cli.check_config import REQUIRED
from luota_svc.cli.serve import run_until_stopped
from luota_svc.settings import load

if TYPE_CHECKING:
    import argparse


def run(_args: argparse.Namespace) -> int:
    """Work until asked to stop; exit code 0 after a clean stop. Any number of workers may run."""
    settings = load(os.environ, required=REQUIRED["work"])
    return uvloop.run(run_until_stopped(settings, build_worker))
