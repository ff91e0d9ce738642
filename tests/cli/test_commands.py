"""The command line as an operator meets it: the real process, one line a problem, three exit codes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.servers import ENCRYPTION_KEY

from luota_svc.__main__ import main
from luota_svc.cli import CommandFailed, Exit, build_parser, check_config

URLS = {"LUOTA_DATABASE_URL": "postgresql://luota:hush@db/luota", "LUOTA_REDIS_URL": "redis://cache:6379/0"}
KEYED = {**URLS, "LUOTA_ENCRYPTION_KEYS": ENCRYPTION_KEY}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("LUOTA_", "OTEL_")):
            monkeypatch.delenv(name)


def run(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LUOTA_", "OTEL_"))}
    return subprocess.run(
        [sys.executable, "-m", "luota_svc", *argv],
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_check_config_shows_what_is_in_force_and_no_secret():
    done = run("check-config", **KEYED, LUOTA_DRAIN_SECOND="3")
    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["LUOTA_DATABASE_URL"] == "postgresql://luota:***@db/luota"
    assert lines["LUOTA_DRAIN_SECONDS"] == "10  (default)"
    assert lines["traces"] == "not exported"
    assert "did you mean LUOTA_DRAIN_SECONDS?" in done.stderr
    assert lines["LUOTA_ENCRYPTION_KEYS"] == "***"
    assert "hush" not in done.stdout + done.stderr
    assert ENCRYPTION_KEY not in done.stdout + done.stderr


def test_check_config_names_every_problem_on_a_line_of_its_own_and_exits_2():
    done = run("check-config", LUOTA_HTTP_LISTEN="x", LUOTA_STOP_SECONDS="y")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("luota-svc: LUOTA_") for line in lines)


def test_check_config_warns_of_a_worker_whose_links_lead_to_itself():
    unset, given = run("check-config", "--for", "work", **KEYED), {**KEYED, "LUOTA_PUBLIC_URL": "https://luota.example"}
    assert unset.returncode == 0
    assert "luota-svc: warning: LUOTA_PUBLIC_URL: not set, so the links of alerts lead to the worker" in unset.stderr
    assert "(http://127.0.0.1:8080)" in unset.stderr
    assert run("check-config", "--for", "work", **given).stderr == ""
    assert run("check-config", "--for", "serve", **KEYED).stderr == ""


@pytest.mark.parametrize(
    ("purpose", "env", "code"),
    [
        ("serve", {}, 2),
        ("serve", URLS, 2),
        ("serve", KEYED, 0),
        ("migrate", {"LUOTA_DATABASE_URL": URLS["LUOTA_DATABASE_URL"]}, 0),
        ("bootstrap", {"LUOTA_REDIS_URL": URLS["LUOTA_REDIS_URL"]}, 2),
        ("rotate-encryption", {"LUOTA_DATABASE_URL": URLS["LUOTA_DATABASE_URL"]}, 2),
        ("dev", {}, 0),
    ],
)
def test_check_config_knows_what_each_command_needs(monkeypatch, capsys, purpose, env, code):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(["check-config", "--for", purpose]) == code
    assert bool(capsys.readouterr().err) is (code != 0)


@pytest.mark.parametrize("argv", [[], ["nope"], ["dev", "--http-port", "65536"], ["serve", "extra"], ["--nope"]])
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, argv):
    with pytest.raises(SystemExit) as exited:
        main(argv)
    assert exited.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert output.err.startswith("luota-svc: ")


def test_help_has_a_line_for_each_command_and_version_is_told():
    done = run("--help")
    assert done.returncode == 0
    for command in ("dev", "serve", "migrate", "bootstrap", "check-config"):
        assert f"\n    {command}" in done.stdout
    assert run("--version").stdout.startswith("luota-svc 0.")


def test_dev_has_the_published_defaults():
    args = build_parser().parse_args(["dev"])
    assert (str(args.state_dir), args.http_port, args.grpc_port) == (".luota", 8080, 50051)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (CommandFailed("the port is taken"), 1, "the port is taken"),
        (CommandFailed("no such thing", Exit.CONFIGURATION), 2, "no such thing"),
        (ValueError("postgresql://u:hush@h/d\nwfmn1.a.hush"), 1, "ValueError: postgresql://u:***@h/d"),
        (KeyboardInterrupt(), 1, "interrupted"),
    ],
)
def test_whatever_a_command_raises_is_told_in_words_without_secrets(monkeypatch, capsys, error, code, line):
    def fail(_args):
        raise error

    monkeypatch.setattr(check_config, "run", fail)
    assert main(["check-config"]) == code
    told = capsys.readouterr().err
    assert told.splitlines()[0] == f"luota-svc: {line}"
    assert "hush" not in told
    assert "Traceback" not in told


def test_a_reader_that_leaves_early_is_no_traceback():
    ours = ("LUOTA_", "OTEL_", "PYTHONUNBUFFERED")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "luota_svc", "check-config"],
        env={**clean, **KEYED},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_help_does_not_load_the_rooms():
    code = (
        "import sys; from luota_svc.cli import build_parser; build_parser().format_help();"
        "heavy = {'psycopg', 'redis', 'grpc', 'starlette', 'opentelemetry'};"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("command", "left_out"),
    [("serve", {"aiohttp", "aiosmtplib", "apprise", "jinja2"}), ("work", {"redis", "apprise", "luota_svc.app.build"})],
)
def test_a_command_loads_no_library_that_only_others_need(command, left_out):
    # Each costs every start of it up to a tenth of a second. What `serve` builds is asked for when it runs.
    code = f"import sys, luota_svc.cli.{command}, luota_svc.app.{'build' if command == 'serve' else 'work'}"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(sorted({left_out!r} & sys.modules.keys()))"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "[]"
