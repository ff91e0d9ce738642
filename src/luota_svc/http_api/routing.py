"""How routes that are not ingest's are written: a Starlette route a path, which knows its methods and its exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from luota_svc.http_api.errors import MethodNotAllowed
from luota_svc.http_api.exchange import Exchange, Receive, Scope, Send

EXCHANGE: Final = "luota.exchange"

# Answers one request; takes what the path captured.
Answer = Callable[[Exchange, dict[str, str]], Awaitable[None]]


class IdConvertor(Convertor[str]):
    """An id in a path, in any case. A malformed one makes it no path of ours, whatever the method or the token."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def convert(self, value: str) -> str:
        """Return the text as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """Return the text as it stands."""
        return value


register_url_convertor("id", IdConvertor())


class Path:
    """All methods of one path, as an ASGI callable. HEAD is a GET whose body the server leaves out."""

    def __init__(self, template: str, answers: Mapping[str, Answer]) -> None:
        """`template` is the public spelling, as metrics and records name it."""
        self._template = template
        self._answers = dict(answers)
        if "GET" in answers:
            self._answers["HEAD"] = answers["GET"]
        self._allow = ", ".join(sorted(self._answers))

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Answer with the method's own; raises MethodNotAllowed for one that the path does not know."""
        exchange: Exchange = scope[EXCHANGE]
        captured: dict[str, Any] = scope["path_params"]
        exchange.route = f"{exchange.method} {self._template}"
        answer = self._answers.get(exchange.method)
        if answer is None:
            raise MethodNotAllowed(self._allow)
        await answer(exchange, captured)


def route(path: str, template: str, answers: Mapping[str, Answer]) -> Route:
    """Make the Starlette route of a path; every method reaches it, so that it can say which it knows."""
    return Route(path, endpoint=Path(template, answers))
