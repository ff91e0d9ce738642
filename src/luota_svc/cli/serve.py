"""`luota-svc serve`: the doors, against a PostgreSQL and a Redis of one's own, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import TYPE_CHECKING, Protocol, TypeVar

import uvloop

from luota_svc.cli import CommandFailed, Exit
from luota_svc.cli.check_config import REQUIRED
from luota_svc.clock import RealClock
from luota_svc.grpc_api.server import AddressTaken
from luota_svc.settings import load
from luota_svc.telemetry import names
from luota_svc.telemetry.logs import configure_logging

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from luota_svc.clock import Clock
    from luota_svc.settings import Settings
    from luota_svc.telemetry.logs import Logging

R = TypeVar("R", bound="Running")


def run(_args: argparse.Namespace) -> int:
    """Serve until asked to stop; exit code 0 after a clean stop."""
    settings = load(os.environ, required=REQUIRED["serve"])
    # Not above: `work` runs until it is stopped as `serve` does, and builds nothing of this.
    from luota_svc.app.build import build

    return uvloop.run(run_until_stopped(settings, build))


class Running(Protocol):
    """What was built, and is stopped once."""

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens, for the log."""
        ...

    async def stop(self) -> None:
        """Stop everything."""
        ...


async def _say_nothing(_running: object) -> None:
    """Leave it to the log."""


async def run_until_stopped(
    settings: Settings,
    build_it: Callable[[Settings, Clock, Logging], Awaitable[R]],
    *,
    announce: Callable[[R], Awaitable[None]] = _say_nothing,
    stop: asyncio.Event | None = None,
) -> int:
    """Build, announce, wait for a signal, drain. A second signal ends the process at once.

    `stop` is what `stop_signals` returned, where somebody has begun to listen for signals before.
    """
    import logging

    clock = RealClock()
    lines = configure_logging(settings.log.level, now=clock.now, secrets=settings.secrets())
    log = logging.getLogger("luota_svc")
    try:
        stop = stop or stop_signals()
        for warning in settings.unknown:
            log.warning(names.LOG_SETTING_UNKNOWN, extra={"reason": warning})
        try:
            running = await build_it(settings, clock, lines)
        except OSError as error:
            raise CommandFailed(error.strerror or str(error)) from error
        except AddressTaken as error:
            raise CommandFailed(str(error)) from error
        _settle_memory()
        log.info(names.LOG_STARTING, extra=running.ports)
        try:
            await announce(running)
            await stop.wait()
        finally:
            log.info(names.LOG_DRAINING)
            await running.stop()
        log.info(names.LOG_STOPPED)
    finally:
        lines.flush()
        lines.close()
    return Exit.OK


def _settle_memory() -> None:
    """Take what was built for good out of the collector's sight, and let it look less often.

    A batch makes thousands of short-lived rows; at Python's default of 700 the collector cost 7 % of a request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def stop_signals() -> asyncio.Event:
    """Return what the first SIGTERM or SIGINT sets; the second one ends the process where it stands."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(Exit.FAILURE)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return stop
