"""`luota-svc dev`, the first thing that a newcomer runs: it serves, it can be tried, it leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import psycopg
import pytest
from tests.acceptance.calls import Caller
from tests.acceptance.processes import (
    LUOTA,
    Running,
    environment,
    eventually,
    is_there,
    listening_addresses,
    running,
    tree,
)
from tests.servers import folder_for_servers

import luota
import luota_svc
from luota_svc.embedded.places import nobody, reachable

_LAST_LINE = "Ctrl-C stops everything"
# As /proc/net writes it: in IPv4, and in IPv4 mapped into IPv6.
_LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}
_PATHS = [Path(luota_svc.__file__).parents[1], Path(luota.__path__[0]).parent, Path(sysconfig.get_path("purelib"))]


@dataclass
class Dev:
    """One `dev` that is ready."""

    process: Running
    state_dir: Path
    seconds: float
    facts: dict

    @property
    def curl_lines(self) -> list[str]:
        return [line.strip() for line in self.process.out if line.startswith("  curl ")]

    @property
    def sockets(self) -> Path:
        return Path((self.state_dir / "socket-folder").read_text().strip())

    @property
    def database_url(self) -> str:
        return f"postgresql://luota@/luota?host={self.sockets}"

    def key(self, kind: str) -> str:
        return next(monitor["key"] for monitor in self.facts["monitors"] if monitor["kind"] == kind)

    def servers(self) -> dict[str, int]:
        """Return the pids of the two servers by their names; not those of PostgreSQL's own children."""
        members = tree(self.process.pid)
        return {
            name: pid
            for pid, name in members.items()
            if name in {"postgres", "valkey-server"} and members.get(parent_of(pid)) != name
        }


def parent_of(pid: int) -> int:
    with suppress(OSError):  # ended meanwhile
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    return 0


def command(state_dir: Path, http_port: int = 0, grpc_port: int = 0) -> list[str]:
    ports = ["--http-port", str(http_port), "--grpc-port", str(grpc_port)]
    return [*LUOTA, "dev", "--state-dir", str(state_dir), *ports]


@contextmanager
def developing(witness, state_dir, argv=None, env=None, **how) -> Iterator[Dev]:
    """Run `dev` until the block ends; then nothing of it may be left, however it ended."""
    began = time.monotonic()
    with running(argv or command(state_dir), env, **how) as process:
        try:
            process.line(lambda line: _LAST_LINE in line)
            seconds = time.monotonic() - began
            text = (state_dir / "dev.json").read_text()
            witness.uses(text)
            dev = Dev(process, state_dir, seconds, json.loads(text))
            family = tree(process.pid)
            yield dev
            if process.process.poll() is None:
                assert process.stop() == 0, process.said()
            family = {**family, **tree(process.pid)}
            eventually(lambda: not [pid for pid in family if is_there(pid)], 15, "the end of every process")
        finally:
            # The lines to paste hold the demo's tokens: that is what they are for.
            said = [line for line in process.out if not line.startswith("  curl ")]
            witness.hears("dev", [*said, *process.err])
            for log in state_dir.glob("*.log"):
                witness.hears(log.name, log.read_text(errors="replace").splitlines())


@pytest.fixture(scope="session")
def first(witness) -> Iterator[Dev]:
    """A first start on a folder that was not there, stopped; later starts of this worker find its data."""
    with folder_for_servers() as folder:
        with developing(witness, folder / "state") as dev:
            dev.mode = stat.S_IMODE((dev.state_dir / "dev.json").stat().st_mode)
            dev.pasted = [json.loads(paste(line)) for line in dev.curl_lines] if shutil.which("curl") else None
        yield dev


@pytest.fixture
def state_dir(first) -> Path:
    """A state folder with data in it; nobody uses it just now."""
    return first.state_dir


def paste(line: str) -> str:
    done = subprocess.run(
        ["bash", "-c", line], env=environment({}), capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def runs(dev: Dev, witness) -> list[tuple[str, str]]:
    """Return the runs of the demo's monitor as its operator sees them."""
    monitor = next(monitor["id"] for monitor in dev.facts["monitors"] if monitor["kind"] == "run")
    operator = Caller(dev.facts["httpUrl"], witness, operator=dev.facts["operatorToken"])
    path = f"/v1/monitors/{monitor}/runs?pageSize=1000"
    # A session that a killed server left behind may cost one 503.
    answer = eventually(lambda: (answer := operator.get(path)).status == 200 and answer, 10, "an answer")
    return [(run["externalRunId"], run["state"]) for run in answer.json["runs"]]


def test_a_first_start_writes_what_is_documented_for_its_owner_alone(first):
    assert list(first.facts) == ["httpUrl", "grpcTarget", "workspaceId", "workspaceKey", "operatorToken", "monitors"]
    assert [list(monitor) for monitor in first.facts["monitors"]] == [["id", "name", "kind", "key"]] * 3
    assert sorted(monitor["kind"] for monitor in first.facts["monitors"]) == ["freshness", "heartbeat", "run"]
    assert first.mode == 0o600


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
def test_the_printed_lines_start_fail_and_show_a_run_as_pasted(first):
    assert len(first.curl_lines) == 3
    started, failed, shown = first.pasted
    assert (started["run"]["state"], started["duplicate"]) == ("running", False)
    assert failed["run"]["id"] == started["run"]["id"]
    assert failed["run"]["state"] == "failed"
    assert (failed["incident"]["kind"], failed["incident"]["state"]) == ("failed", "open")
    [run] = shown["runs"]
    assert (run["id"], run["state"], run["exitCode"], run["summary"]) == (
        started["run"]["id"],
        "failed",
        1,
        "disk full",
    )


def test_every_kind_of_demo_monitor_takes_its_signal_and_a_second_start_finds_them(witness, state_dir, record_property):
    with developing(witness, state_dir) as dev:
        key = Caller(dev.facts["httpUrl"], witness, key=dev.facts["workspaceKey"])
        assert key.start("nightly-backup", f"kept-{dev.process.pid}").status == 202
        for kind in ("heartbeat", "freshness"):
            monitor = next(monitor for monitor in dev.facts["monitors"] if monitor["kind"] == kind)
            assert key.seen_with(key=monitor["key"]).post(f"/v1/monitors/{monitor['id']}/ping").status == 202
    before = dev
    with developing(witness, state_dir) as dev:
        assert {name: dev.facts[name] for name in dev.facts if name not in {"httpUrl", "grpcTarget"}} == {
            name: before.facts[name] for name in before.facts if name not in {"httpUrl", "grpcTarget"}
        }
        assert (f"kept-{before.process.pid}", "running") in runs(dev, witness)
        record_property("warm_start_seconds", round(dev.seconds, 2))
        # Five on a quiet machine; here other tests have the cores too.
        assert dev.seconds < 20
        assert witness.kept_in(dev.database_url) == []


def test_a_second_dev_on_the_same_folder_is_told_who_has_it_and_harms_nobody(witness, state_dir):
    with developing(witness, state_dir) as dev:
        with running(command(state_dir)) as second:
            assert second.wait() == 1
            [line] = second.err
            assert line.startswith("luota-svc: state folder")
            assert f"in use by process {dev.process.pid}" in line
        assert json.loads((state_dir / "dev.json").read_text()) == dev.facts
        assert Caller(dev.facts["httpUrl"], witness).get("/readyz").status == 200


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with running(command(tmp_path / "file" / "state")) as process:
        assert process.wait() == 1
    [line] = process.err
    assert line == f"luota-svc: state folder {tmp_path / 'file' / 'state'} can't be used: Not a directory"


@pytest.mark.parametrize("door", ["http_port", "grpc_port"])
def test_a_taken_port_is_one_line_that_names_it_and_nothing_stays(state_dir, door):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(command(state_dir, **{door: port})) as process:
            assert process.wait() == 1
        option = f"--{door.replace('_', '-')}"
        assert process.err == [f"luota-svc: port {port} is taken on 127.0.0.1; choose another with {option}"]
        assert not (state_dir / "socket-folder").exists()


def test_after_kill_9_the_next_start_finds_the_data_and_no_old_server(witness, state_dir):
    with developing(witness, state_dir) as dev:
        run = f"killed-{dev.process.pid}"
        assert Caller(dev.facts["httpUrl"], witness, key=dev.key("run")).start("nightly-backup", run).status == 202
        old, old_sockets = dev.servers(), dev.sockets
        assert set(old) == {"postgres", "valkey-server"}
        dev.process.signal(signal.SIGKILL)
        dev.process.wait()
        with developing(witness, state_dir) as again:
            assert [pid for pid in old.values() if is_there(pid)] == []
            assert (run, "running") in runs(again, witness)
            assert again.facts["workspaceKey"] == dev.facts["workspaceKey"]
            assert not old_sockets.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything_and_leaves_no_process_and_no_sockets(witness, state_dir, number):
    with developing(witness, state_dir) as dev:
        family, sockets = tree(dev.process.pid), dev.sockets
        assert sockets.is_dir()
        # A terminal's Ctrl-C goes to every process of the group that is in front.
        os.killpg(dev.process.pid, number) if number == signal.SIGINT else dev.process.signal(number)
        assert dev.process.wait() == 0
        assert [pid for pid in family if is_there(pid)] == []
        assert not sockets.exists()
    assert dev.process.err == []


def test_ctrl_c_while_it_starts_leaves_nothing(state_dir):
    with running(command(state_dir)) as process:
        record = state_dir / "socket-folder"
        eventually(lambda: record.exists() and record.read_text().strip(), what="the servers' start")
        sockets, family = Path(record.read_text().strip()), tree(process.pid)
        process.signal(signal.SIGINT)
        assert process.wait() in {0, 1}
        assert [pid for pid in family if is_there(pid)] == []
        assert not sockets.exists()
        assert "Traceback" not in process.said()


def test_a_second_ctrl_c_does_not_wait_for_what_is_in_flight(witness, state_dir):
    with developing(witness, state_dir) as dev, ThreadPoolExecutor(1) as apart:
        job = Caller(dev.facts["httpUrl"], witness, key=dev.key("run"))
        url = dev.database_url
        with closing(psycopg.connect(url)) as holder, closing(psycopg.connect(url, autocommit=True)) as looker:
            holder.execute("SELECT FROM monitors FOR NO KEY UPDATE")
            answer = apart.submit(job.start, "nightly-backup", f"in-flight-{dev.process.pid}")
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            eventually(lambda: looker.execute(waiting).fetchone()[0], 4, "waiting for the monitor's row")
            dev.process.signal(signal.SIGINT)
            dev.process.line(lambda line: '"draining"' in line)
            dev.process.signal(signal.SIGINT)
            assert dev.process.wait(1.5) == 1
        with pytest.raises((OSError, HTTPException)):
            answer.result(10)


def test_a_server_that_is_killed_is_started_again_and_reports_are_taken_again(witness, state_dir):
    with developing(witness, state_dir) as dev:
        job = Caller(dev.facts["httpUrl"], witness, key=dev.key("run"))
        for name, title in (("postgres", "PostgreSQL"), ("valkey-server", "Valkey")):
            run = f"{name}-{dev.process.pid}"
            old = dev.servers()[name]
            os.kill(old, signal.SIGKILL)
            eventually(lambda name=name, old=old: dev.servers().get(name, old) != old, 20, f"a new {name}")
            eventually(lambda run=run: job.start("nightly-backup", run).status == 202, 20, "recovery")
            assert f"luota-svc: {title} was killed by SIGKILL; starting it again" in dev.process.err
        assert {(f"{name}-{dev.process.pid}", "running") for name in dev.servers()} <= set(runs(dev, witness))


def test_nothing_listens_beyond_loopback(witness, state_dir):
    with developing(witness, state_dir) as dev:
        assert listening_addresses(set(tree(dev.process.pid))) - _LOOPBACK == set()
        assert listening_addresses({dev.process.pid})
        # The servers of root run as nobody, whose files not even root can look at in some containers.
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
        listening = {row[1].partition(":")[0] for row in rows if row[3] == "0A" and int(row[7]) == nobody().uid}
        assert listening <= _LOOPBACK


def test_with_servers_of_ones_own_it_starts_none(witness, tmp_path, database_url, redis_url):
    env = {"LUOTA_DATABASE_URL": database_url, "LUOTA_REDIS_URL": redis_url}
    with developing(witness, tmp_path / "state", env=env) as dev:
        assert dev.servers() == {}
        assert {path.name for path in dev.state_dir.iterdir()} == {"dev.json", "encryption.key"}
        job = Caller(dev.facts["httpUrl"], witness, key=dev.key("run"))
        assert job.start("nightly-backup", "1").status == 202
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def reachable_python(folder: Path) -> tuple[Path, dict[str, str]]:
    """Return this interpreter where nobody can run it, a copy if need be, and the environment that it needs."""
    python = Path(sys.executable).resolve()
    if reachable(python, nobody()):
        return python, {}
    left_out = ("test", "tests", "site-packages", "idlelib", "tkinter", "ensurepip", "lib2to3", "config-*")
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, folder / "lib" / library.name, ignore=shutil.ignore_patterns(*left_out, "__pycache__"))
    (folder / "bin").mkdir()
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        name = sysconfig.get_config_var("INSTSONAME")
        shutil.copy(Path(sysconfig.get_config_var("LIBDIR"), name), folder / "lib" / name)
    return Path(shutil.copy(python, folder / "bin")), {"LD_LIBRARY_PATH": str(folder / "lib")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else; the others run all of this as one")
def test_an_ordinary_user_runs_it_in_a_folder_of_their_own(witness):
    if not all(reachable(path, nobody()) for path in _PATHS):
        pytest.skip("this checkout is closed to ordinary users")
    with folder_for_servers() as folder:
        python, env = reachable_python(folder)
        home = folder / "home"
        home.mkdir(mode=0o700)
        os.chown(home, nobody().uid, nobody().gid)
        argv = [str(python), *LUOTA[1:], "dev", "--http-port", "0", "--grpc-port", "0"]
        env |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(map(str, _PATHS))}
        how = {"user": nobody().uid, "group": nobody().gid, "extra_groups": [], "cwd": home}
        with developing(witness, home / ".luota", argv, env, **how) as dev:
            job = Caller(dev.facts["httpUrl"], witness, key=dev.key("run"))
            assert job.start("nightly-backup", "1").status == 202
            owners = {Path(f"/proc/{pid}").stat().st_uid for pid in tree(dev.process.pid)}
            assert owners == {nobody().uid}
        assert {path.stat().st_uid for path in (home / ".luota").iterdir()} == {nobody().uid}
