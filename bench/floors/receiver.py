"""A receiver of webhooks that costs next to nothing: it answers 204 to every POST and says at GET how many came."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


class Received:
    """What came so far, over all connections."""

    count = 0


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    transport: asyncio.Transport

    def __init__(self, received: Received) -> None:
        self._received = received
        self._partial = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only

    def data_received(self, data: bytes) -> None:
        data = self._partial + data
        while (end := data.find(_HEAD_END)) >= 0:
            head = data[:end].lower()
            at = head.find(_LENGTH)
            size = int(head[at + len(_LENGTH) :].partition(b"\r\n")[0]) if at >= 0 else 0
            if len(data) < end + 4 + size:
                break
            data = data[end + 4 + size :]
            self._answer(head)
        self._partial = data

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"post "):
            self._received.count += 1
            self.transport.write(_TAKEN)
            return
        body = b"%d %.6f" % (self._received.count, time.perf_counter())
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def _main() -> None:
    loop, received, asked = asyncio.get_running_loop(), Received(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    server = await loop.create_server(lambda: Connection(received), "127.0.0.1", 0, backlog=1024)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await asked.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(_main())
