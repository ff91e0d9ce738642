"""Builds the management API's JSON routes from the `google.api.http` options: a new method needs no code here."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from starlette.routing import BaseRoute

import luota.v1
from luota_svc.clock import Clock
from luota_svc.core.methods import Method
from luota_svc.http_api.body_reader import check_is_json, read_any
from luota_svc.http_api.errors import encode_json
from luota_svc.http_api.exchange import ANSWER_SECONDS, Exchange
from luota_svc.http_api.json_input import fill, set_from_text, snake_path
from luota_svc.http_api.json_output import to_json
from luota_svc.http_api.routing import Answer, route
from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, NotFound, Unavailable
from luota_svc.rules.json_text import check_json_text

MANAGEMENT_BYTES_MAX: Final = 64 * 1024
_VERBS: Final = ("get", "put", "post", "delete", "patch")
_VARIABLE: Final = re.compile(r"\{([a-z_.]+)\}")
_WHOLE: Final = "*"
_MASK: Final = "update_mask"
_KEY: Final = "idempotency_key"
# What a path may name that is no id: a request is looked up by its caller's own word too.
_TEXTS: Final = frozenset({"request_id"})
# A guard, no setting: it says which version was read and is never itself changed.
_GUARD: Final = "version"


@dataclass(frozen=True, slots=True)
class Binding:
    """One verb and path of one method, as its HTTP rule says. `variables`: name in the route -> path of the field."""

    rpc: str
    verb: str
    path: str
    template: str
    variables: Mapping[str, str]
    body: str
    request: type[Message]
    success: int


def management_routes(methods: Mapping[str, Method], clock: Clock) -> list[BaseRoute]:
    """Return a route for every path of luota.v1's HTTP rules. Raises LookupError naming a method without a body."""
    answers: dict[tuple[str, str], dict[str, Answer]] = {}
    for binding in bindings():
        if binding.rpc not in methods:
            raise LookupError(f"no implementation of {binding.rpc}")
        transcoder = Transcoder(binding, methods[binding.rpc], clock)
        answers.setdefault((binding.path, binding.template), {})[binding.verb] = transcoder.answer
    return [route(path, template, verbs) for (path, template), verbs in answers.items()]


def bindings() -> Iterator[Binding]:
    """Yield every binding of every service in luota.v1, in the order of the files."""
    for service in services():
        for method in service.methods:
            yield from _bindings_of(method)


def services() -> Iterator[ServiceDescriptor]:
    """Yield every service of luota.v1, whichever file it stands in."""
    for module in sorted(info.name for info in pkgutil.iter_modules(luota.v1.__path__)):
        if not module.endswith("_pb2"):
            continue
        file = importlib.import_module(f"luota.v1.{module}").DESCRIPTOR
        yield from file.services_by_name.values()


class Transcoder:
    """Answers one binding: JSON in, the method's message, JSON out."""

    def __init__(self, binding: Binding, method: Method, clock: Clock) -> None:
        """Bind the method."""
        self._binding = binding
        self._method = method
        self._clock = clock

    async def answer(self, exchange: Exchange, captured: dict[str, str]) -> None:
        """Answer one request. Raises InvalidRequest with every problem found, and what the core raises."""
        exchange.recorded = True
        body = await exchange.read_body(MANAGEMENT_BYTES_MAX)
        request = self._request(exchange, body, captured)
        call = exchange.make_call(self._clock.now(), self._clock.monotonic())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await self._method(call, request)
        except TimeoutError as error:
            raise Unavailable(f"{self._binding.rpc} took too long") from error
        if isinstance(response, Empty):
            await exchange.answer_empty(204)
        else:
            await exchange.answer(self._binding.success, encode_json(to_json(response)))

    def _request(self, exchange: Exchange, body: bytes, captured: dict[str, str]) -> Message:
        binding = self._binding
        request = binding.request()
        problems: list[FieldProblem] = []
        if binding.body:
            check_is_json(exchange)
            problems += self._fill_body(request, body)
        problems += self._fill_query(request, exchange.scope["query_string"])
        if problems:
            raise InvalidRequest(*problems)
        for name, path in binding.variables.items():
            if "\0" in captured[name]:
                raise NotFound(Missing.ROUTE)
            _set_path(request, path, captured[name])
        if exchange.idempotency_key is not None and _KEY in request.DESCRIPTOR.fields_by_name:
            setattr(request, _KEY, exchange.read_idempotency_key())
        return request

    def _fill_body(self, request: Message, body: bytes) -> list[FieldProblem]:
        values = _read_object(body)
        if self._binding.body == _WHOLE:
            return fill(request, values)
        part: Message = getattr(request, self._binding.body)
        part.SetInParent()
        problems = fill(part, values)
        if self._binding.verb == "PATCH":
            mask: Any = getattr(request, _MASK)
            mask.paths.extend(snake_path(name) for name in values if name != _GUARD)
        return problems

    def _fill_query(self, request: Message, query: bytes) -> list[FieldProblem]:
        if not query:
            return []
        problems: list[FieldProblem] = []
        taken = {self._binding.body, *self._binding.variables.values()}
        for name, texts in _read_query(query).items():
            if self._binding.body == _WHOLE or snake_path(name) in taken:
                problems.append(FieldProblem(name, "is not known here"))
                continue
            if name == "updateMask" and _MASK in request.DESCRIPTOR.fields_by_name:
                request.ClearField(_MASK)  # a mask that is spelled out goes before the body's own keys
            problems += set_from_text(request, name, texts)
        return problems


def _bindings_of(method: MethodDescriptor) -> Iterator[Binding]:
    rule: HttpRule = method.GetOptions().Extensions[annotations_pb2.http]
    if not rule.WhichOneof("pattern"):
        return
    for each in (rule, *rule.additional_bindings):
        yield _binding(method, each)


def _binding(method: MethodDescriptor, rule: HttpRule) -> Binding:
    verb = rule.WhichOneof("pattern")
    assert verb in _VERBS, f"{method.full_name}: an HTTP rule of a kind that is not built here"
    template: str = getattr(rule, verb)
    variables = {f"p{index}": path for index, path in enumerate(_VARIABLE.findall(template))}
    path = template
    for name, field in variables.items():
        kind = "" if field in _TEXTS else ":id"
        path = path.replace(f"{{{field}}}", f"{{{name}{kind}}}")
    assert method.containing_service is not None
    request: Descriptor = method.input_type
    return Binding(
        rpc=f"{method.containing_service.full_name}/{method.name}",
        verb=verb.upper(),
        path=path,
        template=_VARIABLE.sub(lambda match: f"{{{_camel(match[1])}}}", template),
        variables=variables,
        body=rule.body,
        request=GetMessageClass(request),
        success=201 if method.name.startswith("Create") else 200,
    )


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


def _camel(path: str) -> str:
    head, *rest = path.split("_")
    return head + "".join(word.capitalize() for word in rest)
