"""How a floor of HTTP serves: uvicorn on uvloop and httptools, the server that Luota has too."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
import uvloop
from starlette.applications import Starlette


def serve(app: Starlette) -> None:
    """Serve `app` on a free port of loopback until SIGTERM; print `ready <port>` first."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(app, loop="none", http="httptools", access_log=False, log_level="warning", lifespan="on")
    server = _Announcing(config, f"ready {listener.getsockname()[1]}")
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._announcement, flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises a captured signal again when it has stopped, and Python would die of it with a bad exit code.
        loop = asyncio.get_running_loop()
        for number in (2, 15):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
