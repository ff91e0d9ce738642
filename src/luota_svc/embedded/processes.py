"""Starting, finding and ending processes of our own: as whom, for how long, and which ones are ours."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_BECOME = Path(__file__).with_name("become.py")
# Settings of ours hold secrets, and libpq's would change what a private server does.
_NOT_HANDED_DOWN = ("LUOTA_", "OTEL_", "PG", "LC_")
_PAUSE_SECONDS = 0.01

# Ask in this way, wait so many seconds, then ask harder.
StopSteps = Sequence[tuple[signal.Signals, float]]


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that a server runs as."""

    uid: int
    gid: int


def spawn(
    command: Sequence[str],
    *,
    account: Account,
    life_file: Path,
    death_signal: signal.Signals,
    output: IO[bytes] | int,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `command` as `account` in a session of its own; the kernel sends `death_signal` when we end.

    The kernel watches the *thread* that calls this, so it must live as long as the process shall. (No kernel but
    Linux does that; elsewhere the next start finds what is left over.) While the process or a child of it lives,
    `life_file` is locked and holds the process's pid.
    """
    become = [sys.executable, "-I", "-S", str(_BECOME), str(os.getpid()), str(account.uid), str(account.gid)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_DOWN)}
    return subprocess.Popen(  # noqa: S603 - our own binaries, no shell, no word from outside
        [*become, str(int(death_signal)), str(life_file), *command],
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=environment | {"LC_ALL": "C"},
        start_new_session=True,  # Ctrl-C is for us: we end the servers after the last user of theirs
    )


def end(process: subprocess.Popen[bytes], steps: StopSteps) -> None:
    """Ask a child to end, harder each time, and reap it; a child that already ended is no error."""
    for number, seconds in steps:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def end_left_over(life_file: Path, folder: Path, program: str, steps: StopSteps) -> bool:
    """End what still lives of an earlier `program` in `folder`, harder each time; return whether there was anything.

    It is a dead predecessor's server, or the children of a server that was killed. TimeoutError if it won't end.
    """
    if not _lives(life_file):
        return False
    for number, seconds in steps:
        for pid in {*_first_process(life_file, program), *_processes_in(folder, program)}:
            with suppress(ProcessLookupError):  # it ended between the look and the signal
                os.kill(pid, number)
        if wait_until(lambda: not _lives(life_file), seconds):
            return True
    raise TimeoutError(f"processes of an earlier {program} still work in {folder}")


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until it happened (True) or `seconds` have passed (False)."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _lives(life_file: Path) -> bool:
    try:
        descriptor = os.open(life_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _first_process(life_file: Path, program: str) -> Iterator[int]:
    # The first process may have ended before its children, and its number may be somebody else's by now.
    pid = life_file.read_text()
    name = Path("/proc", pid, "comm")
    if pid.isdigit() and (name.read_text().strip() == program if name.exists() else not Path("/proc/self").exists()):
        yield int(pid)


def _processes_in(folder: Path, program: str) -> Iterator[int]:
    """Find the children too, where the kernel lets us look: root in a container may not look at nobody's."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            executable, cwd = (entry / "exe").readlink(), (entry / "cwd").readlink()
        except OSError:
            continue  # ended meanwhile, or another user's
        # Both servers work in their data folder. A reinstalled wheel leaves "postgres (deleted)".
        if executable.name.removesuffix(" (deleted)") == program and cwd == folder:
            yield int(entry.name)
