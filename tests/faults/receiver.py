"""A real receiver in the tests' own process: it keeps the id, the bytes and the instant of all that it is sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple
from uuid import UUID

from aiohttp import web


class Receipt(NamedTuple):
    """One request whose whole body came; `at` in seconds of time.monotonic."""

    at: float
    path: str
    id: UUID
    body: bytes
    status: int

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def alert(receipt: Receipt) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(receipt.body)
    return document


def named(receipt: Receipt) -> frozenset[str]:
    """Return the incidents that a message names."""
    document = alert(receipt)
    return frozenset(
        {document["incidentId"], *(each["incidentId"] for each in document["metadata"]["furtherIncidents"])}
    )


class Receiver:
    """Takes POSTs on any path. Answers 200 at once unless told otherwise."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        # Which status a path gets.
        self.says: Callable[[str], int] = lambda _path: 200
        # Where a path is redirected to.
        self.leads: Callable[[str], str | None] = lambda _path: None
        # How many seconds an answer on a path takes.
        self.takes: Callable[[str], float] = lambda _path: 0.0
        # Whether each answer ends its connection.
        self.closes = False
        # How many have their whole body here and wait for their answer at the closed gate.
        self.waiting = 0
        self._gate = asyncio.Event()
        self._gate.set()
        self.port = 0

    def hold(self) -> None:
        """Let nobody have an answer from now on."""
        self._gate.clear()

    def answer(self) -> None:
        """Let everybody have an answer again."""
        self._gate.set()

    def url(self, path: object) -> str:
        return f"http://127.0.0.1:{self.port}/r/{path}"

    def came(self, path: str) -> int:
        """Count what came on a path, answered however."""
        return sum(receipt.path == path for receipt in self.receipts)

    def taken(self) -> list[Receipt]:
        """Return what was answered with 2xx, or would have been to somebody who was gone by then."""
        return [receipt for receipt in self.receipts if receipt.status < 300]

    def by_id(self) -> dict[UUID, list[Receipt]]:
        found: dict[UUID, list[Receipt]] = defaultdict(list)
        for receipt in self.taken():
            found[receipt.id].append(receipt)
        return found

    def times(self) -> Counter[UUID]:
        """Count how often each delivery was taken."""
        return Counter(receipt.id for receipt in self.taken())

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        path = request.path.removeprefix("/r/")
        location = self.leads(path)
        status = 307 if location else self.says(path)
        # What counts is that it is here: whether its sender still hears the answer is the sender's trouble.
        self.receipts.append(
            Receipt(time.monotonic(), path, UUID(request.headers["x-luota-delivery-id"]), body, status)
        )
        if not self._gate.is_set():
            self.waiting += 1
            await self._gate.wait()
            self.waiting -= 1
        if seconds := self.takes(path):
            await asyncio.sleep(seconds)  # a receiver that takes its time
        answer = web.Response(status=status, headers={"Location": location} if location else {})
        if self.closes:
            answer.force_close()
        return answer


@asynccontextmanager
async def receiving(receiver: Receiver | None = None, *, port: int = 0) -> AsyncIterator[Receiver]:
    """Receive on a loopback port until the block ends."""
    receiver = receiver or Receiver()
    application = web.Application(client_max_size=1 << 22)
    application.router.add_post("/r/{path:.*}", receiver._take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    (receiver.port,) = {address[1] for address in runner.addresses}
    try:
        yield receiver
    finally:
        receiver.answer()
        await runner.cleanup()


@asynccontextmanager
async def raw_receiving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[int]:
    """Let a coroutine function speak on every connection; yield the port."""

    speaking: set[asyncio.Task[None]] = set()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever it speaks to may be gone at any time.
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(hold(reader, writer))
        speaking.add(task)
        task.add_done_callback(speaking.discard)

    server = await asyncio.start_server(accept, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1]
        server.close()
        for task in list(speaking):
            task.cancel()
        await asyncio.gather(*speaking, return_exceptions=True)
        await asyncio.sleep(0)  # the aborted connections are let go of in the loop's next turn
