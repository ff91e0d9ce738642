"""What the fault tests share: the marker, the two sizes, and servers to hurt."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from luota_svc.embedded import PrivateServers

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


FULL = os.environ.get("LUOTA_FAULTS") == "full"


@pytest.fixture(scope="session")
def full() -> bool:
    """True for `make test-faults`."""
    return FULL


@pytest.fixture
def hurt(killable_servers: PrivateServers) -> PrivateServers:
    """A migrated pair of this test's own; nothing restarts it."""
    from luota_svc.store.migrations import migrate

    with ThreadPoolExecutor(1) as apart:  # asyncio.run would take the tests' loop away from this thread
        apart.submit(asyncio.run, migrate(killable_servers.database_url())).result()
    return killable_servers
