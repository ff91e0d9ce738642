"""Keeping one server running: start it, wait until it answers, start it again when it dies, end it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, ClassVar, Protocol

from luota_svc.embedded.errors import EmbeddedError
from luota_svc.embedded.places import Place
from luota_svc.embedded.processes import StopSteps, end, end_left_over, spawn, wait_until

# Runs a command that ends by itself, with this input; an EmbeddedError if it fails.
RunToEnd = Callable[[Sequence[str], bytes], None]

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# A server that lived so long is started again at once.
_HEALTHY_SECONDS = 10.0
_LOG_BYTES_MAX = 10_000_000
# What PostgreSQL and initdb begin their complaint with.
_WORDS_OF_TROUBLE = ("FATAL:", "PANIC:", "ERROR:", "error:")


class Program(Protocol):
    """What a keeper must know of a server."""

    title: ClassVar[str]
    program: ClassVar[str]
    stop_steps: ClassVar[StopSteps]
    death_signal: ClassVar[signal.Signals]
    start_seconds: ClassVar[float]
    place: Place
    folder: Path
    log_file: Path
    life_file: Path

    def prepare(self, run: RunToEnd) -> None:
        """Make what the server needs before its first start."""
        ...

    def command(self) -> list[str]:
        """Return what starts the server."""
        ...

    def is_ready(self, pid: int) -> bool:
        """Tell whether the server answers."""
        ...


class Keeper:
    """One server and the thread that started it: the kernel ends the server when that thread ends.

    Its methods may be called from any thread. `log` is called from the keeper's thread.
    """

    def __init__(self, program: Program, *, restart: bool, log: Callable[[str], None]) -> None:
        self._program = program
        self._restart = restart
        self._log = log
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The server's process, or None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def begin(self) -> Future[None]:
        """Begin to start the server; the future is done when it answers, or holds an EmbeddedError."""
        assert self.pid is None, "it runs already"
        if self._thread is not None:
            self._thread.join()
        self._stopping.clear()
        answer: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, args=(answer,), name=self._program.title, daemon=True)
        self._thread.start()
        return answer

    def start(self) -> None:
        """Start the server and wait until it answers; EmbeddedError if it can't."""
        self.begin().result()

    def stop(self) -> None:
        """End the server, gently at first, and its keeping; at once if there is none."""
        self._stopping.set()
        with self._guard:
            process = self._process
        if process is not None:
            end(process, self._program.stop_steps)
        if self._thread is not None:
            self._thread.join()

    def kill(self) -> None:
        """Kill the server as kill -9 does, and return when it is dead. A keeper that restarts starts it again."""
        process = self._process
        assert process is not None, "it was never started"
        process.kill()
        process.wait()

    def _live(self, answer: Future[None]) -> None:
        try:
            self._clear()
            self._program.prepare(self._run_to_end)
            self._launch()
        except OSError as error:
            answer.set_exception(EmbeddedError(f"{self._program.title} can't be set up: {error}"))
            return
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer raises it
            answer.set_exception(error)
            return
        answer.set_result(None)
        pause = 0.0
        while (lived := self._until_death()) is not None:
            pause = 0.0 if lived > _HEALTHY_SECONDS else pause
            pause = self._start_again(pause)

    def _until_death(self) -> float | None:
        """Wait for the server's end; return how long it lived if it is to be started again."""
        process, since = self._process, time.monotonic()
        if process is None or self._stopping.is_set():
            return None
        code = process.wait()
        if not self._restart or self._stopping.is_set():
            return None
        self._log(f"{self._program.title} {_how_it_ended(code)}; starting it again")
        return time.monotonic() - since

    def _start_again(self, pause: float) -> float:
        """Start until it answers or we stop; return the pause that a next death should begin with."""
        told = False
        while not self._stopping.wait(pause):
            pause = min(max(pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
            try:
                self._clear()
                self._launch()
            except (EmbeddedError, OSError) as error:
                if not told and not self._stopping.is_set():
                    self._log(f"{error}; trying again")
                    told = True
            else:
                self._log(f"{self._program.title} answers again")
                break
        return pause

    def _clear(self) -> None:
        program = self._program
        end_left_over(program.life_file, program.folder, program.program, program.stop_steps)

    def _launch(self) -> None:
        program = self._program
        with self._open_log() as log:
            start = log.tell()
            process = self._spawn(program.command(), log, subprocess.DEVNULL)
        settled = wait_until(lambda: process.poll() is not None or program.is_ready(process.pid), program.start_seconds)
        if not settled:
            end(process, program.stop_steps)
        if not settled or process.poll() is not None:
            raise EmbeddedError(f"{program.title} did not start: {self._trouble(start)}; see {program.log_file}")

    def _run_to_end(self, command: Sequence[str], text: bytes) -> None:
        with self._open_log() as log, tempfile.TemporaryFile() as given:
            given.write(text)
            given.seek(0)
            start = log.tell()
            code = self._spawn(command, log, given).wait()
        # `postgres --single` ends well although a statement failed.
        if code != 0 or self._complaints(start):
            name, log_file = Path(command[0]).name, self._program.log_file
            raise EmbeddedError(
                f"{self._program.title} can't be set up: {name}: {self._trouble(start)}; see {log_file}"
            )

    def _spawn(self, command: Sequence[str], output: IO[bytes], given: IO[bytes] | int) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._stopping.is_set():
                raise EmbeddedError(f"{self._program.title} was told to stop while it started")
            self._process = spawn(
                command,
                account=self._program.place.account,
                life_file=self._program.life_file,
                death_signal=self._program.death_signal,
                output=output,
                stdin=given,
            )
            return self._process

    def _open_log(self) -> IO[bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        log = os.fdopen(os.open(self._program.log_file, flags, 0o600), "ab")
        if log.tell() > _LOG_BYTES_MAX:
            log.truncate(0)
        log.seek(0, os.SEEK_END)
        return log

    def _complaints(self, start: int) -> list[str]:
        """Return what PostgreSQL complained about since the log was so long, each with its hint."""
        found: list[str] = []
        for line in self._lines(start):
            if "HINT:" in line and found:
                found[-1] += f" ({line[line.index('HINT:') + 5 :].strip()})"
            found += [line[line.index(word) :] for word in _WORDS_OF_TROUBLE if word in line][:1]
        return found

    def _trouble(self, start: int) -> str:
        return (self._complaints(start) or self._lines(start) or ["it said nothing"])[-1]

    def _lines(self, start: int) -> list[str]:
        with self._program.log_file.open("rb") as log:
            log.seek(start)
            return [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]


def _how_it_ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
