"""State folders that can't be used are refused in one line, and nothing in them is changed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.embedded.conftest import assert_all_gone

from luota_svc.embedded import EmbeddedError, PrivateServers


def refusal(state_dir: Path) -> str:
    with pytest.raises(EmbeddedError) as refused:
        PrivateServers(state_dir, durable=False, log=print).start()
    assert "\n" not in str(refused.value)
    assert_all_gone(state_dir)
    return str(refused.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_in_place_of_the_folder(state_dir):
    state_dir.write_text("mine")
    assert str(state_dir) in refusal(state_dir)


def test_a_folder_of_somebody_else_in_place_of_the_data(state_dir):
    (state_dir / "postgres").mkdir(parents=True)
    (state_dir / "postgres" / "letter.txt").write_text("dear")
    before = contents(state_dir / "postgres")
    assert "holds no PostgreSQL data" in refusal(state_dir)
    assert contents(state_dir / "postgres") == before


def test_a_file_in_place_of_the_data(state_dir):
    state_dir.mkdir(mode=0o711)
    (state_dir / "postgres").write_text("mine")
    assert "holds no PostgreSQL data" in refusal(state_dir)


def test_an_empty_folder_in_place_of_the_data_is_taken(state_dir):
    (state_dir / "postgres").mkdir(parents=True)
    with PrivateServers(state_dir, durable=False, log=print):
        assert (state_dir / "postgres" / "PG_VERSION").exists()


def test_data_of_another_major_version(made):
    version = made / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    before = contents(made / "postgres")
    message = refusal(made)
    assert "PostgreSQL 17" in message
    assert "nothing was changed" in message
    assert contents(made / "postgres") == before


def test_corrupt_data(made):
    (made / "postgres" / "global" / "pg_control").unlink()
    message = refusal(made)
    assert "pg_control" in message
    assert "postgres.log" in message


@contextmanager
def stranger(state_dir: Path, name: str) -> Iterator[int]:
    """Run a program of that name as the servers' account, and write its pid into the lock file."""
    about = (state_dir / "postgres").stat()
    program = state_dir.parent / name
    shutil.copy("/bin/sleep", program)
    who = {"user": about.st_uid, "group": about.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen([program, "60"], **who) as process:
        lock = state_dir / "postgres" / "postmaster.pid"
        lock.write_text(f"{process.pid}\n{state_dir / 'postgres'}\n0\n5432\n\n\n")
        os.chown(lock, about.st_uid, about.st_gid)
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_lock_file_that_names_another_postgres_is_refused_and_kept(made):
    with stranger(made, "postgres") as pid:
        assert str(pid) in refusal(made)
        assert (made / "postgres" / "postmaster.pid").read_text().startswith(f"{pid}\n")


def test_a_lock_file_whose_number_is_another_programs_by_now_is_no_obstacle(made):
    with stranger(made, "stranger"), PrivateServers(made, durable=False, log=print):
        pass


def test_a_lock_file_that_names_a_zombie_is_no_obstacle(made):
    with stranger(made, "postgres") as pid:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with PrivateServers(made, durable=False, log=print):
            pass


def test_a_lock_file_of_nobody_who_lives_is_no_obstacle(made):
    lock = made / "postgres" / "postmaster.pid"
    lock.write_text(f"{2**22 - 1}\n{made / 'postgres'}\n0\n5432\n\n\n")
    with PrivateServers(made, durable=False, log=print):
        pass


def test_half_made_data_is_made_afresh(state_dir):
    (state_dir / "postgres.new" / "base").mkdir(parents=True)
    with PrivateServers(state_dir, durable=False, log=print):
        assert not (state_dir / "postgres.new").exists()


def test_a_folder_removed_while_nobody_used_it_starts_afresh(made):
    shutil.rmtree(made)
    with PrivateServers(made, durable=False, log=print):
        assert (made / "postgres").exists()
