"""A vendor and a CA of the tests'; what the HTTP client promises, it promises under both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop
from tests.providers.mail_servers import Authority, make_authority
from tests.providers.vendor_receivers import Vendor, vendor

_UNDER_BOTH = ("test_http_bounds.py", "test_http_client.py", "test_http_tls.py", "test_http_guard.py")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    if item.path.name in _UNDER_BOTH:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def receiver() -> AsyncIterator[Vendor]:
    async with vendor() as made:
        yield made
