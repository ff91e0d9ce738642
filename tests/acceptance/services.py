"""`luota-svc serve` as a process, and what an operator does with one: workspaces, monitors, keys."""

from __future__ import annotations

import json
import secrets
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.acceptance.calls import Caller
from tests.acceptance.processes import LUOTA, Running, environment, running
from tests.servers import ENCRYPTION_KEY
from tests.witness import Witness


def new_operator_token() -> str:
    """Return a token as an operator would make one."""
    return f"wfop1.{uuid.uuid4()}.{secrets.token_urlsafe(32)}"


@dataclass
class Monitor:
    """A monitor with a key of its own, seen through one door."""

    id: str
    key_id: str
    token: str
    job: Caller


class Admin:
    """The instance's admin, or the same in one workspace."""

    def __init__(self, caller: Caller, token: str, workspace_id: str = "") -> None:
        self.caller, self.token, self.workspace_id = caller, token, workspace_id

    def workspace(self, slug: str, **limits: int) -> Admin:
        """Make a workspace, with limits of its own if any are given."""
        made = self.made("/v1/workspaces", {"slug": slug, "name": slug, **({"limits": limits} if limits else {})})
        return Admin(self.caller, self.token, made["id"])

    def monitor(self, slug: str = "job", kind: str = "run", **settings: Any) -> Monitor:
        """Make a monitor of the workspace and a key for it alone."""
        content = {"slug": slug, "name": slug, "kind": kind, **settings}
        monitor = self.made(f"/v1/workspaces/{self.workspace_id}/monitors", content)
        key = self.made(f"/v1/monitors/{monitor['id']}/keys", {"name": "job"})
        return Monitor(monitor["id"], key["id"], key["token"], self.caller.seen_with(key=key["token"]))

    def made(self, path: str, content: Mapping[str, Any]) -> Any:
        """Make what must be made."""
        answer = self.caller.post(path, content)
        assert answer.status == 201, answer.text
        return answer.json

    def got(self, path: str) -> Any:
        """Get what must be there."""
        answer = self.caller.get(path)
        assert answer.status == 200, answer.text
        return answer.json


class Service:
    """One running `serve`."""

    def __init__(self, process: Running, witness: Witness, admin_token: str) -> None:
        self.process = process
        started = json.loads(process.line(lambda line: '"starting"' in line))
        self.url = f"http://127.0.0.1:{started['http_port']}"
        self.grpc_target = f"127.0.0.1:{started['grpc_port']}"
        self.anybody = Caller(self.url, witness)
        self.admin = Admin(self.anybody.seen_with(operator=admin_token), admin_token)

    def wait_ready(self) -> None:
        """Wait for the line that says so."""
        self.process.line(lambda line: '"event":"ready"' in line)

    def log(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one event, so far."""
        return [line for text in list(self.process.out) if (line := json.loads(text))["event"] == event]

    def grpc_health(self) -> str:
        """Ask as a gRPC probe does."""
        with grpc.insecure_channel(self.grpc_target) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


@contextmanager
def serving(
    witness: Witness,
    database_url: str,
    redis_url: str,
    env: Mapping[str, str] | None = None,
    *,
    admin: Admin | None = None,
    ready: bool = True,
) -> Iterator[Service]:
    """Run `serve` on free ports with an admin that it finds in a file; ends cleanly unless the test ended it."""
    token = admin.token if admin else new_operator_token()
    witness.uses(token)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"{token}\n")
        file.flush()
        with running([*LUOTA, "serve"], settings(database_url, redis_url, file.name) | dict(env or {})) as process:
            try:
                service = Service(process, witness, token)
                if ready:
                    service.wait_ready()
                yield service
                if process.process.poll() is None:
                    assert process.stop() == 0, process.said()
            finally:
                witness.hears("serve", [*process.out, *process.err])


def settings(database_url: str, redis_url: str, token_file: str | Path) -> dict[str, str]:
    """Return the settings of a `serve` that takes whatever ports are free."""
    return {
        "LUOTA_DATABASE_URL": database_url,
        "LUOTA_REDIS_URL": redis_url,
        "LUOTA_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "LUOTA_HTTP_LISTEN": "127.0.0.1:0",
        "LUOTA_GRPC_LISTEN": "127.0.0.1:0",
        "LUOTA_BOOTSTRAP_TOKEN_FILE": str(token_file),
    }


def luota(command: str, env: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run one of the commands that end by themselves."""
    return subprocess.run(
        [*LUOTA, command, *options], env=environment(env), capture_output=True, text=True, timeout=60, check=False
    )
