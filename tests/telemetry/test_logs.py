"""Lines on stdout: JSON, with ids, without secrets, whoever logged them."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from contextvars import copy_context
from datetime import UTC, datetime

import pytest
from tests.telemetry.conftest import NOON

from luota_svc.telemetry.context import bind_ids
from luota_svc.telemetry.logs import configure_logging

TOKEN = "wfmn1.0190.HUSHHUSHHUSH"


def test_a_line_is_one_json_object_with_its_instant_level_event_and_extras(lines):
    out = lines()
    logging.getLogger("luota_svc.app").info("ready", extra={"port": 8080, "hosts": ["a"], "more": {"x": None}})
    (line,) = out.parsed()
    at = datetime.fromisoformat(line.pop("at"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert line == {
        "level": "info",
        "event": "ready",
        "logger": "luota_svc.app",
        "port": 8080,
        "hosts": ["a"],
        "more": {"x": None},
    }


def in_a_request(work):
    def run():
        bind_ids("req-1", "a" * 32)
        work()

    copy_context().run(run)


def test_lines_of_a_request_carry_its_ids_and_others_none(lines):
    out = lines()
    in_a_request(lambda: logging.getLogger("x").warning("inside"))
    logging.getLogger("x").warning("outside")
    inside, outside = out.parsed()
    assert (inside["request_id"], inside["trace_id"]) == ("req-1", "a" * 32)
    assert "request_id" not in outside


def test_an_extra_cannot_forge_the_fields_of_a_line(lines):
    out = lines()
    forged = {"level": "none", "event": "forged", "request_id": "forged"}
    in_a_request(lambda: logging.getLogger("x").info("event", extra=forged))
    (line,) = out.parsed()
    assert (line["level"], line["event"], line["request_id"]) == ("info", "event", "req-1")


def test_a_newline_in_a_message_stays_inside_its_line(lines):
    out = lines()
    logging.getLogger("x").info('one\n{"level":"forged"}')
    assert len(out.parsed()) == 1


@pytest.mark.parametrize(
    "name", ["uvicorn.error", "grpc", "asyncio", "psycopg", "redis", "luota_svc.app", "py.warnings"]
)
def test_no_loggers_lines_show_a_secret(lines, name):
    out = lines(secrets=["swordfish-7"])
    logging.getLogger(name).error(
        "refused %s from postgresql://u:HUSH@h/d", TOKEN, extra={"headers": {"authorization": "HUSH"}}
    )
    logging.getLogger(name).error("password swordfish-7", extra={"pair": [("x-luota-key", TOKEN)], TOKEN: 1})
    assert len(out.parsed()) == 2
    assert "HUSH" not in out.text()
    assert "swordfish" not in out.text()


def refuse() -> None:
    try:
        int(f"bad {TOKEN}")
    except ValueError as error:
        raise RuntimeError("postgresql://u:HUSH@h/d and swordfish-7") from error


def test_a_traceback_shows_no_secret(lines):
    out = lines(secrets=["swordfish-7"])
    try:
        refuse()
    except RuntimeError:
        logging.getLogger("x").exception("internal_error")
    (line,) = out.parsed()
    assert "RuntimeError" in line["error"]
    assert "ValueError" in line["error"]
    assert "HUSH" not in out.text()
    assert "swordfish" not in out.text()


def test_a_known_secret_with_quotes_and_unicode_is_taken_out(lines):
    secret = 'sé"cr\\et-ü'
    out = lines(secrets=[secret])
    logging.getLogger("x").error("told %s", secret)
    (line,) = out.parsed()
    assert line["event"] == "told ***"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_cannot_be_written_leaves_a_line_that_says_so(lines):
    out = lines()
    logging.getLogger("x").info("hello %s", Unprintable())
    logging.getLogger("x").info("surrogate \ud800 and %d", 2**80, extra={"big": 2**80})
    logging.getLogger("x").info(*("too few %s %s", 1))
    first, second, third = out.parsed()
    assert first["event"] == third["event"] == "log_line_failed"
    assert second["big"] == 2**80


def test_a_huge_message_is_cut(lines):
    out = lines()
    logging.getLogger("x").info("y" * 10_000_000)
    assert len(out.text()) < 20_000


def test_levels_below_the_chosen_are_silent(lines):
    out = lines("warning")
    logging.getLogger("x").info("quiet")
    out.logging.access.access(door="http", method="GET /", status="200", duration_ms=1.0, request_id="req-1")
    logging.getLogger("x").warning("loud")
    assert [line["event"] for line in out.parsed()] == ["loud"]


def test_uvicorns_own_access_line_does_not_stand_beside_ours(lines):
    out = lines("debug")
    logging.getLogger("uvicorn.access").info("GET /v1?x=secret")
    assert out.text() == ""


def test_closing_gives_the_loggers_back():
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn.access")
    before = (root.handlers[:], root.level, uvicorn.disabled)
    one = configure_logging("debug", now=lambda: NOON, stream=io.BytesIO())
    one.close()
    one.close()
    assert (root.handlers[:], root.level, uvicorn.disabled) == before


def test_an_access_line_tells_the_request_and_no_path(lines):
    out = lines()
    out.logging.access.access(
        door="http",
        method="POST /v1/runs/{runId}/fail",
        status="429",
        code="rate_limited",
        duration_ms=3.14159,
        request_id="req-1",
        trace_id="a" * 32,
        caller_request_id=TOKEN,
        source_address="10.0.0.1",
        workspace_id="w",
        monitor_id="m",
    )
    (line,) = out.parsed()
    assert line == {
        "at": "2026-05-25T12:00:00.123Z",
        "level": "info",
        "event": "access",
        "logger": "luota.access",
        "request_id": "req-1",
        "trace_id": "a" * 32,
        "door": "http",
        "method": "POST /v1/runs/{runId}/fail",
        "status": "429",
        "code": "rate_limited",
        "duration_ms": 3.142,
        "caller_request_id": "[redacted:token]",
        "source_address": "10.0.0.1",
        "workspace_id": "w",
        "monitor_id": "m",
    }


def test_a_terminal_gets_short_lines_without_secrets(lines):
    out = lines(human=True)
    out.logging.access.access(door="grpc", method="a/B", status="OK", duration_ms=1.0, request_id="req-1")
    logging.getLogger("x").error(TOKEN, extra={"port": 1})
    access, error = out.text().splitlines()
    assert access.endswith("grpc    a/B OK 1.0 ms req-1")
    assert error.endswith("error   [redacted:token] port=1")


def test_stdout_is_where_lines_go_by_default(capfdbinary, monkeypatch):
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    one = configure_logging("info", now=lambda: NOON)
    logging.getLogger("x").info("hello")
    one.close()
    assert json.loads(capfdbinary.readouterr().out)["event"] == "hello"


def test_an_access_line_costs_less_than_eight_microseconds(lines):
    out = lines()

    def round_of(count: int) -> float:
        began = time.thread_time()
        for _ in range(count):
            out.logging.access.access(
                door="http",
                method="POST /v1/runs/start",
                status="202",
                duration_ms=3.1,
                request_id="req-01HX0000000000000000000000",
                trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
                source_address="10.0.0.1",
            )
        return (time.thread_time() - began) / count

    assert min(round_of(1_000) for _ in range(5)) < 8e-6


@pytest.mark.parametrize(
    "secret", ['quo"ted-hush', "back\\slash-hush", "new\nline-hush", "plain-hush", "gr\u00fcn-hush"]
)
def test_a_known_secret_is_hidden_however_json_would_write_it(lines, secret):
    out = lines(secrets=[secret])
    logging.getLogger("x").info("told", extra={"more": {"said": [f"it was {secret}."]}})
    assert "hush" not in out.text()


def test_what_json_can_not_write_in_one_way_is_written_in_the_other_and_hidden_all_the_same(lines):
    out = lines(secrets=["gr\u00fcn-hush"])
    logging.getLogger("x").info("told \ud800", extra={"said": "gr\u00fcn-hush", "token_text": TOKEN})
    assert "hush" not in out.text().lower()
