"""What the HTTP client promises, it promises under both event loops: the tests' and the service's."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

_UNDER_BOTH = ("test_http_bounds.py", "test_http_client.py", "test_http_tls.py", "test_http_guard.py")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    if item.path.name in _UNDER_BOTH:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
