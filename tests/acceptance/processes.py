"""Real processes of Luota, started as an operator would: wait for what they say, end them by pid, keep the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

LUOTA = (sys.executable, "-m", "luota_svc")
_SECONDS = 30.0


class Running:
    """One process of ours; its output is read as it comes, so that it never waits for us."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], **how: Any) -> None:
        self.process = subprocess.Popen(
            argv,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,  # a Ctrl-C at the tests is for the tests
            **how,
        )
        self.pid = self.process.pid
        self.out: list[str] = []
        self.err: list[str] = []
        self._came = threading.Condition()
        self._open = 2
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def line(self, is_it: Callable[[str], object], seconds: float = _SECONDS, *, after: int = 0) -> str:
        """Wait for a line of stdout, from number `after` on; fail with what was said instead when none comes."""
        found: list[str] = []

        def came() -> bool:
            found[:] = [line for line in self.out[after:] if is_it(line)][:1]
            return bool(found) or not self._open

        with self._came:
            self._came.wait_for(came, seconds)
        assert found, f"no such line from {self.process.args} within {seconds:g} s:\n{self.said()}"
        return found[0]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this one process."""
        self.process.send_signal(number)

    def wait(self, seconds: float = _SECONDS) -> int:
        """Wait until it ended and all that it said is here; return its exit code (negative: the signal)."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args} did not end within {seconds:g} s:\n{self.said()}") from None
        for reader in self._readers:
            reader.join(5)
        return code

    def stop(self, seconds: float = _SECONDS) -> int:
        """Ask it to end as an orchestrator does, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def said(self) -> str:
        """Return both streams, stderr first."""
        return "\n".join([*self.err, *self.out])

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._came:
                lines.append(line.rstrip("\n"))
                self._came.notify_all()
        stream.close()
        with self._came:
            self._open -= 1
            self._came.notify_all()


@contextmanager
def running(argv: Sequence[str], env: Mapping[str, str] | None = None, **how: Any) -> Iterator[Running]:
    """Run a command for as long as the block lasts; killed at its end if it still runs, however the block ends."""
    process = Running(argv, env or {}, **how)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.signal(signal.SIGKILL)
        process.wait()


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without Luota's and OpenTelemetry's settings, and with `env`."""
    ours = ("LUOTA_", "OTEL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | dict(env)


def eventually(happened: Callable[[], Any], seconds: float = _SECONDS, what: str = "it") -> Any:
    """Look again and again until it happened, and return what was seen; fail when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not (seen := happened()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.01)
    return seen


def is_there(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def tree(pid: int) -> dict[int, str]:
    """Return a process and all its descendants, by pid, with their programs' names."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile
            head, _, rest = (entry / "stat").read_text().rpartition(") ")
            parents[int(entry.name)] = int(rest.split()[1])
            names[int(entry.name)] = head.partition("(")[2]
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {member: names[member] for member in found if member in names}


def listening_addresses(pids: set[int]) -> set[str]:
    """Return the local addresses on which these processes listen, as /proc/net writes them (hexadecimal)."""
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = row.split()
            if columns[3] == "0A" and columns[9] in inodes:
                addresses.add(columns[1].partition(":")[0])
    return addresses


def resident_mib(pid: int) -> float:
    """Return the memory that a process holds in RAM, shared pages included."""
    words = Path(f"/proc/{pid}/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1]) / 1024
