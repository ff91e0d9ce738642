"""A vendor on loopback that answers as a test says and remembers what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web
from tests.providers.email_alerts import frozen

from luota_svc.model.deliveries import DeliveryReason, Dispatch
from luota_svc.providers.http_client import GuardedClient

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Vendor:
    """Answers each request with the next of `answers`, or with `answer`; `None` closes without a word."""

    def __init__(self) -> None:
        self.answer: Said | Callable[[Seen], Said] | None = Said()
        self.answers: deque[Said | None] = deque()
        self.seen: list[Seen] = []
        self.hangs = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.path, {k.lower(): v for k, v in request.headers.items()}, await request.read())
        self.seen.append(seen)
        said = self.answers.popleft() if self.answers else self.answer
        if callable(said):
            said = said(seen)
        if said is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if said.status == 0:
            await self.hangs.wait()
        return web.Response(status=said.status or 200, body=said.body, headers=said.headers)


@asynccontextmanager
async def vendor() -> AsyncIterator[Vendor]:
    """Open one."""
    made = Vendor()
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.hangs.set()
        await runner.cleanup()


@asynccontextmanager
async def open_client() -> AsyncIterator[GuardedClient]:
    """Open a client that may go to loopback."""
    client = GuardedClient(permit=lambda _: None, clean=clean, allow_http=True)
    await client.open()
    try:
        yield client
    finally:
        await client.aclose()


def clean(text: str) -> str:
    """Stand for the rules that take secrets out."""
    return text.replace("hunter2", "[REDACTED]")


def dispatch_of(alert: dict[str, Any], target: dict[str, Any], number: int = 1) -> Dispatch:
    about = alert["metadata"]
    return Dispatch(
        delivery_id=UUID(about["deliveryId"]),
        number=number,
        reason=DeliveryReason(about["reason"]),
        content=frozen(alert),
        request_id=about["requestId"],
        traceparent=TRACEPARENT,
        target=target,
    )
