"""A `work` process as an operator meets it: what it says at its start, and what its metrics claim to know."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from tests.acceptance.processes import LUOTA, Running, eventually, running
from tests.servers import ENCRYPTION_KEY

OUTBOX = ("luota_delivery_oldest_due_seconds", "luota_deliveries_waiting", "luota_delivery_breakers{")


def settings(database_url: str, **env: str) -> dict[str, str]:
    return {
        "LUOTA_DATABASE_URL": database_url,
        "LUOTA_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "LUOTA_HTTP_LISTEN": "127.0.0.1:0",
        **env,
    }


def asked(worker: Running, path: str) -> tuple[int, str]:
    port = json.loads(worker.line(lambda line: '"starting"' in line))["http_port"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_worker_that_never_reached_postgresql_does_not_say_that_nothing_waits():
    nobody = "postgresql://luota@127.0.0.1:1/luota"
    with running([*LUOTA, "work"], settings(nobody)) as worker:
        status, page = asked(worker, "/metrics")
        assert (status, asked(worker, "/readyz")[0]) == (200, 503)
        assert "luota_build" in page
        assert not any(name in page for name in OUTBOX)


@pytest.mark.parametrize(("env", "warnings"), [({}, 1), ({"LUOTA_PUBLIC_URL": "https://luota.example"}, 0)])
def test_a_worker_shows_what_waits_and_says_once_that_its_links_lead_to_itself(database_url, env, warnings):
    with running([*LUOTA, "work"], settings(database_url, **env)) as worker:
        worker.line(lambda line: '"ready"' in line)
        eventually(lambda: all(f"\n{name}" in asked(worker, "/metrics")[1] for name in OUTBOX), 15, "the gauges")
        assert worker.stop() == 0
    told = [line for line in map(json.loads, worker.out) if line["event"] == "public_url_unset"]
    assert len(told) == warnings
    assert all("LUOTA_PUBLIC_URL: not set" in line["reason"] for line in told)
