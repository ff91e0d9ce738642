"""`POST /v1/ingest/batch`: many signals in one body, each answered as its lone call would have been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw, Struct

from luota.v1.ingest_service_pb2 import BatchIngestRequest, BatchIngestResponse, BatchResult, BatchSignal
from luota_svc.core.errors import from_status
from luota_svc.http_api import ingest_messages as messages
from luota_svc.http_api.body_reader import BodyReader
from luota_svc.http_api.errors import refusal_of
from luota_svc.http_api.ingest_bodies import BatchCloseBody, BatchProgressBody, FinishBody, HeartbeatBody, StartBody
from luota_svc.http_api.receipts import ping_receipt_body, run_receipt_body
from luota_svc.model.errors import FieldProblem, InvalidRequest, LuotaError, PayloadTooLarge
from luota_svc.rules.json_text import check_json_text, skippable

SIGNAL_BYTES_MAX: Final = 64 * 1024
_SIGNALS_MAX: Final = 100
_ACCEPTED: Final = 202


class BatchBody(Struct):
    """The body as a whole. Each signal stays text until it is read by itself, so that one harms no other."""

    signals: list[Raw]


class _Typed(Struct):
    """What tells one signal's kind."""

    type: str


class ResultBody(Struct):
    """One signal's answer."""

    status: int
    body: Any


class BatchAnswerBody(Struct, rename="camel"):
    """The answers in the order of the signals."""

    results: list[ResultBody]
    request_id: str


def read_batch(body: bytes) -> tuple[BatchIngestRequest, list[LuotaError | None]]:
    """Return the request of all signals that could be read, and for each signal sent its error or None.

    Raises InvalidRequest where the body as a whole cannot be read.
    """
    texts = _split(body)
    request = BatchIngestRequest()
    errors: list[LuotaError | None] = []
    for text in texts:
        try:
            request.signals.append(_read_signal(text))
        except LuotaError as error:
            errors.append(error)
        else:
            errors.append(None)
    return request, errors


def batch_answer_body(
    response: BatchIngestResponse, errors: list[LuotaError | None], request_id: str
) -> BatchAnswerBody:
    """Return the answer's body: the core's results, with what was refused here in between."""
    results = iter(response.results)
    bodies = [_result_body(next(results), request_id) if error is None else _refused_body(error) for error in errors]
    return BatchAnswerBody(bodies, request_id)


def _split(body: bytes) -> list[bytes]:
    """Cut the body into its signals, which may be anything yet; what stands around them must be as in any body."""
    body = body or b"{}"
    sound = check_json_text(body) is None
    if not sound:
        body = skippable(body)
    texts = [bytes(raw) for raw in _BATCH.decode(body).signals]
    if not 1 <= len(texts) <= _SIGNALS_MAX:
        raise InvalidRequest(FieldProblem("signals", f"must hold 1 to {_SIGNALS_MAX} signals"))
    if not sound:
        problem = check_json_text(_envelope(body, texts))
        if problem is not None:
            raise InvalidRequest(FieldProblem("", f"The body {problem}"))
    return texts


def _envelope(body: bytes, texts: list[bytes]) -> bytes:
    """Leave out the signals that are wrong or too deep where they stand, each where its text is first found.

    That is its own place, or else one outside of `signals` that is as wrong, and then enough wrong is left.
    """
    parts = []
    for text in texts:
        if check_json_text(b"[[%b]]" % text) is not None:
            before, _, body = body.partition(text)
            parts.append(before)
    return b"0".join([*parts, body])


def _read_signal(text: bytes) -> BatchSignal:
    if len(text) > SIGNAL_BYTES_MAX:
        raise PayloadTooLarge
    problem = check_json_text(text)
    if problem is not None:
        raise InvalidRequest(FieldProblem("", f"The signal {problem}"))
    kind = _TYPED.decode(text).type
    read = _KINDS.get(kind)
    if read is None:
        raise InvalidRequest(FieldProblem("type", f"must be one of {', '.join(_KINDS)}"))
    return read(text)


def _result_body(result: BatchResult, request_id: str) -> ResultBody:
    match result.WhichOneof("result"):
        case "run":
            return ResultBody(_ACCEPTED, run_receipt_body(result.run, request_id))
        case "ping":
            return ResultBody(_ACCEPTED, ping_receipt_body(result.ping, request_id))
        case _:
            return _refused_body(from_status(result.error))


def _refused_body(error: LuotaError) -> ResultBody:
    refusal = refusal_of(error)
    return ResultBody(refusal.status, Raw(refusal.body))


def _start(text: bytes) -> BatchSignal:
    return BatchSignal(start=messages.start_request(_STARTS.decode(text)))


def _success(text: bytes) -> BatchSignal:
    return BatchSignal(success=messages.batch_success_request(_CLOSES.decode(text)))


def _fail(text: bytes) -> BatchSignal:
    return BatchSignal(fail=messages.batch_fail_request(_CLOSES.decode(text)))


def _finish(text: bytes) -> BatchSignal:
    return BatchSignal(finish=messages.finish_request(_FINISHES.decode(text)))


def _progress(text: bytes) -> BatchSignal:
    return BatchSignal(progress=messages.batch_progress_request(_PROGRESSES.decode(text)))


def _ping(text: bytes) -> BatchSignal:
    return BatchSignal(ping=messages.heartbeat_request(_PINGS.decode(text)))


_BATCH: Final = BodyReader(BatchBody)
_TYPED: Final = BodyReader(_Typed)
_STARTS: Final = BodyReader(StartBody)
_CLOSES: Final = BodyReader(BatchCloseBody)
_FINISHES: Final = BodyReader(FinishBody)
_PROGRESSES: Final = BodyReader(BatchProgressBody)
_PINGS: Final = BodyReader(HeartbeatBody)
_KINDS: Final[dict[str, Callable[[bytes], BatchSignal]]] = {
    "start": _start,
    "success": _success,
    "fail": _fail,
    "finish": _finish,
    "progress": _progress,
    "ping": _ping,
}
