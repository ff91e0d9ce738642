"""The ingest endpoints: which paths there are, how a body becomes a request and a receipt an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from msgspec import Struct

from luota.v1.ingest_service_pb2 import BatchIngestResponse
from luota_svc.clock import Clock
from luota_svc.core.methods import Method
from luota_svc.http_api import ingest_messages as messages
from luota_svc.http_api.batch import SIGNAL_BYTES_MAX, batch_answer_body, read_batch
from luota_svc.http_api.body_reader import BodyReader, check_is_json, is_text, read_text
from luota_svc.http_api.errors import MethodNotAllowed, encode_json
from luota_svc.http_api.exchange import Exchange, rate_limit_headers
from luota_svc.http_api.ingest_bodies import (
    CloseBody,
    FinishBody,
    HeartbeatBody,
    PingBody,
    ProgressBody,
    StartBody,
)
from luota_svc.http_api.receipts import ping_receipt_body, run_receipt_body
from luota_svc.model.errors import Missing, NotFound

BATCH_BYTES_MAX: Final = 1024 * 1024
_ACCEPTED: Final = 202

_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID_OR_SLUG: Final = re.compile(rf"{_ID.pattern}|[a-z0-9][a-z0-9-]{{0,62}}")

Body = TypeVar("Body", bound=Struct)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path and the method behind it; `captures` is what the id in the path must look like, where there is one."""

    route: str
    rpc: str
    captures: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class SignalEndpoint(Endpoint):
    """The path of one signal. `read` makes the request of (exchange, body, id in the path), `write` the answer."""

    read: Callable[[Exchange, bytes, str], Any] = field(kw_only=True)
    write: Callable[[Any, str], Struct] = field(kw_only=True)


class IngestEndpoints:
    """Finds and serves the ingest endpoints over the core's methods."""

    def __init__(self, methods: Mapping[str, Method], clock: Clock) -> None:
        """Bind the methods. Raises LookupError naming one that is missing."""
        self._clock = clock
        self._methods: dict[str, Method] = {}
        for endpoint in (*_EXACT.values(), *_RUN_VERBS.values(), _PING, _HEARTBEAT):
            name = f"luota.v1.IngestService/{endpoint.rpc}"
            if name not in methods:
                raise LookupError(f"no implementation of {name}")
            self._methods[endpoint.rpc] = methods[name]

    async def serve(self, exchange: Exchange) -> bool:
        """Answer if the path is one of ingest's, else return False. Raises model errors for the door's table."""
        found = find(exchange.path)
        if found is None:
            return False
        endpoint, captured = found
        if exchange.method != "POST":
            exchange.route = f"{exchange.method} {endpoint.route.partition(' ')[2]}"
            raise MethodNotAllowed("POST")
        exchange.route = endpoint.route
        if isinstance(endpoint, SignalEndpoint):
            await self._serve_signal(exchange, endpoint, captured)
        else:
            await self._serve_batch(exchange)
        return True

    async def _serve_signal(self, exchange: Exchange, endpoint: SignalEndpoint, captured: str) -> None:
        body = await exchange.read_body(SIGNAL_BYTES_MAX)
        request = endpoint.read(exchange, body, captured)
        call = exchange.make_call(self._clock.now(), self._clock.monotonic())
        receipt: Any = await self._methods[endpoint.rpc](call, request)
        # An accepted signal is its own record; a repeat left none.
        exchange.recorded = receipt.duplicate
        answer = encode_json(endpoint.write(receipt, exchange.request_id))
        await exchange.answer(_ACCEPTED, answer, *rate_limit_headers(call.limit))

    async def _serve_batch(self, exchange: Exchange) -> None:
        body = await exchange.read_body(BATCH_BYTES_MAX)
        check_is_json(exchange)
        request, errors = read_batch(body)
        call = exchange.make_call(self._clock.now(), self._clock.monotonic())
        response: Any = BatchIngestResponse()
        if request.signals:
            response = await self._methods[_BATCH.rpc](call, request)
        exchange.recorded = True
        answer = encode_json(batch_answer_body(response, errors, exchange.request_id))
        await exchange.answer(_ACCEPTED, answer, *rate_limit_headers(call.limit))


def find(path: str) -> tuple[Endpoint, str] | None:
    """Return the endpoint of a path and the id that stands in it, or None. A malformed id makes it no such path."""
    endpoint = _EXACT.get(path)
    if endpoint is not None:
        return endpoint, ""
    parts = path.split("/")
    found = _FINDERS.get(len(parts), _find_nothing)(parts)
    if found is None:
        return None
    endpoint, captured = found
    assert endpoint.captures is not None
    if endpoint.captures.fullmatch(captured) is None:
        raise NotFound(Missing.ROUTE)
    return found


def _find_nothing(_parts: list[str]) -> tuple[Endpoint, str] | None:
    return None


def _find_with_verb(parts: list[str]) -> tuple[Endpoint, str] | None:
    """Find `/v1/runs/{runId}/<verb>` and `/v1/monitors/{monitorId}/ping`."""
    _, version, noun, captured, verb = parts
    if version != "v1":
        return None
    if noun == "runs":
        endpoint = _RUN_VERBS.get(verb)
        return None if endpoint is None else (endpoint, captured)
    return (_PING, captured) if noun == "monitors" and verb == "ping" else None


def _find_in_workspace(parts: list[str]) -> tuple[Endpoint, str] | None:
    """Find `/v1/ingest/workspaces/{workspaceId}/heartbeat`."""
    return (_HEARTBEAT, parts[4]) if parts[1:4] == ["v1", "ingest", "workspaces"] and parts[5] == "heartbeat" else None


_FINDERS: Final = {5: _find_with_verb, 6: _find_in_workspace}


def _json_only(kind: type[Body], build: Callable[[Exchange, Body, str], Any]) -> Callable[[Exchange, bytes, str], Any]:
    reader = BodyReader(kind)

    def read(exchange: Exchange, body: bytes, captured: str) -> Any:
        check_is_json(exchange)
        return build(exchange, reader.read(body), captured)

    return read


def _json_or_text(
    kind: type[Body], build: Callable[[Exchange, Body, str], Any]
) -> Callable[[Exchange, bytes, str], Any]:
    """Read JSON, or plain text that becomes the output: a shell pipes what its command said."""
    reader = BodyReader(kind)

    def read(exchange: Exchange, body: bytes, captured: str) -> Any:
        if not is_text(exchange):
            return build(exchange, reader.read(body), captured)
        request = build(exchange, kind(), captured)
        if body:
            request.evidence.output = read_text(body)
        return request

    return read


def _read_ping(exchange: Exchange, body: PingBody, monitor_id: str) -> Any:
    return messages.ping_request(body, monitor_id, idempotency_key=exchange.read_idempotency_key())


def _read_heartbeat(exchange: Exchange, body: HeartbeatBody, workspace_id: str) -> Any:
    return messages.heartbeat_request(body, workspace_id, exchange.read_idempotency_key())


def _close(verb: str, rpc: str, build: Callable[[CloseBody, str], Any]) -> SignalEndpoint:
    read = _json_or_text(CloseBody, lambda _exchange, body, run_id: build(body, run_id))
    return SignalEndpoint(f"POST /v1/runs/{{runId}}/{verb}", rpc, _ID, read=read, write=run_receipt_body)


_START: Final = SignalEndpoint(
    "POST /v1/runs/start",
    "StartRun",
    read=_json_only(StartBody, lambda _exchange, body, _path: messages.start_request(body)),
    write=run_receipt_body,
)
_FINISH: Final = SignalEndpoint(
    "POST /v1/runs/finish",
    "FinishRun",
    read=_json_only(FinishBody, lambda _exchange, body, _path: messages.finish_request(body)),
    write=run_receipt_body,
)
_PROGRESS: Final = SignalEndpoint(
    "POST /v1/runs/{runId}/progress",
    "ReportProgress",
    _ID,
    read=_json_only(ProgressBody, lambda _exchange, body, run_id: messages.progress_request(body, run_id)),
    write=run_receipt_body,
)
_PING: Final = SignalEndpoint(
    "POST /v1/monitors/{monitorId}/ping",
    "Ping",
    _ID_OR_SLUG,
    read=_json_or_text(PingBody, _read_ping),
    write=ping_receipt_body,
)
_HEARTBEAT: Final = SignalEndpoint(
    "POST /v1/ingest/workspaces/{workspaceId}/heartbeat",
    "Ping",
    _ID,
    read=_json_only(HeartbeatBody, _read_heartbeat),
    write=ping_receipt_body,
)
_BATCH: Final = Endpoint("POST /v1/ingest/batch", "BatchIngest")
_EXACT: Final[dict[str, Endpoint]] = {
    "/v1/runs/start": _START,
    "/v1/runs/finish": _FINISH,
    "/v1/ingest/batch": _BATCH,
}
_RUN_VERBS: Final = {
    "success": _close("success", "SucceedRun", messages.success_request),
    "fail": _close("fail", "FailRun", messages.fail_request),
    "progress": _PROGRESS,
}
