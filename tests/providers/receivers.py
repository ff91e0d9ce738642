"""Receivers on loopback that behave as a test writes: byte for byte, on any address, with or without TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver, ResolveResult

from luota_svc.model.deliveries import Outcome
from luota_svc.providers.http_client import ExchangeFailed, GuardedClient, outcome_of

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """Where it listens, who came, and what each asked."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def receiver(
    talk: Talk | bytes, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Run one that, for each connection, reads a request and then talks, or says those bytes, and hangs up."""
    made = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            made.requests.append(await read_request(reader))
            if isinstance(talk, bytes):
                writer.write(talk)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            else:
                await talk(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return one request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    return head + await reader.readexactly(length)


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer after which the connection is closed; `retry_after` is Retry-After."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if status in {204, 304} else body)


class Names(AbstractResolver):
    """Says where names lead: one list of addresses for each time it is asked; the last is said again. None hangs."""

    def __init__(self, *answers: list[str] | OSError | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if found is None:
            await asyncio.Event().wait()
        if isinstance(found, OSError):
            raise found
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found or ()
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def client(**options) -> AsyncIterator[GuardedClient]:
    """Open a client that may go anywhere, http too, unless the options say otherwise."""
    options = {"permit": lambda _: None, "clean": lambda text: text, "allow_http": True, **options}
    made = GuardedClient(**options)
    await made.open()
    try:
        yield made
    finally:
        await made.aclose()


async def outcome(made: GuardedClient, url: str, headers: dict[str, str] | None = None) -> Outcome:
    """Return what one exchange comes to."""
    try:
        reply = await made.post(url, b"{}", headers or {})
    except ExchangeFailed as failed:
        return failed.outcome
    return outcome_of(reply, clean=lambda text: text)
