"""What the doors see of the service: one awaitable a method, one generator a stream, under full protobuf names."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable

from google.protobuf.message import Message

from luota_svc.model.call import Call

Method = Callable[[Call, Message], Awaitable[Message]]

# Answers with many messages, until whoever listens closes it. Its first comes as soon as the call is let in.
Stream = Callable[[Call, Message], AsyncGenerator[Message, None]]
