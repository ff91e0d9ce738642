"""JSON values and query texts -> fields of luota.v1's messages. Unknown keys are refused: a typo must not be silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from luota_svc.http_api.body_reader import in_words
from luota_svc.http_api.json_words import enum_prefix, enum_words
from luota_svc.model.errors import FieldProblem

_TIMESTAMP: Final = "google.protobuf.Timestamp"
_MASK: Final = "google.protobuf.FieldMask"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = "must be an RFC 3339 instant with a time zone, such as 2026-05-25T12:00:00Z"
_INTEGER_BITS: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class _Wrong(Exception):
    """A value does not fit its field; says why, as a predicate."""


def fill(message: Message, values: dict[str, Any], path: str = "") -> list[FieldProblem]:
    """Set the message's fields from a JSON object and return what did not fit. null leaves a field unset."""
    problems: list[FieldProblem] = []
    fields = _fields_of(message)
    for name, value in values.items():
        where = f"{path}{name}"
        field = fields.get(name)
        if field is None:
            problems.append(FieldProblem(where, "is not known here"))
        elif value is not None:
            problems += _set_field(message, field, value, where)
    return problems


def set_from_text(message: Message, name: str, texts: list[str]) -> list[FieldProblem]:
    """Set one field, named as in the JSON (`a.b` for nested ones), from query texts; return what did not fit."""
    head, _, rest = name.partition(".")
    field = _fields_of(message).get(head)
    if field is None:
        return [FieldProblem(name, "is not known here")]
    if rest and field.message_type is not None and not field.is_repeated:
        inner: Message = getattr(message, field.name)
        return [FieldProblem(name, problem.problem) for problem in set_from_text(inner, rest, texts)]
    if not field.is_repeated and len(texts) > 1:
        return [FieldProblem(name, "must be given once")]
    if any("\0" in text for text in texts):
        return [FieldProblem(name, "must not contain U+0000")]
    values = [_read_text(field, text) for text in texts]
    return _set_field(message, field, values if field.is_repeated else values[0], name)


def _set_field(message: Message, field: FieldDescriptor, value: Any, where: str) -> list[FieldProblem]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return _set_map(message, field, value, where)
    if field.is_repeated:
        return _set_list(message, field, value, where)
    if kind is not None and kind.full_name not in {_TIMESTAMP, _MASK}:
        if not isinstance(value, dict):
            return [FieldProblem(where, "must be an object")]
        inner: Message = getattr(message, field.name)
        inner.SetInParent()
        return fill(inner, value, f"{where}.")
    try:
        if kind is None:
            setattr(message, field.name, _read_scalar(field, value))
        else:
            _set_well_known(getattr(message, field.name), kind, value)
    except _Wrong as wrong:
        return [FieldProblem(where, str(wrong))]
    return []


def _set_map(message: Message, field: FieldDescriptor, value: Any, where: str) -> list[FieldProblem]:
    if not isinstance(value, dict):
        return [FieldProblem(where, "must be an object")]
    assert field.message_type is not None
    of = field.message_type.fields_by_name["value"]
    entries = getattr(message, field.name)
    problems = []
    for key, member in value.items():
        try:
            entries[key] = _read_scalar(of, member)
        except _Wrong as wrong:
            problems.append(FieldProblem(f"{where}.{key}", str(wrong)))
    return problems


def _set_list(message: Message, field: FieldDescriptor, value: Any, where: str) -> list[FieldProblem]:
    if not isinstance(value, list):
        return [FieldProblem(where, "must be an array")]
    target = getattr(message, field.name)
    problems: list[FieldProblem] = []
    for index, member in enumerate(value):
        place = f"{where}[{index}]"
        if field.message_type is not None:
            if isinstance(member, dict):
                problems += fill(target.add(), member, f"{place}.")
            else:
                problems.append(FieldProblem(place, "must be an object"))
            continue
        try:
            target.append(_read_scalar(field, member))
        except _Wrong as wrong:
            problems.append(FieldProblem(place, str(wrong)))
    return problems


def _set_well_known(target: Any, kind: Descriptor, value: Any) -> None:
    if not isinstance(value, str):
        raise _Wrong(_INSTANT if kind.full_name == _TIMESTAMP else "must be a string")
    if kind.full_name == _MASK:
        target.paths.extend(snake_path(path.strip()) for path in value.split(",") if path.strip())
        return
    try:
        instant = msgspec.convert(value, datetime)
    except msgspec.ValidationError as error:
        raise _Wrong(in_words(str(error))) from error
    if instant.tzinfo is None:
        raise _Wrong(_INSTANT)
    since = instant - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    # The bounds of a Timestamp: the years 1 to 9999, in UTC.
    if not -62_135_596_800 <= seconds <= 253_402_300_799:
        raise _Wrong("must lie between the years 1 and 9999")
    target.seconds, target.nanos = seconds, since.microseconds * 1_000


def _read_scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return _read_enum(field.enum_type, value)
    if field.cpp_type in _INTEGER_BITS:
        return _read_integer(value, *_INTEGER_BITS[field.cpp_type])
    return _SCALARS[field.cpp_type](value)


def _read_enum(descriptor: EnumDescriptor, value: Any) -> int:
    if isinstance(value, str):
        name = value.upper().removeprefix(enum_prefix(descriptor))
        found = descriptor.values_by_name.get(f"{enum_prefix(descriptor)}{name}")
        if found is not None and found.number:
            number: int = found.number
            return number
    raise _Wrong(f"must be one of {', '.join(enum_words(descriptor).values())}")


def _read_integer(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong("must be an integer")
    if not least <= value <= most:
        raise _Wrong(f"must lie between {least} and {most}")
    return value


def _read_string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be a string")
    return value


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _read_number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Wrong("must be a number")
    return float(value)


_SCALARS: Final[dict[int, Callable[[Any], Any]]] = {
    FieldDescriptor.CPPTYPE_STRING: _read_string,
    FieldDescriptor.CPPTYPE_BOOL: _read_bool,
    FieldDescriptor.CPPTYPE_DOUBLE: _read_number,
    FieldDescriptor.CPPTYPE_FLOAT: _read_number,
}


def _read_text(field: FieldDescriptor, text: str) -> Any:
    """Read a query text as the JSON value that the field wants; what cannot be read is left for the field to refuse."""
    if field.cpp_type in _INTEGER_BITS:
        digits = text.removeprefix("-")
        # 20 digits are more than any field holds, and int() refuses texts of some thousands.
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else text
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    return text


def _fields_of(message: Message) -> dict[str, FieldDescriptor]:
    descriptor = message.DESCRIPTOR
    names = _public_names.get(descriptor.full_name)
    if names is None:
        names = _public_names[descriptor.full_name] = {
            field.json_name: cast("FieldDescriptor", field) for field in descriptor.fields
        }
    return names


_public_names: Final[dict[str, dict[str, FieldDescriptor]]] = {}


def snake_path(path: str) -> str:
    """Return a mask's path in proto spelling: `schedule.intervalSeconds` -> `schedule.interval_seconds`."""
    return "".join(f"_{letter.lower()}" if letter.isascii() and letter.isupper() else letter for letter in path)
