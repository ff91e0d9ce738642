"""A workspace with monitors, keys and operators of its own, and a strange one beside it: where one case plays."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from luota_svc.clock import RealClock
from luota_svc.rules.ingest_key import MONITOR, OPERATOR, WORKSPACE, format_token, hash_secret

_clock = RealClock()
_numbers = itertools.count(1)


@dataclass
class Scene:
    """What a case's words stand for: `{run_monitor}` in a path, a body or an answer is `values["run_monitor"]`."""

    values: dict[str, str]

    def tokens(self) -> set[str]:
        return {value for value in self.values.values() if value.startswith(("wfmn1.", "wfws1.", "wfop1."))}

    def fill(self, text: str) -> str:
        for word, value in self.values.items():
            text = text.replace("{" + word + "}", value)
        return text


def make_scene(database: psycopg.Connection[Any]) -> Scene:
    """Insert a scene. Straight into the tables, so that ingest is proven whatever management does."""
    number = next(_numbers)
    house = _workspace(database, f"house-{number}")
    stranger = _workspace(database, f"stranger-{number}")
    run_monitor = _monitor(database, house, "nightly-import", "run")
    heart_monitor = _monitor(database, house, "worker-alive", "heartbeat")
    strange_monitor = _monitor(database, stranger, "elsewhere", "run")
    ids = {
        "workspace": house,
        "strange_workspace": stranger,
        "run_monitor": run_monitor,
        "heart_monitor": heart_monitor,
        "strange_monitor": strange_monitor,
        "nobody": _clock.new_id(),
    }
    tokens = {
        "workspace_key": _key(database, house, None),
        "run_key": _key(database, house, run_monitor),
        "heart_key": _key(database, house, heart_monitor),
        "strange_key": _key(database, stranger, None),
        "revoked_key": _key(database, house, None, revoked=True),
        "expired_key": _key(database, house, None, expired=True),
        "unknown_key": format_token(WORKSPACE, _clock.new_id(), _clock.new_secret()),
        "viewer": _operator(database, "viewer", house),
        "operator": _operator(database, "operator", house),
        "admin": _operator(database, "admin", house),
        "root": _operator(database, "admin", None),
        "strange_admin": _operator(database, "admin", stranger),
    }
    token = tokens["workspace_key"]
    tokens["wrong_secret"] = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    tokens["wrong_prefix"] = token.replace(f"{WORKSPACE}.", f"{MONITOR}.")
    words = {"number": str(number), "address": f"198.51.{number // 250}.{number % 250 + 1}"}
    return Scene({**{name: str(value) for name, value in ids.items()}, **tokens, **words})


def _workspace(database: psycopg.Connection[Any], slug: str) -> UUID:
    workspace_id = _clock.new_id()
    database.execute(
        "INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (%s, %s, %s, now(), now())",
        (workspace_id, slug, slug),
    )
    return workspace_id


def _monitor(database: psycopg.Connection[Any], workspace_id: UUID, slug: str, kind: str) -> UUID:
    monitor_id = _clock.new_id()
    database.execute(
        """
        INSERT INTO monitors (id, workspace_id, slug, name, kind, grace_seconds, failure_threshold, recovery_threshold,
                              remind_every_seconds, severity, owner, runbook_url, environment, promise, tags,
                              created_at, updated_at)
        VALUES (%s, %s, %s, %s, %s, 300, 1, 1, 0, 'error', '', '', '', '', '{}', now(), now())
        """,
        (monitor_id, workspace_id, slug, slug, kind),
    )
    return monitor_id


def _key(
    database: psycopg.Connection[Any],
    workspace_id: UUID,
    monitor_id: UUID | None,
    *,
    revoked: bool = False,
    expired: bool = False,
) -> str:
    key_id, secret = _clock.new_id(), _clock.new_secret()
    database.execute(
        """
        INSERT INTO ingest_keys (id, workspace_id, monitor_id, name, secret_hash, created_at, revoked_at, expires_at)
        VALUES (%s, %s, %s, '', %s, now(), CASE WHEN %s THEN now() END,
                CASE WHEN %s THEN now() - interval '1 second' END)
        """,
        (key_id, workspace_id, monitor_id, hash_secret(secret), revoked, expired),
    )
    return format_token(WORKSPACE if monitor_id is None else MONITOR, key_id, secret)


def _operator(database: psycopg.Connection[Any], role: str, workspace_id: UUID | None) -> str:
    token_id, secret = _clock.new_id(), _clock.new_secret()
    database.execute(
        "INSERT INTO operator_tokens (id, name, role, workspace_id, secret_hash, created_at)"
        " VALUES (%s, %s, %s, %s, %s, now())",
        (token_id, role, role, workspace_id, hash_secret(secret)),
    )
    return format_token(OPERATOR, token_id, secret)
