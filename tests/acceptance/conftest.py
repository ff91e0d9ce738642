"""What the acceptance tests share: a pair of `serve` processes, empty databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from tests.acceptance.services import Admin, Service, serving
from tests.servers import Databases
from tests.witness import WITNESS, Witness

from luota_svc.embedded import PrivateServers

# For tests of other things than limits.
UNLIMITED = {
    "LUOTA_LIMIT_MONITOR_TOKEN_MINUTE": "0",
    "LUOTA_LIMIT_MONITOR_TOKEN_HOUR": "0",
    "LUOTA_LIMIT_WORKSPACE_MINUTE": "0",
    "LUOTA_LIMIT_SOURCE_IP_MINUTE": "0",
}


@pytest.fixture
def empty_database_url(servers: PrivateServers) -> Iterator[str]:
    """A database of this test's own that nobody has migrated."""
    with psycopg.connect(servers.database_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE not_migrated")
        yield servers.database_url("not_migrated")
        WITNESS.require_none_in(servers.database_url("not_migrated"))
        connection.execute("DROP DATABASE not_migrated WITH (FORCE)")


@pytest.fixture(scope="session")
def pair(
    servers: PrivateServers, template_database: Databases, witness: Witness
) -> Iterator[tuple[Service, Service, str]]:
    """Two `serve` processes on one database and one Valkey, and the database's address; tests share them."""
    with (
        template_database.clone() as url,
        serving(witness, url, servers.redis_url, {"LUOTA_DRAIN_SECOND": "3"}) as one,
        serving(witness, url, servers.redis_url, admin=one.admin) as two,
    ):
        yield one, two, url


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def workspace(pair, _numbers) -> Callable[..., Admin]:
    """Make a workspace in the shared pair; its keys and monitors are the test's own."""
    return lambda **limits: pair[0].admin.workspace(f"test-{next(_numbers)}", **limits)
