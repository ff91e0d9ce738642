"""Workspaces: message -> model words -> use case -> message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from luota.v1 import workspace_service_pb2 as rpc
from luota.v1 import workspaces_pb2 as pb
from luota_svc.core.convert import idempotency_of, masked_paths, path_id, timestamp
from luota_svc.core.paging import next_token, slug_ask
from luota_svc.model.call import Call
from luota_svc.model.workspaces import Workspace, WorkspaceSettings
from luota_svc.rules.slugs import slug_of
from luota_svc.usecases import workspaces
from luota_svc.usecases.installation import Installation

_LIMITS: Final = {
    "monitor_token_minute": "limit_monitor_token_minute",
    "monitor_token_hour": "limit_monitor_token_hour",
    "workspace_minute": "limit_workspace_minute",
}
_MASK: Final = {
    "slug": ("slug",),
    "name": ("name",),
    "limits": tuple(_LIMITS.values()),
    **{f"limits.{name}": (setting,) for name, setting in _LIMITS.items()},
}
_DERIVED: Final = frozenset({"id", "created_at", "updated_at", "version"})


async def create_workspace(at: Installation, call: Call, request: rpc.CreateWorkspaceRequest) -> pb.Workspace:
    """Make one; a missing slug is made from the name, a missing name is the slug."""
    wanted = _settings(request.workspace)
    settings = replace(wanted, slug=wanted.slug or slug_of(wanted.name), name=wanted.name or wanted.slug)
    workspace = await workspaces.create_workspace(at, call, settings, idempotency_of(call, request))
    return workspace_message(workspace)


async def get_workspace(at: Installation, call: Call, request: rpc.GetWorkspaceRequest) -> pb.Workspace:
    """Read one."""
    return workspace_message(await workspaces.get_workspace(at, call, path_id(request.workspace_id)))


async def list_workspaces(
    at: Installation, call: Call, request: rpc.ListWorkspacesRequest
) -> rpc.ListWorkspacesResponse:
    """List those that one may see, by slug."""
    page = await workspaces.list_workspaces(at, call, slug_ask(request))
    return rpc.ListWorkspacesResponse(
        workspaces=[workspace_message(workspace) for workspace in page.items],
        next_page_token=next_token(request, page.next),
    )


async def update_workspace(at: Installation, call: Call, request: rpc.UpdateWorkspaceRequest) -> pb.Workspace:
    """Change what the mask names."""
    named = masked_paths(request.update_mask, _MASK, _DERIVED)
    wanted = _settings(request.workspace)
    changes: dict[str, Any] = {setting: getattr(wanted, setting) for setting in named}
    workspace = await workspaces.update_workspace(
        at, call, path_id(request.workspace_id), changes, request.workspace.version or None
    )
    return workspace_message(workspace)


def workspace_message(workspace: Workspace) -> pb.Workspace:
    """Return a workspace as operators read it."""
    settings = workspace.settings
    return pb.Workspace(
        id=str(workspace.id),
        slug=settings.slug,
        name=settings.name,
        limits=pb.IngestLimits(**{name: getattr(settings, setting) for name, setting in _LIMITS.items()}),
        created_at=timestamp(workspace.created_at),
        updated_at=timestamp(workspace.updated_at),
        version=workspace.version,
    )


def _settings(message: pb.Workspace) -> WorkspaceSettings:
    limits = message.limits
    return WorkspaceSettings(
        slug=message.slug,
        name=message.name,
        **{setting: getattr(limits, name) if limits.HasField(name) else None for name, setting in _LIMITS.items()},
    )
