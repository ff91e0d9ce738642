"""The programs that are measured, each a child process: start, wait until ready, read its CPU and memory, stop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

_TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 50  # a drain may take 45


class Program:
    """One child process, stopped at the end of the `with` block."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path | None = None) -> None:
        self._arguments = [sys.executable, *arguments]
        self._environment = {**os.environ, **environment}
        self._log = log
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        log = self._log.open("wb") if self._log else None
        self.process = subprocess.Popen(
            self._arguments, stdout=log or subprocess.PIPE, stderr=log, env=self._environment, start_new_session=True
        )
        if log:
            log.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def cpu_us(self) -> float:
        """Return the CPU time that the process has spent so far, in its own code and in the kernel."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_US

    def resident_mib(self) -> float:
        """Return the resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the process has ended")


class Floor(Program):
    """A program of bench.floors; `port` is where it listens."""

    port: int

    def __init__(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(["-m", f"bench.floors.{name}", *arguments], environment or {})

    def __enter__(self) -> Self:
        super().__enter__()
        assert self.process.stdout
        said = self.process.stdout.readline().split()  # ends, empty, if the floor does
        if said[:1] != [b"ready"]:
            self.__exit__()
            raise RuntimeError(f"{self._arguments} did not start")
        self.port = int(said[1])
        return self
