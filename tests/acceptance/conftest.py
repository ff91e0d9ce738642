"""What the acceptance tests share: a witness of every secret, a pair of `serve` processes, empty databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from tests.acceptance.services import Admin, Service, serving
from tests.acceptance.witness import Witness
from tests.servers import Databases

from luota_svc.embedded import PrivateServers

# For tests of other things than limits.
UNLIMITED = {
    "LUOTA_LIMIT_MONITOR_TOKEN_MINUTE": "0",
    "LUOTA_LIMIT_MONITOR_TOKEN_HOUR": "0",
    "LUOTA_LIMIT_WORKSPACE_MINUTE": "0",
    "LUOTA_LIMIT_SOURCE_IP_MINUTE": "0",
}


@pytest.fixture(scope="session")
def witness(servers: PrivateServers) -> Iterator[Witness]:
    """Whatever the processes say in the whole session; no secret that any test used may be in it."""
    witness = Witness()
    yield witness
    # PostgreSQL logs the statements that fail, with their values if a client sends them so.
    for log in servers._state_dir.glob("*.log"):
        witness.hears(log.name, log.read_text(errors="replace").splitlines())
    assert witness.given_away() == []


@pytest.fixture
def database_url(database_url: str, witness: Witness) -> Iterator[str]:
    """A migrated database of this test's own, searched for secrets afterwards."""
    yield database_url
    assert witness.kept_in(database_url) == []


@pytest.fixture
def empty_database_url(servers: PrivateServers) -> Iterator[str]:
    """A database of this test's own that nobody has migrated."""
    with psycopg.connect(servers.database_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE not_migrated")
        yield servers.database_url("not_migrated")
        connection.execute("DROP DATABASE not_migrated WITH (FORCE)")


@pytest.fixture(scope="session")
def pair(
    servers: PrivateServers, template_database: Databases, witness: Witness
) -> Iterator[tuple[Service, Service, str]]:
    """Two `serve` processes on one database and one Valkey, and the database's address; tests share them."""
    with template_database.clone() as url:
        with (
            serving(witness, url, servers.redis_url, {"LUOTA_DRAIN_SECOND": "3"}) as one,
            serving(witness, url, servers.redis_url, admin=one.admin) as two,
        ):
            yield one, two, url
        assert witness.kept_in(url) == []


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def workspace(pair, _numbers) -> Callable[..., Admin]:
    """Make a workspace in the shared pair; its keys and monitors are the test's own."""
    return lambda **limits: pair[0].admin.workspace(f"test-{next(_numbers)}", **limits)
