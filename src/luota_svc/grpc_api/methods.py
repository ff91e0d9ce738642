"""Which methods this door serves: read from the descriptors of luota.v1 and bound to core. No transport."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import luota.v1
from luota_svc.core.methods import Method, Stream

INGEST_SERVICE: Final = "luota.v1.IngestService"
SIGNAL_BYTES_MAX: Final = 64 * 1024
# A batch, and a management call: nothing that an operator sends is larger.
REQUEST_BYTES_MAX: Final = 1024 * 1024
# What the metadata `idempotency-key` fills where the request leaves it empty: creates have the one, a ping the other.
_KEY_FIELDS: Final = ("idempotency_key", "signal_id")


class ContractBroken(Exception):
    """The descriptors and the methods of core do not name the same things. The process must not start."""


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """One method of the contract with what carries it out. `name` is `luota.v1.IngestService/StartRun`."""

    name: str
    parse: Callable[[bytes], Message]
    call: Method
    size_max: int
    key_field: str | None
    ingest: bool
    batch: bool


@dataclass(frozen=True, slots=True)
class BoundStream:
    """One method that answers with a stream, with what carries it out."""

    name: str
    parse: Callable[[bytes], Message]
    open: Stream
    size_max: int = REQUEST_BYTES_MAX


@cache
def contract_services() -> tuple[ServiceDescriptor, ...]:
    """Return every service of package luota.v1, in order of name."""
    modules = [
        importlib.import_module(f"{luota.v1.__name__}.{found.name}")
        for found in pkgutil.iter_modules(luota.v1.__path__)
        if found.name.endswith("_pb2")
    ]
    services = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    return tuple(sorted(services, key=lambda service: service.full_name))


def bind_methods(methods: Mapping[str, Method]) -> tuple[BoundMethod, ...]:
    """Pair every method that answers once with its implementation; ContractBroken where either stands alone."""
    described = _described(streaming=False)
    _compare(described, methods)
    return tuple(_bind(name, method, methods[name]) for name, method in described.items())


def bind_streams(streams: Mapping[str, Stream]) -> tuple[BoundStream, ...]:
    """Pair every method that answers with a stream with its own; ContractBroken where either stands alone."""
    described = _described(streaming=True)
    _compare(described, streams)
    return tuple(
        BoundStream(name, GetMessageClass(method.input_type).FromString, streams[name])
        for name, method in described.items()
    )


def _described(*, streaming: bool) -> dict[str, MethodDescriptor]:
    described = {
        f"{service.full_name}/{method.name}": method for service in contract_services() for method in service.methods
    }
    if any(method.client_streaming for method in described.values()):
        raise ContractBroken("streams from a client are not served")
    return {name: method for name, method in described.items() if method.server_streaming is streaming}


def _compare(described: Mapping[str, MethodDescriptor], given: Mapping[str, object]) -> None:
    missing = sorted(described.keys() - given.keys())
    if missing:
        raise ContractBroken(f"in luota.v1 but not implemented: {', '.join(missing)}")
    unknown = sorted(given.keys() - described.keys())
    if unknown:
        raise ContractBroken(f"implemented but not in luota.v1: {', '.join(unknown)}")


def _bind(name: str, method: MethodDescriptor, call: Method) -> BoundMethod:
    fields = method.input_type.fields_by_name
    ingest = name.startswith(f"{INGEST_SERVICE}/")
    batch = ingest and "signals" in fields
    return BoundMethod(
        name=name,
        parse=GetMessageClass(method.input_type).FromString,
        call=call,
        size_max=SIGNAL_BYTES_MAX if ingest and not batch else REQUEST_BYTES_MAX,
        key_field=next((field for field in _KEY_FIELDS if field in fields), None),
        ingest=ingest,
        batch=batch,
    )
