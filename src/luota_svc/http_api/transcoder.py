"""Builds the management API's JSON routes from the `google.api.http` options: a new method needs no code here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from google.protobuf.empty_pb2 import Empty
from starlette.routing import BaseRoute

from luota_svc.clock import Clock
from luota_svc.core.methods import Method, Stream
from luota_svc.http_api.bindings import Binding, bindings
from luota_svc.http_api.errors import encode_json
from luota_svc.http_api.event_stream import EventStream
from luota_svc.http_api.exchange import ANSWER_SECONDS, Exchange
from luota_svc.http_api.json_output import to_json
from luota_svc.http_api.json_requests import MANAGEMENT_BYTES_MAX, read_request
from luota_svc.http_api.routing import Answer, route
from luota_svc.model.errors import Unavailable


def management_routes(
    methods: Mapping[str, Method], streams: Mapping[str, Stream], clock: Clock, draining: asyncio.Event
) -> list[BaseRoute]:
    """Return a route for every path of luota.v1's HTTP rules. Raises LookupError naming a method without a body.

    Once `draining` is set, streams end.
    """
    answers: dict[tuple[str, str], dict[str, Answer]] = {}
    for binding in bindings():
        if binding.rpc not in (streams if binding.streaming else methods):
            raise LookupError(f"no implementation of {binding.rpc}")
        answer = (
            EventStream(binding, streams[binding.rpc], clock, draining).answer
            if binding.streaming
            else Transcoder(binding, methods[binding.rpc], clock).answer
        )
        answers.setdefault((binding.path, binding.template), {})[binding.verb] = answer
    return [route(path, template, verbs) for (path, template), verbs in answers.items()]


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
        request = read_request(self._binding, exchange, body, captured)
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
