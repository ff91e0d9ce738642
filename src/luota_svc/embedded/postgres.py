"""The private PostgreSQL: how its data is made, how it is started and when it answers."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from luota_svc.embedded.binaries import Binaries
from luota_svc.embedded.errors import EmbeddedError
from luota_svc.embedded.places import Place
from luota_svc.embedded.processes import Account, StopSteps
from luota_svc.embedded.supervision import RunToEnd

MAJOR = "18"
USER = DATABASE = "luota"
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "dynamic_shared_memory_type": "mmap",  # in our folder: a container's /dev/shm is small, and a kill leaves it dirty
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
# Tests alone: a crash of the machine costs the data. A kill of the server costs nothing that was committed, so
# synchronous_commit stays on.
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """One data folder and the server on it, reachable over a socket that only its account can open."""

    title: ClassVar[str] = "PostgreSQL"
    program: ClassVar[str] = "postgres"
    # Fast: sessions are cut, everything is on disk. Immediate: the next start recovers.
    stop_steps: ClassVar[StopSteps] = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    death_signal: ClassVar[signal.Signals] = signal.SIGINT
    start_seconds: ClassVar[float] = 120.0  # recovery after a crash may take its time

    def __init__(self, place: Place, binaries: Binaries, *, durable: bool) -> None:
        self.place = place
        self.folder = place.data / "postgres"
        self.log_file = place.data / "postgres.log"
        self.life_file = place.data / "postgres.running"
        self._binaries = binaries
        self._durable = durable

    def url(self, database: str = DATABASE) -> str:
        """Return the address of one database of the server."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.place.sockets))}"

    def prepare(self, run: RunToEnd) -> None:
        """Make the data if there is none; refuse a folder that is not ours, and change nothing in it."""
        if not self.folder.exists() or (self.folder.is_dir() and not any(self.folder.iterdir())):
            self._make_data(run)
        version = self.folder / "PG_VERSION"
        if not version.is_file():
            raise EmbeddedError(f"{self.folder} holds no PostgreSQL data: move it away, or choose another state folder")
        if (major := version.read_text().strip()) != MAJOR:
            raise EmbeddedError(
                f"{self.folder} was made by PostgreSQL {major} and this release brings {MAJOR}: nothing was changed; "
                "dump it with the old release, or choose another state folder"
            )
        if self.folder.stat().st_uid != self.place.account.uid:
            raise EmbeddedError(f"{self.folder} belongs to another user: start as that user, or choose another folder")
        self._set_dead_lock_aside()

    def command(self) -> list[str]:
        """Return what starts the server."""
        settings = _SETTINGS | {"unix_socket_directories": str(self.place.sockets)}
        settings |= {} if self._durable else _FORGETFUL
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._binaries.postgres), "-D", str(self.folder), *flags]

    def is_ready(self, pid: int) -> bool:
        """Tell whether the server that is process `pid` takes connections: it says so in its own lock file."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _set_dead_lock_aside(self) -> None:
        """Move away a lock file whose process is a zombie or runs another program by now; the server would refuse it.

        PostgreSQL itself replaces the file of a process that is gone. One that names a living `postgres` stays: it may
        have been started by other hands.
        """
        lock = self.folder / "postmaster.pid"
        with suppress(FileNotFoundError, ProcessLookupError):
            about = Path("/proc", lock.read_text().split("\n", 1)[0].strip(), "stat").read_text()
            name, state = about[about.index("(") + 1 : about.rindex(")")], about[about.rindex(")") + 2]
            if name != self.program or state == "Z":
                lock.rename(lock.with_suffix(".stale"))

    def _make_data(self, run: RunToEnd) -> None:
        _require_name_of(self.place.account)
        # In a folder of its own that is renamed when it is whole: whoever is killed here starts afresh next time.
        fresh = self.place.data / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self.place.make_folder(fresh.name)
        how = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C"]
        how += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        sync: list[str] = [] if self._durable else ["--no-sync"]
        run([str(self._binaries.initdb), "-D", str(fresh), *how, *sync], b"")
        single = [str(self._binaries.postgres), "--single", "-D", str(fresh), "-c", f"fsync={self._durable}"]
        run([*single, "postgres"], f"CREATE DATABASE {DATABASE}\n".encode())
        fresh.rename(self.folder)
        if self._durable:
            _sync(self.place.data)


def _require_name_of(account: Account) -> None:
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL makes no data for user id {account.uid}, which has no name here: add it to /etc/passwd, "
            "or set LUOTA_DATABASE_URL and LUOTA_REDIS_URL"
        ) from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
