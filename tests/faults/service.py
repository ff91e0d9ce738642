"""The real `luota-svc serve` (or `work`) as a process of its own, to load, to kill and to ask."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from tests.servers import ENCRYPTION_KEY, free_port
from tests.waiting import until
from tests.witness import WITNESS

RAISED = {
    f"LUOTA_LIMIT_{name}": "100000000"
    for name in ("MONITOR_TOKEN_MINUTE", "MONITOR_TOKEN_HOUR", "WORKSPACE_MINUTE", "SOURCE_IP_MINUTE")
}
_READY_SECONDS = 30.0


class Service:
    """One `serve` process. Its port stays the same over `start` after `kill`."""

    command = "serve"

    def __init__(self, database_url: str, redis_url: str, **settings: str) -> None:
        self.port, grpc_port = free_port(), free_port()
        self._settings = {
            **RAISED,
            "LUOTA_DATABASE_URL": database_url,
            "LUOTA_REDIS_URL": redis_url,
            "LUOTA_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "LUOTA_HTTP_LISTEN": f"127.0.0.1:{self.port}",
            "LUOTA_GRPC_LISTEN": f"127.0.0.1:{grpc_port}",
            **settings,
        }
        # A file and not a pipe: a reader of ours that is slow must not slow the service.
        self._log = Path(tempfile.mkstemp(prefix="luota-faults-", suffix=".log")[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    async def start(self) -> None:
        """Start and wait until it is ready."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LUOTA_", "OTEL_"))}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - some milliseconds, and nothing else runs yet
                [sys.executable, "-m", "luota_svc", self.command],
                env={**clean, **self._settings},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        async with aiohttp.ClientSession() as session:
            await until(lambda: self._is_ready(session), _READY_SECONDS)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        assert self.process.poll() is None, f"{self.command} ended:\n{self._log.read_text()[-2000:]}"
        try:
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    async def terminate(self, seconds: float = 20.0) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, seconds)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        # As text, for a service that did not start says why without JSON.
        lines = self._log.read_text().splitlines()
        WITNESS.hears(self.command, lines)
        telling = [line for line in lines if '"access"' not in line and "pool" not in line]
        for line in telling[-20:]:  # pytest shows them where a test failed
            note(line[:2000])
        self._log.unlink()

    def lines(self) -> list[dict[str, object]]:
        """Return what it has logged; every line must be JSON."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def said(self, event: str) -> list[dict[str, object]]:
        """Return the lines about an event."""
        return [line for line in self.lines() if line.get("event") == event]

    async def metric(self, name: str) -> float:
        """Read one sample of /metrics, labels included in the name."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as answer:
            found = re.search(rf"^{re.escape(name)} (\S+)$", await answer.text(), re.MULTILINE)
        assert found, f"no sample {name}"
        return float(found[1])

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@asynccontextmanager
async def serving(database_url: str, redis_url: str, **settings: str):
    """Serve until the block ends; whatever happened in it, nothing is left running."""
    service = Service(database_url, redis_url, **settings)
    try:
        await service.start()
        yield service
    finally:
        service.close()


def note(text: str) -> None:
    """Leave a figure for who reads the run (`pytest -rP` shows it)."""
    sys.stdout.write(f"{text}\n")
