"""What the doors see of the service: one awaitable a method, under its full protobuf name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from google.protobuf.message import Message

from luota_svc.model.call import Call

Method = Callable[[Call, Message], Awaitable[Message]]


class Core(Protocol):
    """The service, wherever it runs."""

    @property
    def methods(self) -> Mapping[str, Method]:
        """Return `luota.v1.MonitorService/GetMonitor` -> method, for every method of the contract."""
        ...
