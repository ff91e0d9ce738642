"""What telling people costs: the outbox alone, and webhooks by the real worker to a receiver on loopback."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.duties import Duties
from bench.programs import Floor, Program
from bench.settling import SettlingPlan, settle_duties

# More than any machine tells in a second; what is left over is taken back.
_SETTLED_PER_SECOND = 6_000
_POSTED_PER_SECOND = 3_000
_WARM_SECONDS = 1.0
_FIRST_SECONDS = 30.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Telling:
    """Deliveries a second, the measured process's own CPU for each, and what does not add up."""

    per_second: float
    cpu_us: float
    fault: str


def settle(database_url: str, encryption_key: str, seconds: float, *, profile: str | None = None) -> Telling:
    """Let a worker whose provider does nothing claim and settle for so long; `profile` names a file for its profile."""
    count = int((seconds + _WARM_SECONDS) * _SETTLED_PER_SECOND)
    with Duties(database_url, encryption_key, base_url="http://127.0.0.1:9", count=count) as duties:
        settling = settle_duties(SettlingPlan(database_url, encryption_key, seconds, profile=profile))
        return Telling(settling.per_second, settling.cpu_us, _fault(duties, settling.taken, count))


def post_webhooks(settings: Mapping[str, str], receiver: Floor, folder: Path, seconds: float) -> Telling:
    """Let `luota-svc work` post signed webhooks for so long; it is started for it, and stopped as an operator would."""
    count = int((seconds + _WARM_SECONDS) * _POSTED_PER_SECOND)
    base_url, key = f"http://127.0.0.1:{receiver.port}", settings["LUOTA_ENCRYPTION_KEYS"]
    before, _ = _received(receiver)
    with Duties(settings["LUOTA_DATABASE_URL"], key, base_url=base_url, count=count) as duties:
        with Program(["-m", "luota_svc", "work"], _worker(settings), folder / "work.log") as worker:
            _wait_for_first(receiver, worker, before, folder / "work.log")
            time.sleep(_WARM_SECONDS)
            (began_count, began), cpu = _received(receiver), worker.cpu_us()
            time.sleep(seconds)
            (ended_count, ended), cpu = _received(receiver), worker.cpu_us() - cpu
        posted = ended_count - began_count
        taken = _received(receiver)[0] - before
        return Telling(posted / (ended - began), cpu / max(posted, 1), _fault(duties, taken, count))


def post_alone(receiver: Floor, seconds: float) -> Telling:
    """Let aiohttp's client alone post the same bytes to the same receiver."""
    before, _ = _received(receiver)
    program = [sys.executable, "-m", "bench.floors.aiohttp_client", str(receiver.port), str(seconds)]
    said = subprocess.run(program, stdout=subprocess.PIPE, check=True, timeout=seconds + 60).stdout.split()
    posted, received = int(said[0]), _received(receiver)[0] - before
    fault = "" if posted == received else f"{posted} posted, but {received} received"
    return Telling(float(said[1]), float(said[2]), fault)


def _worker(settings: Mapping[str, str]) -> dict[str, str]:
    return {
        **settings,
        "LUOTA_HTTP_LISTEN": "127.0.0.1:0",
        "LUOTA_DELIVERY_ALLOWED_SUBNETS": "127.0.0.0/8",
        "LUOTA_DELIVERY_ALLOW_HTTP": "yes",
    }


def _fault(duties: Duties, taken: int, count: int) -> str:
    if taken >= count:
        return f"all {count} duties were told before the time was over"
    return duties.fault(taken)


def _wait_for_first(receiver: Floor, worker: Program, before: int, log: Path) -> None:
    give_up_at = time.monotonic() + _FIRST_SECONDS
    while _received(receiver)[0] == before:
        if time.monotonic() > give_up_at or worker.process.poll() is not None:
            raise RuntimeError(f"luota-svc work tells nobody; the end of its log:\n{log.read_text()[-2000:]}")
        time.sleep(_LOOK_SECONDS)


def _received(receiver: Floor) -> tuple[int, float]:
    """Return how many posts the receiver has counted, and when it said so by its own clock in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    try:
        connection.request("GET", "/")
        count, at = connection.getresponse().read().split()
        return int(count), float(at)
    finally:
        connection.close()
