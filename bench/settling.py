"""A worker whose provider does nothing: the outbox's own cost. A process of its own, its plan comes on stdin."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import uvloop

from luota_svc.clock import RealClock
from luota_svc.limits.absent import AbsentLimiter
from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind, Settlement
from luota_svc.model.routes import RouteKind
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.telemetry.metrics import Metrics
from luota_svc.telemetry.tracing_setup import build_tracing
from luota_svc.usecases.deliveries import Outbox
from luota_svc.usecases.installation import Installation
from luota_svc.workers.deliver import Deliverer, Hooks

_DELAYS = (0, 5, 30)


class SettlingPlan(msgspec.Struct, frozen=True):
    """Which outbox, and how long; `profile` names a file for a profile of the measured time."""

    database_url: str
    encryption_key: str
    seconds: float
    warm_seconds: float = 0.5
    profile: str | None = None


class Settling(msgspec.Struct, frozen=True):
    """How many the provider took in all, how many were settled in the measured time, and the process's own CPU each."""

    taken: int
    per_second: float
    cpu_us: float


class _Nothing:
    """A provider that takes everything at once."""

    taken = 0

    async def send(self, _dispatch: Dispatch) -> Outcome:
        self.taken += 1
        return Outcome(OutcomeKind.DELIVERED, http_status=204)


class _Counting(Outbox):
    """An outbox that counts what it settled."""

    settled = 0

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        await super().settle(settlements)
        self.settled += len(settlements)


def settle_duties(plan: SettlingPlan) -> Settling:
    """Run a plan in a process of its own and return its outcome."""
    finished = subprocess.run(
        [sys.executable, "-m", "bench.settling"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        timeout=plan.warm_seconds + plan.seconds + 60,
        check=True,
    )
    return msgspec.json.decode(finished.stdout, type=Settling)


async def _measure(plan: SettlingPlan, toggle: Callable[[], None]) -> Settling:
    clock = RealClock()
    database = Database(plan.database_url, name="luota-deliver", sessions=4, prepare_threshold=None)
    await database.open()
    installation = Installation(database, clock, AbsentLimiter(), "", Vault([plan.encryption_key]))
    outbox, provider = _Counting(installation, worker="bench", retry_delays=_DELAYS), _Nothing()
    deliverer = Deliverer(
        outbox,
        {RouteKind.WEBHOOK: provider},
        clock=clock,
        tracing=build_tracing({}, version="bench", on_spans=lambda *_: None),
        worker="bench",
        hooks=Hooks(attempted=Metrics(version="bench").attempted, line=lambda **_: None),
    )
    deliverer.start()
    await asyncio.sleep(plan.warm_seconds)
    toggle()
    before, began, cpu = outbox.settled, time.perf_counter(), time.process_time()
    await asyncio.sleep(plan.seconds)
    settled, took, cpu = outbox.settled - before, time.perf_counter() - began, time.process_time() - cpu
    toggle()
    await deliverer.stop()
    await database.close()
    return Settling(provider.taken, settled / took, 1e6 * cpu / max(settled, 1))


def _main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=SettlingPlan)
    outcome = _profiled(plan, Path(plan.profile)) if plan.profile else uvloop.run(_measure(plan, lambda: None))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


def _profiled(plan: SettlingPlan, path: Path) -> Settling:
    import cProfile

    profile, running = cProfile.Profile(), False

    def toggle() -> None:
        nonlocal running
        running = not running
        (profile.enable if running else profile.disable)()

    outcome = uvloop.run(_measure(plan, toggle))
    profile.dump_stats(path)
    return outcome


if __name__ == "__main__":
    _main()
