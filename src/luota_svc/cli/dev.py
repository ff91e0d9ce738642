"""`luota-svc dev`: everything on this machine alone, a private PostgreSQL and Valkey too; nothing beyond loopback."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from luota_svc.app.build import build_with_workers
from luota_svc.cli import CommandFailed
from luota_svc.cli.serve import run_until_stopped, stop_signals
from luota_svc.clock import RealClock
from luota_svc.embedded import EmbeddedError, run_servers
from luota_svc.settings import Listen, load
from luota_svc.settings.values import read_encryption_keys
from luota_svc.store.migrations import MigrationError, migrate
from luota_svc.usecases.demo import Demo, ensure_demo

if TYPE_CHECKING:
    import argparse

    from luota_svc.app.build import Application
    from luota_svc.settings import Settings

_HOST = "127.0.0.1"
_READY_SECONDS = 30.0
_DEV_FILE = "dev.json"
_KEY_FILE = "encryption.key"


def run(args: argparse.Namespace) -> int:
    """Start it all, print how to try it, stop it all at Ctrl-C. The data stays in the state folder."""
    settings = (
        load(os.environ, dev=True)
        .with_doors(http_listen=Listen(_HOST, args.http_port), grpc_listen=Listen(_HOST, args.grpc_port))
        .with_dev(args.state_dir.absolute() / _DEV_FILE)
        .with_receivers_here()
    )
    _require_free("--http-port", args.http_port)
    _require_free("--grpc-port", args.grpc_port)
    try:
        # As root the private servers run as nobody, who must pass through but not look around.
        args.state_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"state folder {args.state_dir} can't be used: {error.strerror}") from error
    return uvloop.run(_dev(settings, args.state_dir))


def _require_free(option: str, port: int) -> None:
    """Say that a port is taken before the servers are started for nothing; the doors themselves bind it later."""
    try:
        with socket.create_server((_HOST, port)):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandFailed(f"port {port} is taken on {_HOST}; choose another with {option}") from error
        raise CommandFailed(f"cannot listen on {_HOST}:{port}: {error.strerror}") from error


async def _dev(settings: Settings, state_dir: Path) -> int:
    stop = stop_signals()
    async with AsyncExitStack() as stack:
        # A task beside the signal, for a cancellation alone may get lost: asyncio.wait_for swallows one that comes as
        # its own work ends (before Python 3.12).
        preparing = asyncio.create_task(_prepare(settings, state_dir, stack))
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({preparing, asked}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            preparing.cancel()
            await asyncio.wait({preparing})
            raise CommandFailed("interrupted")
        asked.cancel()
        announce = partial(_announce, state_dir)
        return await run_until_stopped(preparing.result(), build_with_workers, announce=announce, stop=stop)


async def _prepare(settings: Settings, state_dir: Path, stack: AsyncExitStack) -> Settings:
    """Start what is private and bring the database up to date; return the settings that point at it."""
    settings = _with_encryption_key(settings, state_dir / _KEY_FILE)
    try:
        settings = await _with_servers(settings, state_dir, stack)
        assert settings.database.url is not None
        await migrate(settings.database.url.reveal(), report=_say)
    except (EmbeddedError, MigrationError) as error:
        raise CommandFailed(str(error)) from error
    return settings


async def _with_servers(settings: Settings, state_dir: Path, stack: AsyncExitStack) -> Settings:
    """Point the settings at private servers, except where the operator named servers of their own."""
    database, redis = settings.database.url, settings.redis.url
    if database is not None:
        _say("LUOTA_DATABASE_URL is set: that database gets the schema, the demo workspace and an admin token")
    if database is not None and redis is not None:
        return settings
    servers = await stack.enter_async_context(run_servers(state_dir, log=_say))
    return settings.with_servers(
        database_url=database.reveal() if database else servers.database_url,
        redis_url=redis.reveal() if redis else servers.redis_url,
    )


def _with_encryption_key(settings: Settings, path: Path) -> Settings:
    """Seal secrets with the key in the state folder, made at the first start, where the operator brought none."""
    if settings.encryption.keys:
        return settings
    try:
        if not path.exists():
            _write_own(path, f"{RealClock().new_secret()}=\n")
        (key,) = read_encryption_keys(path.read_text())
    except OSError as error:
        raise CommandFailed(f"{path} can't be used: {error.strerror}") from error
    except ValueError as error:
        raise CommandFailed(f"{path} must hold one key; alert routes are lost where it is replaced") from error
    return settings.with_encryption_key(key.reveal())


def _say(line: str) -> None:
    print(f"luota-svc: {line}", file=sys.stderr, flush=True)


async def _announce(state_dir: Path, application: Application) -> None:
    """Fill the demo workspace, write dev.json, print what to paste."""
    if not await application.readiness.wait(_READY_SECONDS):
        raise CommandFailed("the database did not become ready")
    path = state_dir / _DEV_FILE
    at = application.installation
    demo = await ensure_demo(at, _kept_tokens(path))
    http_url = f"http://{_HOST}:{application.http_port}"
    grpc_target = f"{_HOST}:{application.grpc_port}"
    _write(path, {"httpUrl": http_url, "grpcTarget": grpc_target, **_public(demo)})
    print(_banner(http_url, grpc_target, state_dir, demo), flush=True)


def _kept_tokens(path: Path) -> frozenset[str]:
    """Return the tokens that an earlier start wrote: the database holds only their hashes."""
    try:
        known = json.loads(path.read_text())
        tokens = [known["workspaceKey"], known["operatorToken"], *(monitor["key"] for monitor in known["monitors"])]
    except (OSError, ValueError, LookupError, TypeError):
        return frozenset()
    return frozenset(token for token in tokens if isinstance(token, str))


def _public(demo: Demo) -> dict[str, Any]:
    return {
        "workspaceId": str(demo.workspace_id),
        "workspaceKey": demo.workspace_key,
        "operatorToken": demo.operator_token,
        "monitors": [
            {
                "id": str(monitor.id),
                "name": monitor.name,
                "kind": monitor.kind.value,
                "key": monitor.key,
            }
            for monitor in demo.monitors
        ],
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    _write_own(path, json.dumps(content, indent=2) + "\n")


def _write_own(path: Path, text: str) -> None:
    """Replace a file as a whole; what is in it is for its owner's eyes."""
    fresh = path.with_suffix(".tmp")
    fresh.touch(mode=0o600)
    fresh.chmod(0o600)
    fresh.write_text(text)
    fresh.replace(path)


def _banner(http_url: str, grpc_target: str, state_dir: Path, demo: Demo) -> str:
    monitor = next(entry for entry in demo.monitors if entry.kind == "run")
    run_id = f"try-{RealClock().now():%Y%m%d-%H%M%S}"
    key, bearer = f"-H 'X-Luota-Key: {monitor.key}'", f"-H 'Authorization: Bearer {demo.operator_token}'"
    start = json.dumps({"monitorId": monitor.slug, "externalRunId": run_id})
    finish = json.dumps({"monitorId": monitor.slug, "externalRunId": run_id, "exitCode": 1, "summary": "disk full"})
    return f"""
Luota is ready.

  inbox  {http_url}/inbox (every alert, as it comes)
  HTTP   {http_url}
  gRPC   {grpc_target}
  data   {state_dir} (kept; tokens in {state_dir / _DEV_FILE})

A job starts a run:
  curl -sS {http_url}/v1/runs/start {key} -d '{start}'

It fails, an incident opens, and the inbox shows the alert within 5 seconds:
  curl -sS {http_url}/v1/runs/finish {key} -d '{finish}'
While that incident stands, another failure is counted, and nobody is told anew. A run with "exitCode": 0 ends it.

What became of it:
  curl -sS '{http_url}/v1/monitors/{monitor.id}/runs?externalRunId={run_id}' {bearer}

Ctrl-C stops everything; the next start finds the data again.
"""
