"""The bounds of a workspace's settings."""

from __future__ import annotations

from typing import Final

from luota_svc.model.errors import FieldProblem
from luota_svc.model.workspaces import WorkspaceSettings
from luota_svc.rules.monitor_settings import slug_problems

NAME_CHARACTERS_MAX: Final = 100
# What the database's integers hold; nobody needs more tokens than this.
LIMIT_MAX: Final = 1_000_000_000


def workspace_problems(settings: WorkspaceSettings) -> list[FieldProblem]:
    """Return everything that is wrong, in the public spelling; none where the settings can be kept."""
    problems = slug_problems(settings.slug)
    if (problem := name_problem(settings.name)) is not None:
        problems.append(FieldProblem("name", problem))
    limits = {
        "limits.monitorTokenMinute": settings.limit_monitor_token_minute,
        "limits.monitorTokenHour": settings.limit_monitor_token_hour,
        "limits.workspaceMinute": settings.limit_workspace_minute,
    }
    for field, limit in limits.items():
        if limit is not None and not 0 <= limit <= LIMIT_MAX:
            problems.append(FieldProblem(field, f"must be 0 (no limit) to {LIMIT_MAX}"))
    return problems


def name_problem(name: str) -> str | None:
    """Return what is wrong with a name for people, in words, or None."""
    if not name.strip():
        return "is required"
    return None if len(name) <= NAME_CHARACTERS_MAX else f"must be at most {NAME_CHARACTERS_MAX} characters"
