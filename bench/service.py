"""The real service under measurement: migrated, bootstrapped, served and set up as an operator would do it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg

from bench.messages import Target
from bench.programs import Program
from luota_svc.embedded import Servers

_READY_SECONDS = 30.0
_WORKSPACES = 4
# Raised, never off: what is measured spends and stores every token.
_LIMITS = {
    f"LUOTA_LIMIT_{name}": "100000000"
    for name in ("MONITOR_TOKEN_MINUTE", "MONITOR_TOKEN_HOUR", "WORKSPACE_MINUTE", "SOURCE_IP_MINUTE")
}


class Service(Program):
    """`luota-svc serve` with telemetry at its defaults; its log goes to a file, as a container's would."""

    def __init__(self, servers: Servers, folder: Path, *, profile: Path | None = None) -> None:
        self.port, self.grpc_port = _free_port(), _free_port()
        self.operator_token = f"wfop1.{uuid.uuid4()}.{secrets.token_urlsafe(32)}"
        self.database_url = servers.database_url
        token_file = folder / "operator-token"
        token_file.write_text(self.operator_token)
        token_file.chmod(0o600)
        self.settings = _LIMITS | {
            "LUOTA_DATABASE_URL": servers.database_url,
            "LUOTA_REDIS_URL": servers.redis_url,
            "LUOTA_ENCRYPTION_KEYS": f"{secrets.token_urlsafe(32)}=",
            "LUOTA_HTTP_LISTEN": f"127.0.0.1:{self.port}",
            "LUOTA_GRPC_LISTEN": f"127.0.0.1:{self.grpc_port}",
            "LUOTA_BOOTSTRAP_TOKEN_FILE": str(token_file),
        }
        program = ["-m", "bench.profiled", str(profile)] if profile else ["-m", "luota_svc"]
        super().__init__([*program, "serve"], self.settings, folder / "serve.log")

    def __enter__(self) -> Self:
        self._command("migrate")
        self._command("bootstrap")
        super().__enter__()
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make_targets(self, monitors: int, kind: str) -> list[Target]:
        """Make `monitors` monitors of a kind in a few workspaces, each reported to with its workspace's key."""
        targets = []
        with self._operator() as call:
            for number in range(min(_WORKSPACES, monitors)):
                slug = f"bench-{kind}-{number}-{secrets.token_hex(4)}"
                workspace = call("/v1/workspaces", {"slug": slug, "name": slug})["id"]
                token = call(f"/v1/workspaces/{workspace}/keys", {"name": "bench"})["token"]
                for index in range(number, monitors, _WORKSPACES):
                    settings = {"slug": f"job-{index}", "name": f"Job {index}", "kind": kind}
                    monitor = call(f"/v1/workspaces/{workspace}/monitors", settings)
                    targets.append(Target(monitor["id"], token))
        return targets

    def rows(self) -> dict[str, int]:
        """Count what the service has kept: signals by type, runs, incidents."""
        with psycopg.connect(self.database_url) as connection:
            signals = connection.execute("SELECT type, count(*) FROM signals GROUP BY type").fetchall()
            counts = {f"signals.{kind}": count for kind, count in signals}
            for table in ("runs", "incidents"):
                row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                counts[table] = row[0] if row else 0
        return counts

    def toggle_profile(self) -> None:
        """Begin or end the profile of a service that was made with one."""
        self.process.send_signal(signal.SIGUSR1)

    def _command(self, name: str) -> None:
        arguments = [sys.executable, "-m", "luota_svc", name]
        subprocess.run(arguments, env=os.environ | self.settings, stdout=subprocess.DEVNULL, check=True, timeout=60)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == http.client.OK:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        assert self._log
        raise RuntimeError(f"luota-svc serve is not ready; the end of its log:\n{self._log.read_text()[-2000:]}")

    @contextmanager
    def _operator(self) -> Iterator[Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {self.operator_token}", "Content-Type": "application/json"}

        def call(path: str, body: dict[str, Any]) -> dict[str, Any]:
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status >= http.client.BAD_REQUEST:
                raise RuntimeError(f"POST {path}: {response.status} {answer.decode()}")
            return dict(json.loads(answer))

        yield call
        connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
