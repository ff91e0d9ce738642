"""Where and how incidents of which monitors are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from luota_svc.model.monitors import Severity


class RouteKind(StrEnum):
    """By which provider a route tells."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    ALERTMANAGER = "alertmanager"
    # The many others, through one library that speaks to them (docs/adr).
    APPRISE = "apprise"
    # Of `dev` alone: kept and shown on a page.
    INBOX = "inbox"


class RouteState(StrEnum):
    """Whether a route may be trusted (docs/states.md)."""

    # Nothing was ever delivered through it, as it is now.
    UNPROVEN = "unproven"
    PROVEN = "proven"
    # The last attempt failed, and another will be made.
    RETRYING = "retrying"
    # A provider said that it will never take anything there; one attempt is made for each delivery until one succeeds.
    BROKEN = "broken"


# What a route's target holds, by kind; as it is encrypted. Every member is text unless it says otherwise.
#   webhook       url, secret (optional), previousSecret and previousSecretUntil (RFC 3339; while both are accepted)
#   email         to: list of addresses
#   slack         url
#   pagerduty     routingKey, webhookSecret (optional: what its own webhooks are signed with), region (us, eu; optional)
#   alertmanager  url (up to the host, or with a path prefix), username and password, or bearerToken (optional)
#   apprise       url (Apprise's own)
#   inbox         nothing
Target = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """What routing needs of a route: no target, no secret. Empty `monitor_ids` means all of the workspace."""

    id: UUID
    workspace_id: UUID
    monitor_ids: frozenset[UUID]
    min_severity: Severity
    after_seconds: int
    fallback: bool
    enabled: bool
    destination: bytes
    # Made by a drill: told of the drill's monitor, which is told to no other route.
    drill: bool = False


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """What an operator decides about a route, its target apart."""

    name: str
    kind: RouteKind
    monitor_ids: frozenset[UUID] = frozenset()
    min_severity: Severity = Severity.INFO
    fallback: bool = False
    after_seconds: int = 0
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """A route as it stands. `shown` is its target for people's eyes: nothing in it is secret."""

    id: UUID
    workspace_id: UUID
    settings: RouteSettings
    shown: Target
    state: RouteState
    last_delivered_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    version: int
