"""The private servers of the tests: one pair for a whole worker, and pairs that one test may kill."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis
from tests.witness import WITNESS

from luota_svc.embedded import PrivateServers

# What the tests' installations seal secrets with.
ENCRYPTION_KEY = "dGVzdHMgb25seSwgbm8gc2VjcmV0IG9mIGFueWJvZHk="
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 * 1024**3
_TEMPLATE = "template_migrated"
_given_ports: set[int] = set()


@contextmanager
def folder_for_servers() -> Iterator[Path]:
    """Make a folder that nobody's servers can reach (pytest's own are closed when root runs it)."""
    # In memory where there is room: to make and remove thousands of files is what a suite would wait for.
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="luota-tests-", dir=_MEMORY if roomy else None))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def make_data(state_dir: Path) -> None:
    """Make the data of a pair and leave it cleanly stopped: to copy it costs a tenth of making it."""
    with PrivateServers(state_dir, durable=False, log=lambda _: None):
        pass
    for log in state_dir.glob("*.log"):
        log.unlink()


def copy_data(made: Path, state_dir: Path) -> None:
    """Copy what `make_data` left, owners included."""
    subprocess.run(["cp", "-a", made, state_dir], check=True)


@contextmanager
def private_servers(made: Path, *, durable: bool = False, restart: bool = False) -> Iterator[PrivateServers]:
    """Run a pair on a copy of `made` data. `.postgres` and `.valkey` have kill(), stop(), start() and pid.

    Addresses and data stay the same over restarts.
    """
    with folder_for_servers() as folder:
        copy_data(made, folder / "state")
        with PrivateServers(folder / "state", durable=durable, restart=restart, log=lambda _: None) as servers:
            yield servers
        # PostgreSQL logs the statements that fail, with their values if a client sends them so.
        for log in (folder / "state").glob("*.log"):
            WITNESS.hears(log.name, log.read_text(errors="replace").splitlines())


def free_port() -> int:
    """Return a port of loopback that nobody listens on; never the same twice.

    None of those that the system gives to outgoing connections: of a test run beside this one, one of these would take
    it before its owner begins to listen, or while it is away.
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        if port in _given_ports:
            continue
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _given_ports.add(port)
            return port


class Databases:
    """Clones of one migrated template on one server: a database for each test in some milliseconds."""

    def __init__(self, servers: PrivateServers) -> None:
        self._servers = servers
        self._numbers = itertools.count(1)
        self._admin = psycopg.connect(servers.database_url("postgres"), autocommit=True)

    def make_template(self) -> None:
        """Migrate the database that the others are cloned from."""
        from luota_svc.store.migrations import migrate

        self._admin.execute(f"CREATE DATABASE {_TEMPLATE}")
        with ThreadPoolExecutor(1) as apart:  # asyncio.run would take the tests' loop away from this thread
            apart.submit(asyncio.run, migrate(self._servers.database_url(_TEMPLATE))).result()

    @contextmanager
    def clone(self, *, generated: bool = False) -> Iterator[str]:
        """Return the address of a fresh migrated database.

        Searched for secrets afterwards, and dropped, whoever is still connected. `generated`: all its rows, of which
        there are a great many, are made by SQL of the tests, so that there is nothing to find.
        """
        name = f"t_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        try:
            yield self._servers.database_url(name)
            if not generated:
                WITNESS.require_none_in(self._servers.database_url(name))
        finally:
            self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._admin.close()


def empty(redis_url: str) -> None:
    """Forget everything in a Valkey."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
