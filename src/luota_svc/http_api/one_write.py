"""Lets an answer leave in one write: uvicorn writes head and body apart, two system calls and two wake-ups."""

from __future__ import annotations

import asyncio
from typing import Final

_CONTINUE: Final = b"HTTP/1.1 100 "


class OneWrite:
    """A transport as one request's cycle sees it: the head waits for the first part of the body, which always follows.

    Only for methods whose answers have a body or an empty one (not HEAD: uvicorn writes nothing after its head).
    """

    __slots__ = ("_head", "_head_seen", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        """Stand before the connection's own transport."""
        self._transport = transport
        self._head = b""
        self._head_seen = False

    def write(self, data: bytes) -> None:
        """Keep the head; write whatever comes after it, the head first."""
        if self._head_seen:
            head, self._head = self._head, b""
            self._transport.write(head + data if head else data)
        elif data.startswith(_CONTINUE):
            self._transport.write(data)
        else:
            self._head, self._head_seen = data, True

    def close(self) -> None:
        """Close the connection, once a head that waits is out."""
        if self._head:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is going."""
        return self._transport.is_closing()
