"""Listens and serves: uvicorn's protocol inside our own event loop. Signals, loops and logs stay ours."""

from __future__ import annotations

import asyncio
import errno
from email.utils import formatdate
from functools import partial
from typing import Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from luota_svc.clock import Clock
from luota_svc.http_api.app import HttpDoor
from luota_svc.http_api.protocol import Bounds, DoorProtocol

_BACKLOG: Final = 2_048
_KEEP_ALIVE_SECONDS: Final = 75
_DATE_SECONDS: Final = 1.0
# After the time for graceful endings, refusals and closed sockets still need a moment.
_CUT_SECONDS: Final = 0.5


class HttpServer:
    """One listening address. Start and stop once each, on one loop; a second stop changes nothing."""

    def __init__(self, app: HttpDoor, *, host: str, port: int, clock: Clock, bounds: Bounds | None = None) -> None:
        """Listen nowhere yet. Port 0 lets the system choose."""
        self._app = app
        self._host = host
        self._port = port
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._state = ServerState()
        self._closed_one = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._date_timer: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that is listened at, once started."""
        assert self._server is not None, "not started"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen. Raises OSError with a sentence that names the address."""
        loop = asyncio.get_running_loop()
        make_protocol = partial(
            DoorProtocol,
            self._config(),
            self._state,
            {},
            bounds=self._bounds,
            clock=self._clock,
            journal=self._app.journal,
            on_closed=self._closed_one.set,
        )
        self._tell_date(loop)
        try:
            self._server = await loop.create_server(make_protocol, self._host, self._port, backlog=_BACKLOG)
        except OSError as error:
            self._forget_date()
            raise _in_words(error, self._host, self._port) from error

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new connections, end streams, let requests in flight finish for so long, then cut what is left."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        self._app.end_streams()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._finish_tasks(grace_seconds)
        await self._close_connections()
        self._forget_date()
        await server.wait_closed()

    async def _finish_tasks(self, grace_seconds: float) -> None:
        # Requests that wait in line on a connection start as tasks of their own while we wait.
        deadline = asyncio.get_running_loop().time() + grace_seconds
        while tasks := set(self._state.tasks):
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                break
            await asyncio.wait(tasks, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
        if tasks:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CUT_SECONDS)

    async def _close_connections(self) -> None:
        """Let the last bytes of answers out, for a moment; who does not read them is cut off."""
        for connection in list(self._state.connections):
            connection.transport.close()
        try:
            async with asyncio.timeout(_CUT_SECONDS):
                while self._state.connections:
                    self._closed_one.clear()
                    await self._closed_one.wait()
        except TimeoutError:
            for connection in list(self._state.connections):
                connection.transport.abort()

    def _config(self) -> Config:
        config = Config(
            self._app,
            loop="none",
            http=DoorProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            workers=1,
        )
        config.load()
        return config

    def _tell_date(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep the header Date; making it once a second is cheaper than once an answer."""
        date = formatdate(self._clock.now().timestamp(), usegmt=True).encode()
        self._state.default_headers = [(b"date", date)]
        self._date_timer = loop.call_later(_DATE_SECONDS, self._tell_date, loop)

    def _forget_date(self) -> None:
        timer, self._date_timer = self._date_timer, None
        if timer is not None:
            timer.cancel()


def _in_words(error: OSError, host: str, port: int) -> OSError:
    if error.errno == errno.EADDRINUSE:
        return OSError(
            errno.EADDRINUSE,
            f"port {port} is taken on {host}; choose another by LUOTA_HTTP_LISTEN or stop who holds it",
        )
    return OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror or error}")
