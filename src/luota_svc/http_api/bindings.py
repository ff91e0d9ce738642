"""Which verb and path stand for which method of luota.v1, as the `google.api.http` options say."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import luota.v1

_VERBS: Final = ("get", "put", "post", "delete", "patch")
_VARIABLE: Final = re.compile(r"\{([a-z_.]+)\}")
# What a path may name that is no id: a request is looked up by its caller's own word too.
_TEXTS: Final = frozenset({"request_id"})


@dataclass(frozen=True, slots=True)
class Binding:
    """One verb and path of one method, as its HTTP rule says. `variables`: name in the route -> path of the field."""

    rpc: str
    verb: str
    path: str
    template: str
    variables: Mapping[str, str]
    body: str
    request: type[Message]
    success: int
    streaming: bool


def bindings() -> Iterator[Binding]:
    """Yield every binding of every service in luota.v1, in the order of the files."""
    for service in services():
        for method in service.methods:
            yield from _bindings_of(method)


def services() -> Iterator[ServiceDescriptor]:
    """Yield every service of luota.v1, whichever file it stands in."""
    for module in sorted(info.name for info in pkgutil.iter_modules(luota.v1.__path__)):
        if not module.endswith("_pb2"):
            continue
        file = importlib.import_module(f"luota.v1.{module}").DESCRIPTOR
        yield from file.services_by_name.values()


def _bindings_of(method: MethodDescriptor) -> Iterator[Binding]:
    rule: HttpRule = method.GetOptions().Extensions[annotations_pb2.http]
    if not rule.WhichOneof("pattern"):
        return
    for each in (rule, *rule.additional_bindings):
        yield _binding(method, each)


def _binding(method: MethodDescriptor, rule: HttpRule) -> Binding:
    verb = rule.WhichOneof("pattern")
    assert verb in _VERBS, f"{method.full_name}: an HTTP rule of a kind that is not built here"
    template: str = getattr(rule, verb)
    variables = {f"p{index}": path for index, path in enumerate(_VARIABLE.findall(template))}
    path = template
    for name, field in variables.items():
        kind = "" if field in _TEXTS else ":id"
        path = path.replace(f"{{{field}}}", f"{{{name}{kind}}}")
    assert method.containing_service is not None
    request: Descriptor = method.input_type
    return Binding(
        rpc=f"{method.containing_service.full_name}/{method.name}",
        verb=verb.upper(),
        path=path,
        template=_VARIABLE.sub(lambda match: f"{{{_camel(match[1])}}}", template),
        variables=variables,
        body=rule.body,
        request=GetMessageClass(request),
        success=201 if method.name.startswith("Create") else 200,
        streaming=method.server_streaming,
    )


def _camel(path: str) -> str:
    head, *rest = path.split("_")
    return head + "".join(word.capitalize() for word in rest)
