"""Who owns a state folder's servers, and what is left when an owner goes, in whatever way."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.embedded.conftest import assert_all_gone, owner, processes_in, remember, remembered, socket_folder

from luota_svc.embedded import EmbeddedError, PrivateServers
from luota_svc.embedded.processes import wait_until

_SECONDS = 30


def quiet(state_dir: Path) -> PrivateServers:
    return PrivateServers(state_dir, log=lambda _: None)


def test_a_second_start_is_refused_in_one_line_that_names_the_holder(made):
    with owner(made) as (process, addresses):
        with pytest.raises(EmbeddedError) as refused:
            quiet(made).start()
        assert str(process.pid) in str(refused.value)
        assert "\n" not in str(refused.value)
        remember(addresses["database"], 1)  # the first one's servers were left alone


def test_a_second_start_finds_the_data_of_an_owner_that_was_killed(made):
    with owner(made) as (process, addresses):
        remember(addresses["database"], 1)
        process.kill()
        process.wait(_SECONDS)
    with quiet(made) as servers:
        assert remembered(servers.database_url()) == [1]


def test_a_killed_owner_leaves_no_process(made):
    with owner(made) as (process, _):
        assert processes_in(made)
        process.kill()
        assert_all_gone(made)


def test_a_second_start_removes_the_sockets_of_a_killed_owner(made):
    with owner(made) as (process, addresses):
        process.kill()
        process.wait(_SECONDS)
        sockets = socket_folder(addresses["redis"])
        assert sockets.exists()
        with quiet(made):
            assert not sockets.exists()


def test_servers_that_outlived_their_owner_are_ended_by_the_next_start(made):
    with owner(made) as (process, addresses):
        remember(addresses["database"], 1)
        # Stopped processes hear of nobody's death until they are told to go on, or are killed.
        postmaster = int((made / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        process.kill()
        process.wait(_SECONDS)
        os.kill(postmaster, 0)
        wake = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -CONT {postmaster}"])
        with quiet(made) as servers:
            assert remembered(servers.database_url()) == [1]
        wake.wait(_SECONDS)


def test_everything_killed_at_once_recovers(made):
    with owner(made) as (process, addresses):
        remember(addresses["database"], 1)
        postmaster = int((made / "postgres" / "postmaster.pid").read_text().split()[0])
        process.send_signal(signal.SIGSTOP)  # so that it restarts nothing
        os.kill(postmaster, signal.SIGKILL)
        process.kill()
    with quiet(made) as servers:
        assert remembered(servers.database_url()) == [1]


def test_an_owner_killed_while_it_makes_the_data_leaves_nothing_that_stops_the_next_start(state_dir):
    half_made = state_dir / "postgres.new" / "PG_VERSION"
    program = [os.sys.executable, Path(__file__).with_name("owner.py"), state_dir]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert wait_until(half_made.exists, _SECONDS)
        process.kill()
    assert not (state_dir / "postgres").exists()
    with quiet(state_dir) as servers:
        remember(servers.database_url(), 1)
    assert not half_made.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_process_and_no_socket(made, number):
    with owner(made) as (process, addresses):
        os.killpg(process.pid, number)  # as a terminal does: to the whole group
        assert process.wait(_SECONDS) == 0
        assert processes_in(made) == []
        assert not socket_folder(addresses["redis"]).exists()
        log = (made / "postgres.log").read_text()
        assert "database system is shut down" in log
        assert "interrupted" not in log


def test_a_clean_stop_needs_no_recovery_and_gives_the_folder_back(made):
    for turn in (1, 2):
        with quiet(made) as servers:
            remember(servers.database_url(), turn)
            assert remembered(servers.database_url()) == list(range(1, turn + 1))
    log = (made / "postgres.log").read_text()
    assert "not properly shut down" not in log
