"""The service in this process: composes the methods of every noun over the use cases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.message import Message

from luota_svc.core import workspaces
from luota_svc.core.convert import refuse_nul
from luota_svc.core.methods import Method
from luota_svc.model.call import Call
from luota_svc.usecases.installation import Installation

Managed = Callable[[Installation, Call, Any], Awaitable[Message]]

MANAGEMENT: Final[Mapping[str, Managed]] = {
    "luota.v1.WorkspaceService/CreateWorkspace": workspaces.create_workspace,
    "luota.v1.WorkspaceService/GetWorkspace": workspaces.get_workspace,
    "luota.v1.WorkspaceService/ListWorkspaces": workspaces.list_workspaces,
    "luota.v1.WorkspaceService/UpdateWorkspace": workspaces.update_workspace,
}


class LocalCore:
    """Every method of the contract, answered from this process's own database."""

    def __init__(self, installation: Installation, *, ingest: Mapping[str, Method]) -> None:
        """Compose; `ingest` brings the methods of luota.v1.IngestService, which share a batch."""
        managed = {name: _bind(installation, method) for name, method in MANAGEMENT.items()}
        self._methods = MappingProxyType({**managed, **ingest})

    @property
    def methods(self) -> Mapping[str, Method]:
        """Return `luota.v1.MonitorService/GetMonitor` -> method."""
        return self._methods


def _bind(installation: Installation, managed: Managed) -> Method:
    async def method(call: Call, request: Message) -> Message:
        refuse_nul(request)
        return await managed(installation, call, request)

    return method
