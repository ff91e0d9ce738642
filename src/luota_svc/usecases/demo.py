"""What `dev` finds ready: a workspace, a monitor of each kind, a route, keys, an admin. Made where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from luota_svc.clock import Clock
from luota_svc.model.errors import Missing
from luota_svc.model.keys import KeyFacts, Token
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.pages import Ask
from luota_svc.model.routes import RouteKind, RouteSettings
from luota_svc.model.workspaces import WorkspaceSettings
from luota_svc.rules.ingest_key import (
    MONITOR,
    OPERATOR,
    WORKSPACE,
    format_token,
    hash_secret,
    parse_token,
    secret_matches,
)
from luota_svc.rules.route_targets import destination_of, manners_of, shown_target
from luota_svc.store import keys, monitors, routes, workspaces
from luota_svc.store.database import Unit
from luota_svc.store.routes import Sealed
from luota_svc.usecases.bootstrap import BootstrapOutcome, ensure_operator
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import found
from luota_svc.usecases.routes import ROUTES_MAX

_WORKSPACE: Final = WorkspaceSettings("demo", "Demo")
_MONITORS: Final = (
    MonitorSettings(
        slug="nightly-backup",
        name="Nightly backup",
        kind=MonitorKind.RUN,
        schedule_cron="0 2 * * *",
        promise="The backup of the day before is complete by morning.",
    ),
    MonitorSettings(
        slug="queue-worker",
        name="Queue worker",
        kind=MonitorKind.HEARTBEAT,
        interval_seconds=300,
        promise="Messages are taken within five minutes.",
    ),
    MonitorSettings(
        slug="price-feed",
        name="Price feed",
        kind=MonitorKind.FRESHNESS,
        max_age_seconds=3_600,
        promise="Prices are never older than an hour.",
    ),
)


@dataclass(frozen=True, slots=True)
class DemoMonitor:
    """A demo monitor with a token that may report on it."""

    id: UUID
    slug: str
    name: str
    kind: MonitorKind
    key: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo holds, tokens included; only hashes are in the database, so the caller keeps this and shows it."""

    workspace_id: UUID
    workspace_key: str
    operator_token: str
    monitors: tuple[DemoMonitor, ...]


async def ensure_demo(at: Installation, kept_tokens: frozenset[str] = frozenset()) -> Demo:
    """Make what is missing and return all of it; of the kept tokens those that are still accepted go on."""
    kept = [token for text in sorted(kept_tokens) if (token := parse_token(text)) is not None]
    clock = at.clock
    async with at.database.unit() as unit:
        workspace_id = await _workspace(unit, clock)
        await _inbox_route(at, unit, workspace_id)
        made = [await _monitor(unit, clock, workspace_id, settings, kept) for settings in _MONITORS]
        return Demo(
            workspace_id=workspace_id,
            workspace_key=await _key(unit, clock, workspace_id, None, kept),
            operator_token=await _operator(unit, clock, kept),
            monitors=tuple(made),
        )


async def _workspace(unit: Unit, clock: Clock) -> UUID:
    workspace = await workspaces.find(unit, _WORKSPACE.slug)
    if workspace is not None:
        return workspace.id
    workspace_id = clock.new_id()
    await workspaces.insert(unit, workspace_id, _WORKSPACE, clock.now())
    return workspace_id


async def _inbox_route(at: Installation, unit: Unit, workspace_id: UUID) -> None:
    """Let the inbox be told of everything, so that the first alert needs no outside account."""
    standing = await routes.page(unit, workspace_id, Ask(ROUTES_MAX))
    if any(route.settings.kind is RouteKind.INBOX for route in standing.items):
        return
    kind, target = RouteKind.INBOX, dict[str, str]()
    sealed = Sealed(at.vault.seal(target), shown_target(kind, target), destination_of(kind, target))
    per_second, paced = manners_of(kind)
    await routes.keep_destination(unit, workspace_id, sealed.destination, per_second=per_second, paced=paced)
    settings = RouteSettings("Development inbox", kind)
    await routes.insert(unit, at.clock.new_id(), workspace_id, settings, sealed, at.clock.now())


async def _monitor(
    unit: Unit, clock: Clock, workspace_id: UUID, settings: MonitorSettings, kept: list[Token]
) -> DemoMonitor:
    monitor = await monitors.find(unit, workspace_id, settings.slug, clock.now())
    if monitor is None:
        await monitors.insert(unit, clock.new_id(), workspace_id, settings, clock.now())
        monitor = found(await monitors.find(unit, workspace_id, settings.slug, clock.now()), Missing.MONITOR)
    key = await _key(unit, clock, workspace_id, monitor.id, kept)
    return DemoMonitor(monitor.id, settings.slug, monitor.settings.name, monitor.settings.kind, key)


async def _key(unit: Unit, clock: Clock, workspace_id: UUID, monitor_id: UUID | None, kept: list[Token]) -> str:
    prefix = WORKSPACE if monitor_id is None else MONITOR
    for token in kept:
        facts = await keys.alive_facts(unit, token.key_id) if token.prefix == prefix else None
        if facts is None or (facts.workspace_id, facts.monitor_id) != (workspace_id, monitor_id):
            continue
        if secret_matches(token.secret, facts.secret_hash):
            return format_token(prefix, token.key_id, token.secret)
    key_id, secret = clock.new_id(), clock.new_secret()
    facts = KeyFacts(key_id, workspace_id, monitor_id, hash_secret(secret))
    await keys.insert(unit, facts, name="demo", expires_at=None, now=clock.now())
    return format_token(prefix, key_id, secret)


async def _operator(unit: Unit, clock: Clock, kept: list[Token]) -> str:
    new = Token(OPERATOR, clock.new_id(), clock.new_secret())
    for token in [*(token for token in kept if token.prefix == OPERATOR), new]:
        if await ensure_operator(unit, clock, token, "demo") is not BootstrapOutcome.ENDED:
            return format_token(OPERATOR, token.key_id, token.secret)
    raise AssertionError("a new token has not ended")
