"""Where and how incidents of which monitors are told."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from luota_svc.model.monitors import Severity


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
