"""Real servers for every room: a database and an empty Valkey for each test, and a pair that a test may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.servers import Databases, empty, folder_for_servers, make_data, private_servers
from tests.witness import WITNESS, Witness

from luota_svc.embedded import PrivateServers

# How long an example takes says how busy the machine is; a test of what must be quick measures that itself.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session", autouse=True)
def witness() -> Iterator[Witness]:
    """Whatever is said in the whole session; no secret that any test used may be in it."""
    with WITNESS.listening():
        yield WITNESS
    WITNESS.require_silence()


@pytest.fixture(scope="session")
def made_data() -> Iterator[Path]:
    """A state folder with the data of a pair that was cleanly stopped; copied for each pair, never used itself."""
    with folder_for_servers() as folder:
        make_data(folder / "state")
        yield folder / "state"


@pytest.fixture(scope="session")
def servers(made_data: Path, witness: Witness) -> Iterator[PrivateServers]:
    """One private PostgreSQL and Valkey for this worker; they forget at a crash of the machine, to be quick."""
    with private_servers(made_data, restart=True) as servers:
        yield servers


@pytest.fixture(scope="session")
def template_database(servers: PrivateServers) -> Iterator[Databases]:
    """The migrated database that each test's own is cloned from."""
    databases = Databases(servers)
    databases.make_template()
    yield databases
    databases.close()


@pytest.fixture
def database_url(template_database: Databases) -> Iterator[str]:
    """A migrated database of this test's own."""
    with template_database.clone() as url:
        yield url


@pytest.fixture
def redis_url(servers: PrivateServers) -> str:
    """An empty Valkey, which this worker's tests share one after the other."""
    empty(servers.redis_url)
    return servers.redis_url


@pytest.fixture
def killable_servers(made_data: Path) -> Iterator[PrivateServers]:
    """A pair of this test's own to kill, stop and start; nothing restarts it, and its database is `luota`, empty."""
    with private_servers(made_data) as servers:
        yield servers
        if servers.postgres.pid is not None:
            WITNESS.require_none_in(servers.database_url())
