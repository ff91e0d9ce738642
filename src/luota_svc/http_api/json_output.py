"""Messages of luota.v1 -> JSON values: every field in the contract's order, null where unset, words for enums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from google.protobuf import struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from msgspec import Raw

from luota_svc.http_api.json_words import enum_words, instant_text

Render = Callable[[Any], Any]

# Shown in the one answer that made it and never again: elsewhere not even its absence is shown.
_SHOWN_ONLY_WHEN_SET: Final = frozenset({"token"})
_TIMESTAMP: Final = "google.protobuf.Timestamp"
_STRUCT: Final = "google.protobuf.Struct"

_writers: Final[dict[str, MessageWriter]] = {}


def to_json(message: Message) -> dict[str, Any]:
    """Return the message as plain values in proto order, ready to encode."""
    return writer_of(cast("Descriptor", message.DESCRIPTOR)).write(message)


class MessageWriter:
    """Writes one kind of message; its fields' renderings are chosen once."""

    def __init__(self, descriptor: Descriptor) -> None:
        """Look at nothing yet: messages may hold one another."""
        self._descriptor = descriptor
        self._fields: list[tuple[FieldDescriptor, Render]] | None = None

    def write(self, message: Message) -> dict[str, Any]:
        """Return public name -> value."""
        if self._fields is None:
            self._fields = [(field, _render_of(field)) for field in self._descriptor.fields]
        values: dict[str, Any] = {}
        for field, render in self._fields:
            if field.has_presence and not message.HasField(field.name):
                if field.name not in _SHOWN_ONLY_WHEN_SET and _is_current_choice(field, message):
                    values[field.json_name] = None
            else:
                values[field.json_name] = render(getattr(message, field.name))
        return values


def writer_of(descriptor: Descriptor) -> MessageWriter:
    """Return the writer of a kind of message."""
    writer = _writers.get(descriptor.full_name)
    if writer is None:
        writer = _writers[descriptor.full_name] = MessageWriter(descriptor)
    return writer


def _is_current_choice(field: FieldDescriptor, message: Message) -> bool:
    """Tell whether an unset field is shown as null: always, but for the members of a real oneof that lost."""
    choice = field.containing_oneof
    return choice is None or len(choice.fields) == 1 or message.WhichOneof(choice.name) is None


def _render_of(field: FieldDescriptor) -> Render:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        render = _render_one(field.message_type.fields_by_name["value"])
        return lambda entries: {str(key): render(entries[key]) for key in sorted(entries)}
    render = _render_one(field)
    if field.is_repeated:
        return lambda values: [render(value) for value in values]
    return render


def _render_one(field: FieldDescriptor) -> Render:
    if field.enum_type is not None:
        return enum_words(field.enum_type).get  # the zero value says nothing: null
    if field.message_type is not None:
        return _render_message(field.message_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _raw_json
    return _as_it_is


def _render_message(descriptor: Descriptor) -> Render:
    if descriptor.full_name == _TIMESTAMP:
        return instant_text
    if descriptor.full_name == _STRUCT:
        return _plain_struct
    return writer_of(descriptor).write


def _as_it_is(value: Any) -> Any:
    return value


def _raw_json(text: bytes) -> Any:
    """Embed a kept payload as it was written; it was one JSON value when it came in."""
    return Raw(text) if text else None


def _plain_struct(struct: struct_pb2.Struct) -> Any:
    """Return a Struct's values; protobuf keeps every number as a double, whole ones are shown whole."""
    return _whole(MessageToDict(struct))


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(value[key]) for key in sorted(value)}  # protobuf's maps have no order of their own
    if isinstance(value, list):
        return [_whole(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
