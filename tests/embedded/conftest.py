"""State folders, and processes that own their servers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from tests.servers import copy_data, folder_for_servers

from luota_svc.embedded.processes import wait_until

_OWNER = Path(__file__).with_name("owner.py")


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A state folder that is not there yet."""
    with folder_for_servers() as folder:
        yield folder / "state"


@pytest.fixture
def made(state_dir, made_data) -> Path:
    """A state folder with data in it, cleanly stopped; for the many promises that the making has no part in."""
    copy_data(made_data, state_dir)
    return state_dir


@contextmanager
def owner(state_dir, *, python=sys.executable, **how) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run a process that owns the servers; yields it and their addresses once they answer."""
    with subprocess.Popen(
        [python, _OWNER, state_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        **how,
    ) as process:
        try:
            first = process.stdout.readline()
            assert first, process.stderr.read()
            addresses = json.loads(first)
            yield process, addresses
            process.kill()
            assert_all_gone(state_dir)
            shutil.rmtree(socket_folder(addresses["redis"]), ignore_errors=True)
        finally:
            process.kill()


def socket_folder(redis_url: str) -> Path:
    """Return the folder that both servers' sockets are in."""
    return Path(redis_url.removeprefix("unix://")).parent


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of the processes that work in or below a folder, or name it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            command = (entry / "cmdline").read_text().replace("\0", " ")
            if f"-D {folder}" in command or _works_in(entry, folder):
                found.append(command)
    return found


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except PermissionError:  # root in a container may not look at nobody's
        return False


def assert_all_gone(folder: Path) -> None:
    assert wait_until(lambda: not processes_in(folder), 15), processes_in(folder)


def remember(database_url: str, number: int) -> None:
    """Commit a fact."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


def remembered(database_url: str) -> list[int]:
    """Return the facts that were committed."""
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY number")]


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can")
