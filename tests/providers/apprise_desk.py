"""A provider with real children, and services on loopback that it tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import pytest_asyncio
from tests.providers.email_alerts import opened
from tests.providers.vendor_receivers import Vendor, clean, dispatch_of, vendor

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers.apprise import AppriseProvider
from luota_svc.rules.address_guard import host_refusal, refusal

K = OutcomeKind
LOOPBACK = (ip_network("127.0.0.1/32"), ip_network("::1/128"))
TOKEN = "t0k3n-of-nobody"


def make_provider(allowed: Any = LOOPBACK, **options: Any) -> AppriseProvider:
    return AppriseProvider(
        permit=lambda address: refusal(address, allowed),
        permit_host=lambda host: host_refusal(host, allowed),
        clean=clean,
        **{"allow_http": True, **options},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[AppriseProvider]:
    made = make_provider()
    yield made
    await made.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Vendor]:
    async with vendor() as made:
        yield made


@contextlib.asynccontextmanager
async def scripted(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], tls: Any = None) -> Any:
    """Open a server whose connections are handled so; yields its port. All of them are closed when it ends."""
    handling: set[asyncio.Task[Any] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
    # The loop may end with the test: whatever is still open then is a leak.
    for task in filter(None, handling):
        task.cancel()
    await asyncio.gather(*filter(None, handling), return_exceptions=True)


async def tell(provider: AppriseProvider, url: str, alert: dict[str, Any] | None = None) -> Outcome:
    return await provider.send(dispatch_of(alert or opened(), {"url": url}))


def told_by(receiver: Vendor, scheme: str = "json", rest: str = f"/hooks/{TOKEN}") -> str:
    return receiver.url.replace("http://", f"{scheme}://") + rest
