"""One HTTP request in flight: reads its body under a cap, answers once. Knows ASGI and no endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any, Final

from luota_svc.http_api.errors import BadTransfer, Header
from luota_svc.model.call import Call, Door
from luota_svc.model.errors import FieldProblem, InvalidRequest, PayloadTooLarge
from luota_svc.model.limits import Decision
from luota_svc.rules.caller_request_id import fit_caller_request_id
from luota_svc.telemetry.traces import Span

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Set on the scope by the protocol when the rest of the body will never come; a sentence for the client.
TROUBLE: Final = "luota.trouble"
# An answer must stand so long after the request has been read; the contract's outer bound is 5 s.
ANSWER_SECONDS: Final = 4.5
# So much of a refused body is read and thrown away, so that the client reads its refusal and not a reset.
DRAIN_BYTES_MAX: Final = 8 * 1024 * 1024
IDEMPOTENCY_KEY_MAX: Final = 200

# The route of a request that found none; never the caller's own words, for it labels metrics.
UNMATCHED: Final = "unmatched"

_NO_SPAN: Final = Span(f"00-{0:032x}-{0:016x}-00")
_JSON: Final = (b"content-type", b"application/json")


class ClientGone(Exception):
    """The client closed the connection before its request was whole: nobody is left to answer."""


class Exchange:
    """One request and its one answer. The headers that Luota reads are picked out once, in one pass."""

    __slots__ = (
        "_body_done",
        "_receive",
        "_send",
        "call",
        "caller_request_id",
        "content_encoding",
        "content_length",
        "content_type",
        "credentials",
        "error_code",
        "expects_continue",
        "forwarded_for",
        "idempotency_key",
        "method",
        "path",
        "recorded",
        "request_id",
        "route",
        "scope",
        "source_address",
        "span",
        "started",
        "status",
        "traceparent",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str, started: float) -> None:
        """Read the headers; `started` is the monotonic instant of receipt in seconds.

        The journal fills in `span` and `source_address`, the routing `route` (verb and template), the endpoint `call`
        and `recorded` (whether support keeps a record of its own), the refusal `error_code`.
        """
        self.scope = scope
        self._receive = receive
        self._send = send
        self.request_id = request_id
        self.started = started
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.route = UNMATCHED
        self.status = 0
        self.error_code: str | None = None
        self.recorded = False
        self.call: Call | None = None
        self._body_done = False
        self.content_length = 0
        self.content_type: bytes | None = None
        self.content_encoding: bytes | None = None
        self.credentials: list[str] = []
        self.forwarded_for: list[str] = []
        self.caller_request_id: str | None = None
        self.traceparent: str | None = None
        self.idempotency_key: str | None = None
        self.expects_continue = False
        self.source_address = ""
        self.span = _NO_SPAN
        for name, value in scope["headers"]:
            reader = _READERS.get(name)
            if reader is not None:
                reader(self, value)

    def make_call(self, received_at: datetime, now: float) -> Call:
        """Build what the core is told of this request; `now` is monotonic and starts the time for the answer."""
        call = self.call = Call(
            door=Door.HTTP,
            method=self.route,
            request_id=self.request_id,
            received_at=received_at,
            expires_at=now + ANSWER_SECONDS,
            source_address=self.source_address,
            credentials=tuple(self.credentials),
            caller_request_id=self.caller_request_id,
            traceparent=self.span.traceparent,
            idempotency_key=self.idempotency_key,
        )
        return call

    def read_idempotency_key(self) -> str | None:
        """Return the header Idempotency-Key. Raises InvalidRequest for one that cannot be kept as it is."""
        key = self.idempotency_key
        if key is not None and not (0 < len(key) <= IDEMPOTENCY_KEY_MAX and key.isascii() and key.isprintable()):
            problem = f"must be 1 to {IDEMPOTENCY_KEY_MAX} printable ASCII characters"
            raise InvalidRequest(FieldProblem("Idempotency-Key", problem))
        return key

    async def read_body(self, limit: int) -> bytes:
        """Return the whole body, at most `limit` bytes: PayloadTooLarge as soon as more is promised or has come."""
        if self.content_length > limit:
            raise PayloadTooLarge
        body, more = await self._next_part()
        if len(body) > limit:
            raise PayloadTooLarge
        if not more:
            return body
        parts, size = [body], len(body)
        while more:
            body, more = await self._next_part()
            size += len(body)
            if size > limit:
                raise PayloadTooLarge
            parts.append(body)
        return b"".join(parts)

    async def answer(self, status: int, body: bytes, *headers: Header, content_type: Header = _JSON) -> None:
        """Send the one answer. A body that was not read is drained after it, up to a bound."""
        self.status = status
        fields = [
            content_type,
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id.encode()),
            *headers,
        ]
        if self._body_done or self.expects_continue:
            if not self._body_done:
                # Whoever waits for "100 Continue" may now send the body or the next request: nobody can tell which.
                fields.append((b"connection", b"close"))
            await self._send({"type": "http.response.start", "status": status, "headers": fields})
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        await self._drain()
        await self._send({"type": "http.response.body", "body": b""})

    async def begin_stream(self, status: int, *headers: Header) -> None:
        """Send the head of an answer that comes in parts, of which nobody knows how many."""
        self.status = status
        fields = [*headers, (b"x-request-id", self.request_id.encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": fields})

    async def send_part(self, part: bytes) -> None:
        """Send the next part; waits while the client reads too slowly."""
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def end_stream(self, part: bytes = b"") -> None:
        """Send the last part."""
        await self._send({"type": "http.response.body", "body": part})

    async def wait_gone(self) -> None:
        """Return when the client has closed the connection; the body has been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer_empty(self, status: int, *headers: Header) -> None:
        """Send an answer that has no body, such as 204."""
        self.status = status
        fields = [(b"x-request-id", self.request_id.encode()), *headers]
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
        await self._send({"type": "http.response.body", "body": b""})

    async def _next_part(self) -> tuple[bytes, bool]:
        """Return what has come of the body, and whether more will. Raises ClientGone, BadTransfer."""
        message = await self._receive()
        self.expects_continue = False  # by asking, the server has told the client to continue
        if message["type"] == "http.disconnect":
            self._body_done = True
            raise ClientGone
        more: bool = message.get("more_body", False)
        if more and TROUBLE in self.scope:
            self._body_done = True
            raise BadTransfer(self.scope[TROUBLE])
        self._body_done = not more
        return message.get("body", b""), more

    async def _drain(self) -> None:
        size, more = 0, True
        try:
            while more and size <= DRAIN_BYTES_MAX:
                body, more = await self._next_part()
                size += len(body)
        except (BadTransfer, ClientGone):
            return


def rate_limit_headers(decision: Decision | None) -> tuple[Header, ...]:
    """Return RateLimit-Policy and RateLimit (IETF draft, structured fields), or nothing where nothing is known."""
    if decision is None or decision.policy is None:
        return ()
    policy = decision.policy
    return (
        (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (policy.wire_name.encode(), decision.limit, policy.interval_seconds)),
        (
            b"ratelimit",
            b'"%b";r=%d;t=%d' % (policy.wire_name.encode(), max(0, decision.remaining), decision.reset_seconds),
        ),
    )


def _read_key(exchange: Exchange, value: bytes) -> None:
    if value:
        exchange.credentials.append(value.decode("latin-1"))


def _read_authorization(exchange: Exchange, value: bytes) -> None:
    # Other schemes belong to whatever stands in front of us, such as a proxy's own Basic.
    if value[:7].lower() == b"bearer ":
        _read_key(exchange, value[7:].strip())


def _read_content_length(exchange: Exchange, value: bytes) -> None:
    # The parser has refused what is no number; this only believes a length enough to refuse it.
    exchange.content_length = int(value) if value.isdigit() else 0


def _read_content_type(exchange: Exchange, value: bytes) -> None:
    exchange.content_type = value


def _read_content_encoding(exchange: Exchange, value: bytes) -> None:
    exchange.content_encoding = value


def _read_forwarded_for(exchange: Exchange, value: bytes) -> None:
    exchange.forwarded_for.append(value.decode("latin-1"))


def _read_request_id(exchange: Exchange, value: bytes) -> None:
    exchange.caller_request_id = fit_caller_request_id(value.decode("latin-1"))


def _read_traceparent(exchange: Exchange, value: bytes) -> None:
    exchange.traceparent = value.decode("latin-1")


def _read_idempotency_key(exchange: Exchange, value: bytes) -> None:
    exchange.idempotency_key = value.decode("latin-1")


def _read_expect(exchange: Exchange, value: bytes) -> None:
    exchange.expects_continue = value.lower() == b"100-continue"


_READERS: Final[dict[bytes, Callable[[Exchange, bytes], None]]] = {
    b"x-luota-key": _read_key,
    b"x-watchflow-key": _read_key,
    b"authorization": _read_authorization,
    b"content-length": _read_content_length,
    b"content-type": _read_content_type,
    b"content-encoding": _read_content_encoding,
    b"x-forwarded-for": _read_forwarded_for,
    b"x-request-id": _read_request_id,
    b"traceparent": _read_traceparent,
    b"idempotency-key": _read_idempotency_key,
    b"expect": _read_expect,
}
