"""One HTTP request -> the message of its method: from the path, the query, the JSON body and a header or two."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

from google.protobuf.message import Message

from luota_svc.http_api.bindings import Binding
from luota_svc.http_api.body_reader import check_is_json, read_any
from luota_svc.http_api.exchange import Exchange
from luota_svc.http_api.json_input import fill, set_from_text, snake_path
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, NotFound
from luota_svc.rules.json_text import check_json_text

MANAGEMENT_BYTES_MAX: Final = 64 * 1024
_WHOLE: Final = "*"
_MASK: Final = "update_mask"
_KEY: Final = "idempotency_key"
# A guard, no setting: it says which version was read and is never itself changed.
_GUARD: Final = "version"


def read_request(binding: Binding, exchange: Exchange, body: bytes, captured: dict[str, str]) -> Message:
    """Return the method's message. Raises InvalidRequest with every problem of the body and the query."""
    request = binding.request()
    problems: list[FieldProblem] = []
    if binding.body:
        check_is_json(exchange)
        problems += _fill_body(binding, request, body)
    problems += _fill_query(binding, request, exchange.scope["query_string"])
    if problems:
        raise InvalidRequest(*problems)
    for name, path in binding.variables.items():
        if "\0" in captured[name]:
            raise NotFound(Missing.ROUTE)
        _set_path(request, path, captured[name])
    if exchange.idempotency_key is not None and _KEY in request.DESCRIPTOR.fields_by_name:
        setattr(request, _KEY, exchange.read_idempotency_key())
    return request


def _fill_body(binding: Binding, request: Message, body: bytes) -> list[FieldProblem]:
    values = _read_object(body)
    if binding.body == _WHOLE:
        return fill(request, values)
    part: Message = getattr(request, binding.body)
    part.SetInParent()
    problems = fill(part, values)
    if binding.verb == "PATCH":
        mask: Any = getattr(request, _MASK)
        mask.paths.extend(snake_path(name) for name in values if name != _GUARD)
    return problems


def _fill_query(binding: Binding, request: Message, query: bytes) -> list[FieldProblem]:
    if not query:
        return []
    problems: list[FieldProblem] = []
    taken = {binding.body, *binding.variables.values()}
    for name, texts in _read_query(query).items():
        if binding.body == _WHOLE or snake_path(name) in taken:
            problems.append(FieldProblem(name, "is not known here"))
            continue
        if name == "updateMask" and _MASK in request.DESCRIPTOR.fields_by_name:
            request.ClearField(_MASK)  # a mask that is spelled out goes before the body's own keys
        problems += set_from_text(request, name, texts)
    return problems


def _read_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    problem = check_json_text(body)
    if problem is not None:
        raise InvalidRequest(FieldProblem("", f"The body {problem}"))
    values = read_any(body)
    if not isinstance(values, dict):
        raise InvalidRequest(FieldProblem("", "The body must be a JSON object"))
    return values


def _read_query(query: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError as error:  # too many fields, or percent signs that are no UTF-8
        raise InvalidRequest(FieldProblem("", "The query cannot be read")) from error


def _set_path(message: Any, path: str, text: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    setattr(message, name, text)
