"""What the tests of managing share: an installation on real servers, and operators with tokens to call as."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from tests.builders import assemble_ingest
from tests.servers import ENCRYPTION_KEY

from luota_svc.clock import StubClock
from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.model.call import Call, Door
from luota_svc.model.limits import IngestLimits
from luota_svc.model.operators import Role
from luota_svc.rules.ingest_key import OPERATOR, format_token, hash_secret
from luota_svc.store import operators
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.telemetry.metrics import Metrics
from luota_svc.usecases.ingest import Ingest
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.memories import RunOwners


@pytest.fixture
async def installation(database_url, redis_url) -> AsyncIterator[Installation]:
    database = Database(database_url, name="tests", sessions=6)
    await database.open()
    clock = StubClock()
    limiter = RedisLimiter(redis_url, clock)
    await limiter.open()
    yield Installation(database, clock, limiter, "https://luota.example", Vault([ENCRYPTION_KEY]))
    await limiter.aclose()
    await database.close()


@dataclass
class Caller:
    """Somebody with an operator token (or a wrong one)."""

    installation: Installation
    token: str
    id: UUID | None = None

    def call(self, **words) -> Call:
        """Build a fresh call that shows the token."""
        clock = self.installation.clock
        credentials = (self.token,) if self.token else ()
        return Call(
            door=Door.HTTP,
            method="GET /",
            request_id=clock.new_request_id(),
            received_at=clock.now(),
            expires_at=clock.monotonic() + 4.5,
            source_address="192.0.2.1",
            credentials=words.pop("credentials", credentials),
            **words,
        )


async def make_caller(installation: Installation, role: Role, workspace_id: UUID | None = None) -> Caller:
    """Insert an operator token straight into the store."""
    clock = installation.clock
    token_id, secret = clock.new_id(), clock.new_secret()
    async with installation.database.unit() as unit:
        await operators.insert(
            unit,
            token_id=token_id,
            name=f"{role.name.lower()} of {workspace_id or 'the instance'}",
            role=role,
            workspace_id=workspace_id,
            secret_hash=hash_secret(secret),
            expires_at=None,
            now=clock.now(),
        )
    return Caller(installation, format_token(OPERATOR, token_id, secret), token_id)


@pytest.fixture
async def ingest(installation, database_url) -> AsyncIterator[Ingest]:
    """The real path of a signal, on the same clock and, as in the real composition, on sessions of its own."""
    database = Database(database_url, name="tests-ingest", sessions=4)
    await database.open()
    ingest, lanes = assemble_ingest(
        database,
        installation.clock,
        limiter=installation.limiter,
        limits=IngestLimits(),
        metrics=Metrics(),
        owners=RunOwners(),
        used=[],
    )
    await lanes.start()
    yield ingest
    await lanes.stop()
    await database.close()


@dataclass
class House:
    """Two workspaces. Alice is admin of the first, Olga its operator, Bob its viewer; Charlie is admin of the second.

    Root is the instance's admin.
    """

    installation: Installation
    ours: UUID
    theirs: UUID
    root: Caller
    alice: Caller
    olga: Caller
    bob: Caller
    charlie: Caller


@pytest.fixture
async def house(installation) -> House:
    from luota_svc.model.workspaces import WorkspaceSettings
    from luota_svc.usecases.workspaces import create_workspace

    root = await make_caller(installation, Role.ADMIN)
    ours = await create_workspace(installation, root.call(), WorkspaceSettings("ours", "Ours"), None)
    theirs = await create_workspace(installation, root.call(), WorkspaceSettings("theirs", "Theirs"), None)
    return House(
        installation,
        ours.id,
        theirs.id,
        root,
        await make_caller(installation, Role.ADMIN, ours.id),
        await make_caller(installation, Role.OPERATOR, ours.id),
        await make_caller(installation, Role.VIEWER, ours.id),
        await make_caller(installation, Role.ADMIN, theirs.id),
    )
