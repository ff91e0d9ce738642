"""Serves pages that another room renders: path, host and answer. Knows no page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.routing import BaseRoute

from luota_svc.http_api.exchange import ANSWER_SECONDS, Exchange
from luota_svc.http_api.routing import Answer, route
from luota_svc.model.errors import Missing, NotFound, Unavailable

# Takes what the path captured; returns status, body and headers, the content type among them.
Page = Callable[[dict[str, str]], Awaitable[tuple[int, bytes, Sequence[tuple[bytes, bytes]]]]]

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_CONTENT_TYPE: Final = b"content-type"


def page_routes(pages: Mapping[str, Page], *, public_url: str) -> list[BaseRoute]:
    """Return a route for each path of pages that need no sign-in.

    They are shown under a loopback name or the public URL's own only: a foreign site whose name was made to point here
    (DNS rebinding) reads nothing.
    """
    hosts = _LOOPBACK | {(urlsplit(public_url).hostname or "").lower()}
    return [route(path, path.replace("_id:id}", "Id}"), {"GET": _showing(page, hosts)}) for path, page in pages.items()]


def _showing(page: Page, hosts: frozenset[str]) -> Answer:
    async def answer(exchange: Exchange, captured: dict[str, str]) -> None:
        if _host(exchange) not in hosts:
            raise NotFound(Missing.ROUTE)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, body, headers = await page(captured)
        except TimeoutError as error:
            raise Unavailable("a page took too long") from error
        content_type = next(header for header in headers if header[0] == _CONTENT_TYPE)
        others = [header for header in headers if header[0] != _CONTENT_TYPE]
        await exchange.answer(status, body, *others, content_type=content_type)

    return answer


def _host(exchange: Exchange) -> str:
    values = [value for name, value in exchange.scope["headers"] if name == b"host"]
    try:
        return (urlsplit("//" + values[0].decode("ascii")).hostname or "") if len(values) == 1 else ""
    except ValueError:
        return ""
