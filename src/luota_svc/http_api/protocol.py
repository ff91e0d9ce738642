"""uvicorn's httptools protocol with what it leaves open: bounds on time and size, and our own words for bad HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from luota_svc.clock import Clock
from luota_svc.http_api.errors import BadTransfer, refusal_of
from luota_svc.http_api.exchange import TROUBLE
from luota_svc.http_api.journal import Journal
from luota_svc.http_api.one_write import OneWrite

# After our own 400 the rest of what the client sends is read and thrown away for so long, so that it sees the 400.
_LINGER_SECONDS: Final = 1.0


class _Phase(Enum):
    """What is expected of the client."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"


class _HeadTooLarge(Exception):
    """Raised inside the parser's callback; the parser turns it into its own error."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may take: seconds for a head and for a body, bytes for a head and for a whole message."""

    head_seconds: float = 10.0
    body_seconds: float = 10.0
    head_bytes: int = 16 * 1024
    message_bytes: int = 16 * 1024 * 1024


class DoorProtocol(HttpToolsProtocol):
    """One connection.

    A request that comes whole in one read costs no timer. Only what is left hanging after a read is timed: its head,
    then its body. A body that fails is told to the application by a mark on the scope, which answers 400.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        bounds: Bounds,
        clock: Clock,
        journal: Journal,
        on_closed: Callable[[], None],
    ) -> None:
        """Take uvicorn's parts, and ours."""
        super().__init__(config, server_state, app_state)
        self._bounds = bounds
        self._clock = clock
        self._journal = journal
        self._on_closed = on_closed
        self._phase = _Phase.IDLE
        self._timed: _Phase | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._read_size = 0
        self._message_size = 0
        self._deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give a new connection the time of one head to say something."""
        super().connection_made(transport)
        self._start_timer(self._bounds.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._stop_timer()
        super().connection_lost(exc)
        self._on_closed()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; then bound what is still incomplete."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._read_size = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ignore_upgrade()
        except httptools.HttpParserError:
            self._malformed()
            return
        phase = self._phase
        if phase is _Phase.IDLE:
            self._stop_timer()
        else:
            self._bound_incomplete(phase)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the way back open while an answer is due: a client may close its own side after its request."""
        cycle = self.cycle
        if self._deaf or cycle is None or cycle.response_complete:
            return False
        if cycle.more_body:
            self._trouble("The body ended before its announced length")
        cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """Begin a head; a timer of the message before does not count for it."""
        self._phase = _Phase.HEAD
        self._timed = None
        self._message_size = -self._read_size  # the read in which it begins also holds what came before
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Go on to the body, unless the head is too large."""
        if self._read_size > self._bounds.head_bytes or self._message_size > 0:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._bounds.head_bytes:
                raise _HeadTooLarge
        super().on_headers_complete()  # may raise over the URL: then this is still a head
        if self.scope["method"] == "POST":
            self.cycle.transport = OneWrite(self.transport)  # type: ignore[assignment] # all that a cycle asks of one
        self._phase = _Phase.BODY

    def on_message_complete(self) -> None:
        """End a message; where its answer is out already, the connection idles again."""
        self._phase = _Phase.IDLE
        answered = self.cycle.response_complete
        super().on_message_complete()
        if answered and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _ignore_upgrade(self) -> None:
        """Answer the request as if it had not asked, as HTTP allows; but the parser does not read its body then."""
        if any(name in {b"content-length", b"transfer-encoding"} for name, _ in self.headers):
            self.cycle.more_body = True
            self._trouble("A request with a body cannot ask for an upgrade")

    def _bound_incomplete(self, phase: _Phase) -> None:
        self._message_size += self._read_size
        limit = self._bounds.head_bytes if phase is _Phase.HEAD else self._bounds.message_bytes
        if self._message_size > limit:
            self._malformed()
        elif phase is not self._timed:
            self._timed = phase
            self._start_timer(self._bounds.head_seconds if phase is _Phase.HEAD else self._bounds.body_seconds)

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._timed_out)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _timed_out(self) -> None:
        self._timer = None
        if self.flow.read_paused:
            # We are the slow ones: requests wait in line behind one that is being answered.
            self._start_timer(self._bounds.body_seconds)
            return
        cycle = self.cycle
        if self._deaf or cycle is None or cycle.response_complete:
            self.transport.close()
        elif cycle.more_body:
            self._trouble("The body came too slowly")
        else:
            self._end_after_answer()

    def _malformed(self) -> None:
        """Answer what is no HTTP, in the right place: never before an answer that is still due."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            if self._phase is _Phase.BODY:
                self.transport.close()  # the rest of a request that was refused already
            else:
                self._refuse_malformed()
        elif cycle.more_body:
            self._trouble("The body is not valid HTTP")
        else:
            self._end_after_answer()

    def _trouble(self, sentence: str) -> None:
        """Tell the application that the body it waits for will not come."""
        self.cycle.scope[TROUBLE] = sentence  # type: ignore[typeddict-unknown-key]
        self._end_after_answer()
        self.cycle.message_event.set()

    def _end_after_answer(self) -> None:
        self._deaf = True
        self._stop_timer()
        self.cycle.keep_alive = False

    def _refuse_malformed(self) -> None:
        self._deaf = True
        request_id = self._clock.new_request_id()
        refusal = refusal_of(BadTransfer("The request is not valid HTTP, or its head is too large"))
        lines = [b"HTTP/1.1 400 Bad Request"]
        lines += [b"%b: %b" % header for header in self.server_state.default_headers]
        lines += [
            b"content-type: application/json",
            b"content-length: %d" % len(refusal.body),
            b"x-request-id: " + request_id.encode(),
            b"connection: close",
            b"",
            refusal.body,
        ]
        self.transport.write(b"\r\n".join(lines))
        self._journal.refused_by_parser(request_id, None if self.client is None else self.client[0])
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start_timer(_LINGER_SECONDS)
