"""`luota-svc check-config`: what the environment says, as Luota understands it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from luota_svc.cli import Exit
from luota_svc.settings import effective, load
from luota_svc.telemetry.tracing_setup import read_trace_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "serve": ("LUOTA_DATABASE_URL", "LUOTA_REDIS_URL", "LUOTA_ENCRYPTION_KEYS"),
    "work": ("LUOTA_DATABASE_URL", "LUOTA_ENCRYPTION_KEYS"),
    "migrate": ("LUOTA_DATABASE_URL",),
    "bootstrap": ("LUOTA_DATABASE_URL",),
    "rotate-encryption": ("LUOTA_DATABASE_URL", "LUOTA_ENCRYPTION_KEYS"),
    "dev": (),
}


def run(args: argparse.Namespace) -> int:
    """Print one setting a line, then what tracing will do; warnings go to stderr. Raises SettingsError."""
    settings = load(os.environ, required=REQUIRED[args.purpose], dev=args.purpose == "dev")
    lines = effective(settings)
    width = max(len(line.name) for line in lines)
    for line in lines:
        print(f"{line.name:<{width}}  {line.value or '(unset)'}{'  (default)' if line.is_default else ''}")
    traces = read_trace_settings(os.environ)
    state = f"exported by OTLP, {traces.ratio:.2%} sampled" if traces.exporting else "not exported"
    print(f"{'traces':<{width}}  {state}")
    of_worker = settings.worker_warnings() if args.purpose == "work" else ()
    for warning in (*settings.unknown, *of_worker, *traces.ignored):
        print(f"luota-svc: warning: {warning}", file=sys.stderr)
    return Exit.OK
