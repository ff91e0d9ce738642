"""Starting, finding and ending processes of our own: as whom, for how long, and which ones are ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
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
    command: Sequence[str | Path],
    *,
    account: Account,
    death_signal: signal.Signals,
    output: IO[bytes] | int,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `command` as `account` in a session of its own; the kernel sends `death_signal` when we end.

    The kernel watches the *thread* that calls this, so it must live as long as the process shall. (No kernel but
    Linux does that; elsewhere the next start finds what is left over.)
    """
    become: list[str | Path] = [
        sys.executable,
        "-I",
        "-S",
        _BECOME,
        *map(str, (os.getpid(), account.uid, account.gid, int(death_signal))),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_DOWN)}
    return subprocess.Popen(  # noqa: S603 - our own binaries, no shell, no word from outside
        [*become, *command],
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


def end_left_over(folder: Path, program: str, steps: StopSteps) -> int:
    """End every `program` that works in `folder`, whoever started it, and return how many there were.

    They are a dead predecessor's server, or the children of a server that was killed.
    """
    found = left_over(folder, program)
    for number, seconds in steps:
        for pid in left_over(folder, program):
            _signal(pid, number)
        if wait_until(lambda: not left_over(folder, program), seconds):
            break
    return len(found)


def left_over(folder: Path, program: str) -> list[int]:
    """Return the pids of the processes that run `program` and work in `folder`."""
    return list(_by_proc(folder, program) if Path("/proc/self/cwd").exists() else _by_ps(folder, program))


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until it happened (True) or `seconds` have passed (False)."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _by_proc(folder: Path, program: str) -> Iterator[int]:
    # Both servers work in their data folder, and no stranger's program of that name has a reason to be there. A pid
    # from a file proves less: by now it may be somebody else's.
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            executable, cwd = (entry / "exe").readlink(), (entry / "cwd").readlink()
        except OSError:
            continue  # ended meanwhile, or another user's
        # A reinstalled wheel leaves "postgres (deleted)".
        if executable.name.removesuffix(" (deleted)") == program and cwd == folder:
            yield int(entry.name)


def _by_ps(folder: Path, program: str) -> Iterator[int]:
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False)  # noqa: S607 - where `ps` stands differs
    for line in listing.stdout.splitlines():
        pid, command, *arguments = line.split(maxsplit=2)
        if Path(command).name == program and str(folder) in "".join(arguments):
            yield int(pid)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended between the look and the signal
