"""An installation on real servers, people to call as, the path of a signal, and bare ingest processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.builders import Process, World, ingest_process
from tests.management import house, ingest, installation

__all__ = ["house", "ingest", "installation", "process", "two_processes", "world"]


@pytest.fixture
def world(database_url) -> Iterator[World]:
    """A workspace with a key, and every row to look at."""
    world = World(database_url)
    yield world
    world.close()


@pytest.fixture
async def process(world) -> AsyncIterator[Process]:
    """One ingest process."""
    async with ingest_process(world) as process:
        yield process


@pytest.fixture
async def two_processes(world) -> AsyncIterator[tuple[Process, Process]]:
    """Two ingest processes on one database, as two replicas are."""
    async with ingest_process(world) as first, ingest_process(world) as second:
        yield first, second
