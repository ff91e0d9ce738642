"""What one exchange may send us before the client stops to listen: heads without end keep a whole worker busy."""

from __future__ import annotations

from typing import Any, Final

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

# A body's own bytes wait in the kernel as soon as 16 KiB lie unread; heads, chunk extensions and trailers never wait.
_RECEIVED_BYTES_MAX: Final = 1 << 20
# Before its answer a receiver may say a few times that it is coming (100, 102, 103).
_HEADS_MAX: Final = 16


class BoundedProtocol(ResponseHandler):
    """A connection to a receiver, which it ends where an answer has more heads or bytes than any has."""

    def __init__(self, loop: Any) -> None:
        """Begin to count."""
        super().__init__(loop)
        self._received_bytes = 0
        self._heads = 0
        # The address at the other end; asked for once, as each question is one to the system.
        self.peer = ""

    def connection_made(self, transport: Any) -> None:
        """Begin, and see who is there."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""

    def set_response_params(self, **options: Any) -> None:
        """Count anew for the next answer on this connection."""
        self._received_bytes = self._heads = 0
        super().set_response_params(**options)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much by now."""
        self._received_bytes += len(data)
        if self._received_bytes > _RECEIVED_BYTES_MAX:
            self._give_up()
        else:
            super().data_received(data)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take a head, unless there were too many."""
        self._heads += 1
        if self._heads > _HEADS_MAX:
            self._give_up()
        else:
            super().feed_data(data, size)

    def _give_up(self) -> None:
        if self.exception() is None:
            self.set_exception(HttpProcessingError(code=400, message="more than an answer"))
        if self.transport is not None:
            self.transport.abort()
