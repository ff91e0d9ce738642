"""PostgreSQL has no room left: 503 in time, nobody dies, and all is well once there is room again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from tests.faults.load import Load, make_fleet, require_nothing_lost, require_sound_incidents
from tests.faults.service import note, serving
from tests.waiting import until
from tests.witness import WITNESS

from luota_svc.embedded import PrivateServers

_SIZE_MIB = 48


@pytest.fixture
def small_disk(hurt: PrivateServers) -> Iterator[Path]:
    """The database moved to a file system of its own that is soon full; its log of changes has room."""
    with tempfile.TemporaryDirectory(prefix="luota-disk-") as outer:
        Path(outer).chmod(0o711)
        disk = Path(outer, "disk")
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MIB}m,mode=0711", "luota-tests", str(disk)]
        try:
            mounted = subprocess.run(mount, capture_output=True, check=False, timeout=10).returncode == 0
        except FileNotFoundError:
            mounted = False
        if not mounted:
            pytest.skip("a small file system can be mounted by root alone")
        try:
            space = disk / "space"
            space.mkdir(mode=0o700)
            owner = Path(f"/proc/{hurt.postgres.pid}").stat()
            os.chown(space, owner.st_uid, owner.st_gid)
            with psycopg.connect(hurt.database_url("postgres"), autocommit=True) as database:
                database.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
                database.execute("ALTER DATABASE luota SET TABLESPACE small")
            yield disk
        finally:
            hurt.postgres.stop()
            subprocess.run(["umount", str(disk)], check=True, timeout=10)


def _fill(disk: Path) -> Path:
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


async def test_a_full_disk_costs_503s_and_kills_nobody(hurt, small_disk):
    fleet = make_fleet(hurt.database_url())
    async with serving(hurt.database_url(), hurt.redis_url) as service:
        load = Load(service.url, fleet)
        async with load.running():
            await until(lambda: load.answered(202) > 100, 10)
            filler, full = await asyncio.to_thread(_fill, small_disk), time.monotonic()
            await until(lambda: load.answered(503, since=full) > 50, 20)
            server = hurt.postgres.pid
            filler.unlink()
            room = time.monotonic()
            await until(lambda: load.answered(202, since=room) > 100, 8)
            back = time.monotonic() - room
        note(f"{load}; 100 accepted {back:.2f} s after there was room")
        load.require_kept_promises(202, 503)
        assert hurt.postgres.pid == server
        require_nothing_lost(hurt.database_url(), load.answers)
        require_sound_incidents(hurt.database_url())
        WITNESS.require_none_in(hurt.database_url())  # it is gone when the fixture could look
        assert await service.terminate() == 0
