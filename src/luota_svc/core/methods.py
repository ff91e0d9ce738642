"""What the doors see of the service: one awaitable a method, under its full protobuf name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message

from luota_svc.model.call import Call

Method = Callable[[Call, Message], Awaitable[Message]]
