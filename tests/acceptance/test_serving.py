"""`luota-svc serve` from start to stop, as an orchestrator and a job see it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import grpc
import psycopg
import pytest
from tests.acceptance.conftest import UNLIMITED
from tests.acceptance.processes import LUOTA, eventually, resident_mib, running
from tests.acceptance.services import Service, luota, new_operator_token, serving, settings

from luota.v1 import ingest_service_pb2, ingest_service_pb2_grpc, runs_pb2

_QUEUE = "luota_ingest_queue_members "
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def count(database_url: str, what: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
        return row[0]


def test_doors_open_before_the_migration_and_turn_ready_by_themselves_after_it(witness, empty_database_url, redis_url):
    with serving(witness, empty_database_url, redis_url, ready=False) as service:
        assert service.anybody.get("/healthz").status == 200
        assert service.anybody.get("/readyz").status == 503
        assert service.grpc_health() == "NOT_SERVING"
        key = new_operator_token().replace("wfop1", "wfws1")
        refused = service.anybody.seen_with(key=key).start("nightly-backup", "1")
        assert (refused.status, refused.json["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.request_id.startswith("req-")

        assert luota("migrate", {"LUOTA_DATABASE_URL": empty_database_url}).returncode == 0
        service.wait_ready()
        assert service.anybody.get("/readyz").status == 200
        assert service.grpc_health() == "SERVING"
        assert service.admin.workspace("first").monitor().job.start("job", "1").status == 202


def test_neither_server_away_at_start_or_later_is_more_than_503_for_as_long_as_it_lasts(witness, killable_servers):
    pair = killable_servers
    pair.postgres.stop()
    with serving(witness, pair.database_url(), pair.redis_url, ready=False) as service:
        assert service.anybody.get("/readyz").status == 503
        assert service.anybody.seen_with(key=service.admin.token).start("job", "1").status == 503
        pair.postgres.start()
        assert luota("migrate", {"LUOTA_DATABASE_URL": pair.database_url()}).returncode == 0
        service.wait_ready()
        admin = service.admin.workspace("first")
        job = admin.monitor().job
        assert job.start("job", "1").status == 202

        pair.valkey.kill()
        assert job.start("job", "2").status == 202
        assert admin.caller.post(f"/v1/workspaces/{admin.workspace_id}/keys", {"name": "more"}).status == 503
        pair.postgres.kill()
        # A session may outlive its killed server by a statement.
        refused = eventually(lambda: (answer := job.start("job", "3")).status != 202 and answer, 5, "a refusal")
        assert refused.status == 503
        assert "retry-after" in refused.headers
        assert service.anybody.get("/readyz").status == 200
        assert service.anybody.get("/healthz").status == 200
        assert service.grpc_health() == "SERVING"

        pair.postgres.start()
        pair.valkey.start()
        eventually(lambda: job.start("job", "3").status == 202, 15, "recovery")
        eventually(lambda: service.log("ratelimit_restored"), 15, "buckets in Valkey again")
        assert len(service.log("ratelimit_degraded")) == 1
        assert count(pair.database_url(), "runs") == 3
        assert service.process.stop() == 0
        assert witness.kept_in(pair.database_url()) == []


def test_a_database_that_gives_no_rights_is_told_about_and_used_once_it_does(witness, database_url, redis_url):
    role = f"stranger_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN")
        try:
            url = database_url.replace("postgresql://luota@", f"postgresql://{role}@")
            with serving(witness, url, redis_url, ready=False) as service:
                eventually(lambda: service.log("not_ready"), 10, "a word about it")
                assert "permission denied" in service.log("not_ready")[-1]["reason"]
                assert service.anybody.get("/readyz").status == 503
                owner.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
                service.wait_ready()
                assert service.admin.workspace("first").monitor().job.start("job", "1").status == 202
        finally:
            owner.execute(f"DROP OWNED BY {role}")
            owner.execute(f"DROP ROLE {role}")


def test_a_stop_before_it_was_ever_ready_is_clean(witness, tmp_path):
    nowhere = f"postgresql:///d?host={tmp_path}"
    with serving(witness, nowhere, f"unix://{tmp_path}/redis.sock", ready=False) as service:
        assert service.anybody.get("/healthz").status == 200
        assert service.process.stop(10) == 0


def test_a_stop_finishes_what_is_in_flight_and_takes_nothing_new(witness, database_url, redis_url):
    with serving(witness, database_url, redis_url) as service, ThreadPoolExecutor(2) as apart:
        monitor = service.admin.workspace("first").monitor()
        with psycopg.connect(database_url) as holder, psycopg.connect(database_url, autocommit=True) as looker:
            holder.execute("SELECT FROM monitors FOR NO KEY UPDATE")
            answer = apart.submit(monitor.job.start, "job", "in-flight")
            called = apart.submit(_start_by_grpc, service.grpc_target, monitor.token, "called")
            eventually(lambda: looker.execute(_WAITING).fetchone()[0], 4, "waiting for the monitor's row")
            eventually(lambda: _queued(service) == 2, 4, "both in the queue")
            service.process.signal(signal.SIGTERM)
            service.process.line(lambda line: '"draining"' in line)
            eventually(lambda: _refuses(service.url), 5, "refusing new connections")
            eventually(lambda: _refuses(service.grpc_target), 5, "refusing new calls")
            holder.rollback()
        assert answer.result(10).status == 202
        assert called.result(10).run.external_run_id == "called"
        assert service.process.wait(10) == 0
        assert json.loads(service.process.out[-1])["event"] == "stopped"
    assert count(database_url, "signals") == 2


def _start_by_grpc(target: str, token: str, run: str) -> runs_pb2.RunReceipt:
    key = ingest_service_pb2.RunKey(monitor_id="job", external_run_id=run)
    with grpc.insecure_channel(target) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        request = ingest_service_pb2.StartRunRequest(run_key=key)
        return stub.StartRun(request, timeout=10, metadata=[("x-luota-key", token)])


def _queued(service: Service) -> int:
    line = next(line for line in service.anybody.get("/metrics").text.splitlines() if line.startswith(_QUEUE))
    return int(float(line.split()[1]))


def _refuses(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return True
    return False


def test_a_second_signal_ends_at_once(witness, database_url, redis_url):
    with serving(witness, database_url, redis_url) as service, ThreadPoolExecutor(1) as apart:
        monitor = service.admin.workspace("first").monitor()
        with psycopg.connect(database_url) as holder, psycopg.connect(database_url, autocommit=True) as looker:
            holder.execute("SELECT FROM monitors FOR NO KEY UPDATE")
            answer = apart.submit(monitor.job.start, "job", "in-flight")
            eventually(lambda: looker.execute(_WAITING).fetchone()[0], 4, "waiting for the monitor's row")
            service.process.signal(signal.SIGTERM)
            service.process.line(lambda line: '"draining"' in line)
            service.process.signal(signal.SIGTERM)
            assert service.process.wait(1.5) == 1
        with pytest.raises((OSError, HTTPException)):
            answer.result(10)


def test_a_graceful_stop_under_load_keeps_exactly_what_it_acknowledged(witness, database_url, redis_url):
    with serving(witness, database_url, redis_url, UNLIMITED) as service:
        job = service.admin.workspace("first").monitor().job

        def report(thread: int) -> int:
            accepted = 0
            while True:
                try:
                    accepted += job.start("job", f"{thread}-{accepted}").status == 202
                except (OSError, HTTPException):
                    return accepted

        with ThreadPoolExecutor(4) as threads:
            reporters = [threads.submit(report, thread) for thread in range(4)]
            eventually(lambda: len(service.log("access")) > 200, what="load")
            assert service.process.stop(15) == 0
            acknowledged = sum(reporter.result(20) for reporter in reporters)
    assert acknowledged > 200
    assert count(database_url, "signals") == count(database_url, "runs") == acknowledged


def test_every_problem_of_the_settings_is_told_at_once_and_nothing_starts():
    wrong = {"LUOTA_HTTP_LISTEN": "x", "LUOTA_DRAIN_SECONDS": "-1", "LUOTA_DATABASE_URL": "mysql://u:hush-hush@h/d"}
    done = luota("serve", wrong)
    assert (done.returncode, done.stdout) == (2, "")
    told = done.stderr.splitlines()
    for name in (*wrong, "LUOTA_REDIS_URL", "LUOTA_ENCRYPTION_KEYS"):
        assert len([line for line in told if line.startswith(f"luota-svc: {name}")]) == 1, (name, told)
    assert len(told) == 5
    assert "hush-hush" not in done.stderr


def test_an_unknown_setting_is_warned_about_and_served_with(pair):
    [warning] = pair[0].log("setting_unknown")
    assert "LUOTA_DRAIN_SECOND: no such setting; did you mean LUOTA_DRAIN_SECONDS?" in warning["reason"]


def test_what_is_counted_can_be_read_and_names_no_tenant(pair, workspace):
    monitor = workspace().monitor()
    assert monitor.job.start("job", "counted").status == 202
    page = pair[0].anybody.get("/metrics")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/plain")
    told = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
    documented = set(re.findall(r"`(luota_\w+)`", told))
    assert len(documented) > 3
    # What only a worker reads is shown by workers alone: here it would be 0 whatever waits.
    of_workers = {"luota_delivery_oldest_due_seconds", "luota_deliveries_waiting"}
    assert {name for name in documented if name not in page.text} == of_workers
    assert "luota_requests_total{" in page.text
    assert monitor.id not in page.text


def test_an_idle_process_holds_at_most_120_mib(pair, workspace, record_property):
    monitor = workspace(monitorTokenMinute=0).monitor()
    for number in range(100):
        assert monitor.job.start("job", f"{number}").status == 202
    held = [resident_mib(service.process.pid) for service in pair[:2]]
    record_property("resident_mib", held)
    assert max(held) <= 120, held


@pytest.mark.parametrize("door", ["HTTP", "GRPC"])
def test_a_taken_port_is_one_line_that_names_it(door):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = settings("postgresql:///d", "unix:///r", "") | {f"LUOTA_{door}_LISTEN": f"127.0.0.1:{port}"}
        with running([*LUOTA, "serve"], env) as process:
            assert process.wait(15) == 1
            assert len(process.err) == 1
            assert process.err[0].startswith(f"luota-svc: port {port} is taken")


def test_migrations_run_once_whoever_else_runs_them(empty_database_url):
    env = {"LUOTA_DATABASE_URL": empty_database_url}
    with running([*LUOTA, "migrate"], env) as one, running([*LUOTA, "migrate"], env) as two:
        assert (one.wait(), two.wait()) == (0, 0)
    last = sorted([one.out[-1], two.out[-1]])
    assert last[0] == "0 migrations applied; the database is current"
    assert last[1].endswith("applied; the database is current")
    assert last[1] != last[0]
    again = luota("migrate", env)
    assert (again.returncode, again.stdout.splitlines()) == (0, [last[0]])


def test_a_database_that_is_away_is_one_line_to_migrate_and_bootstrap(tmp_path):
    env = {"LUOTA_DATABASE_URL": f"postgresql://u:hush-hush@/d?host={tmp_path}"}
    with ThreadPoolExecutor(2) as threads:  # each waits a while for the database
        both = threads.map(lambda command: luota(command, env), ("migrate", "bootstrap"))
    for done in both:
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "hush-hush" not in done.stderr


def test_bootstrap_before_the_migration_names_the_command_that_is_missing(empty_database_url):
    done = luota("bootstrap", {"LUOTA_DATABASE_URL": empty_database_url})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "luota-svc: the database is behind this release; run luota-svc migrate first\n"


def test_bootstrap_makes_an_admin_once(tmp_path, witness, pair):
    service, _, database_url = pair
    token, file = new_operator_token(), tmp_path / "token"
    witness.uses(token)
    file.write_text(token)
    before = count(database_url, "operator_tokens"), count(database_url, "audit_entries")
    env = {"LUOTA_DATABASE_URL": database_url, "LUOTA_BOOTSTRAP_TOKEN_FILE": str(file)}
    first, again = luota("bootstrap", env), luota("bootstrap", env)
    assert (first.returncode, first.stdout) == (0, "the admin was made\n")
    assert (again.returncode, again.stdout) == (0, "the admin stands\n")
    assert count(database_url, "operator_tokens") == before[0] + 1
    assert count(database_url, "audit_entries") == before[1] + 1
    shown = luota("bootstrap", {"LUOTA_DATABASE_URL": database_url})
    for admin in (token, shown.stdout.strip()):
        assert service.anybody.seen_with(operator=admin).get("/v1/workspaces").status == 200
    witness.hears("bootstrap", [first.stdout, first.stderr, again.stdout, again.stderr, shown.stderr])


def test_an_admin_that_was_revoked_does_not_come_back_with_the_next_start(witness, database_url, redis_url):
    with serving(witness, database_url, redis_url) as service:
        old = service.admin
        new = old.made("/v1/operatorTokens", {"name": "ann", "role": "admin"})["token"]
        newer = service.anybody.seen_with(operator=new)
        assert newer.post(f"/v1/operatorTokens/{old.token.split('.')[1]}:revoke").status == 200
    with serving(witness, database_url, redis_url, admin=old) as service:
        assert old.caller.seen_with(operator=old.token, url=service.url).get("/v1/workspaces").status == 401
        assert service.anybody.seen_with(operator=new).get("/v1/workspaces").status == 200
        assert "revoked" in service.log("bootstrap_refused")[0]["reason"]


def test_check_config_shows_no_secret(tmp_path, witness):
    token, file = new_operator_token(), tmp_path / "token"
    file.write_text(token)
    urls = settings("postgresql://luota:hush-hush@db/luota", "redis://:hush-hush@cache/0", file)
    done = luota("check-config", urls)
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout + done.stderr
    witness.uses(token)
    witness.hears("check-config", [done.stdout, done.stderr])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_secret_file_that_cannot_be_read_is_told(tmp_path):
    file = tmp_path / "token"
    file.touch(mode=0)
    assert "cannot read" in luota("serve", {"LUOTA_BOOTSTRAP_TOKEN_FILE": str(file)}).stderr
