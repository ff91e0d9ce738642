"""HTTP by hand over a raw socket: what no client library would send."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from tests.witness import WITNESS

WAIT = 5.0


@dataclass(frozen=True)
class Response:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


def request_bytes(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Build a request; `x_luota_key` is the header x-luota-key. A given content_length is believed."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if body or method in {"POST", "PATCH"}:
        fields.setdefault("content-length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", "host: door", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def response(self, *, head_only: bool = False) -> Response:
        async with asyncio.timeout(WAIT):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")[:-2]
            pairs = [line.split(": ", 1) for line in lines]
            headers = dict(pairs)
            assert len(headers) == len(pairs), f"a header came twice: {pairs}"
            length = 0 if head_only else int(headers.get("content-length", "0"))
            response = Response(int(first.split()[1]), headers, await self.reader.readexactly(length))
        text = response.body.decode(errors="replace")
        WITNESS.hears("answer's head", lines)
        WITNESS.answered("a request", response.status, text)
        return response

    async def closed(self) -> bool:
        """Wait until the server closes; True if it did so without a further byte."""
        async with asyncio.timeout(WAIT):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass(frozen=True)
class Event:
    """One server-sent event as it came; a field that it has not is ""."""

    id: str
    event: str
    data: str
    comment: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class EventStream:
    """The events of one answer that comes in chunks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, raw: bytes) -> Response:
        """Send the request and return the head of the answer; a refusal comes with its body."""
        await self._connection.send(raw)
        return await self._connection.response()

    async def next(self) -> Event | None:
        """Return the next event, or None where the answer ends as HTTP asks."""
        async with asyncio.timeout(WAIT):
            size = int((await self._connection.reader.readuntil(b"\r\n"))[:-2], 16)
            chunk = await self._connection.reader.readexactly(size + 2)
        if size == 0:
            return None
        text = chunk[:-2].decode()
        WITNESS.hears("an event", [text])
        assert text.endswith("\n\n"), text
        fields = {"id": "", "event": "", "data": "", "": ""}
        fields.update(line.split(": ", 1) for line in text.rstrip("\n").split("\n"))
        return Event(fields["id"], fields["event"], fields["data"], fields[""])

    def reset(self) -> None:
        """Close as a client does that has died."""
        transport: asyncio.Transport = self._connection.writer.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
