"""Starts the process that runs Apprise, asks it for children, and starts another where it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

_MODULE: Final = "luota_svc.providers.apprise_child"
_LINE_BYTES_MAX: Final = 1 << 20
_READY_SECONDS: Final = 10.0
_FAREWELL_SECONDS: Final = 2.0
# No proxy, no path, nobody's .netrc: what a child needs is told to it.
_ENVIRONMENT: Final = {"HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Wire:
    """Lines of JSON to one child and back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, message: dict[str, Any]) -> None:
        """Send a line. Raises EOFError where the child is gone."""
        try:
            self._writer.write(json.dumps(message).encode() + b"\n")
            await self._writer.drain()
        except OSError as error:
            raise EOFError from error

    async def read(self) -> dict[str, Any]:
        """Return the next line. Raises EOFError where the child ended."""
        try:
            line = await self._reader.readuntil(b"\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise EOFError from error
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """Let go of the child: where it has not ended, it does so now."""
        self._writer.close()


class Nursery:
    """One process with the library loaded, from which children are forked; started with the first of them."""

    def __init__(self, python: str = sys.executable) -> None:
        """Take the interpreter; nothing runs yet."""
        self._python = python
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    @contextlib.asynccontextmanager
    async def child(self) -> AsyncIterator[Wire]:
        """Lend a fresh child; it ends with the block, whatever it is doing then. Raises EOFError, OSError."""
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as stack:
            stack.callback(ours.close)
            with theirs:
                await self._hand_over(theirs)
            ours.setblocking(False)
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LINE_BYTES_MAX)
            stack.pop_all()
        wire = Wire(reader, writer)
        try:
            yield wire
        finally:
            wire.close()

    async def aclose(self) -> None:
        """End the process; safe to repeat. Its children end with what they were lent to."""
        async with self._starting:
            await self._end()

    async def _hand_over(self, end: socket.socket) -> None:
        """Give one end of a socket pair to the process, which forks a child for it."""
        control = await self._ready()
        try:
            socket.send_fds(control, [b"."], [end.fileno()])
        except OSError:
            # It was gone, which shows only now; a fresh one is asked once.
            socket.send_fds(await self._ready(instead_of=control), [b"."], [end.fileno()])

    async def _ready(self, instead_of: socket.socket | None = None) -> socket.socket:
        async with self._starting:
            if self._control is instead_of or self.pid is None:
                await self._end()
            if self._control is None:
                self._control = await self._start()
            return self._control

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    self._python, "-I", "-m", _MODULE,
                    stdin=theirs.fileno(), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
                    env=_ENVIRONMENT, cwd="/", start_new_session=True,
                )  # fmt: skip
            ours.setblocking(False)
            async with asyncio.timeout(_READY_SECONDS):
                # Nothing where it ended: whoever asks it for a child finds that out.
                await asyncio.get_running_loop().sock_recv(ours, 1)
        except BaseException:
            ours.close()
            await self._end()
            raise
        return ours

    async def _end(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is None or process.returncode is not None:
            return
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
