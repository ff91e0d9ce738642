"""An installation on real servers, people to call as, the path of a signal, and bare ingest processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from tests.builders import Process, World, ingest_process
from tests.management import house, ingest, installation
from tests.postroom import PostRoom, post_room
from tests.stage import Stage, stage

__all__ = ["at", "house", "ingest", "installation", "process", "shared_stage", "two_processes", "world"]


@pytest.fixture
def world(database_url) -> Iterator[World]:
    """A workspace with a key, and every row to look at."""
    world = World(database_url)
    yield world
    world.close()


@pytest.fixture
async def room(database_url) -> AsyncIterator[PostRoom]:
    """Routes, duties and workers' outboxes, on a clock that is moved by hand."""
    async with post_room(database_url) as room:
        yield room


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stage(template_database) -> AsyncIterator[Stage]:
    """A stage of the module's: a database, a clock and a loop that its tests share, which costs each a tenth."""
    with template_database.clone() as url:
        async with stage(url) as shared:
            yield shared


@pytest.fixture
def at(shared_stage: Stage) -> Iterator[Stage]:
    """The module's stage, on which a test acts with monitors of its own."""
    yield shared_stage
    shared_stage.forget()
