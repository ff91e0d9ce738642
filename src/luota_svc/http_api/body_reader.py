"""Turns the bytes of a body into a struct, or says in public words what is wrong with which field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from luota_svc.http_api.exchange import Exchange
from luota_svc.model.errors import FieldProblem, InvalidRequest, UnsupportedMediaType
from luota_svc.rules.json_text import check_json_text

Body = TypeVar("Body", bound=Struct)

# What bare `curl -d` sends: the name says form, the body is the JSON that its user wrote.
_FORM: Final = b"application/x-www-form-urlencoded"
_JSON: Final = b"application/json"
_TEXT: Final = b"text/plain"

_WORDS: Final = {
    "str": "must be a string",
    "int": "must be an integer",
    "bool": "must be true or false",
    "object": "must be an object",
    "array": "must be an array",
    "datetime": "must be an RFC 3339 instant with a time zone, such as 2026-05-25T12:00:00Z",
}
_EXPECTED: Final = re.compile(r"Expected `(\w+)(?: \| null)?`, got")
_LENGTH: Final = re.compile(r"of length (>=|<=) (\d+)")
_BOUND: Final = re.compile(r"(>=|<=) (-?\d+)")


def accepts_json(content_type: bytes | None) -> bool:
    """Tell whether this is JSON, none, or what bare `curl -d` sends."""
    return content_type is None or content_type == _JSON or _bare(content_type) in {_JSON, _FORM, b""}


def is_text(exchange: Exchange) -> bool:
    """Tell plain text (True) from JSON (False). Raises UnsupportedMediaType for what is neither."""
    _check_encoding(exchange)
    if accepts_json(exchange.content_type):
        return False
    if exchange.content_type is not None and _bare(exchange.content_type) == _TEXT:
        return True
    raise UnsupportedMediaType("Unsupported media type")


def check_is_json(exchange: Exchange) -> None:
    """Raise UnsupportedMediaType unless the body may be JSON."""
    _check_encoding(exchange)
    if not accepts_json(exchange.content_type):
        raise UnsupportedMediaType("Unsupported media type")


def read_text(body: bytes) -> str:
    """Return a plain-text body. Raises InvalidRequest for what is no UTF-8 or holds U+0000."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(FieldProblem("", "The body must be UTF-8")) from error
    if "\0" in text:
        raise InvalidRequest(FieldProblem("", "The body must not contain U+0000"))
    return text


class BodyReader(Generic[Body]):
    """Reads one kind of body."""

    def __init__(self, kind: type[Body]) -> None:
        """Compile the decoder of `kind`."""
        self._kind = kind
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, body: bytes) -> Body:
        """Return the struct; an empty body stands for `{}`. Raises InvalidRequest with every problem found."""
        text = body or b"{}"
        problem = check_json_text(text)
        if problem is not None:
            raise InvalidRequest(FieldProblem("", f"The body {problem}"))
        return self.decode(text)

    def decode(self, text: bytes | Raw) -> Body:
        """Return the struct of a text that has been checked already."""
        try:
            return self._decode(text)
        except msgspec.ValidationError as error:
            raise InvalidRequest(*self._problems(text, error)) from error
        except msgspec.DecodeError as error:
            raise not_json(error) from error

    def _problems(self, text: bytes | Raw, error: msgspec.ValidationError) -> tuple[FieldProblem, ...]:
        """Look at every field by itself: the decoder stops at the first problem, people want to see all."""
        value = read_any(text)
        if not isinstance(value, dict):
            return (FieldProblem("", "The body must be a JSON object"),)
        return tuple(self._field_problems(value)) or (FieldProblem("", str(error)),)

    def _field_problems(self, value: dict[str, Any]) -> Iterator[FieldProblem]:
        for field in msgspec.structs.fields(self._kind):
            name = field.encode_name
            if name not in value:
                if field.required:
                    yield FieldProblem(name, "is required")
                continue
            if field.type is Raw:
                continue
            try:
                msgspec.convert(value[name], field.type)
            except msgspec.ValidationError as error:
                yield FieldProblem(name, in_words(str(error)))


def read_any(text: bytes | Raw) -> Any:
    """Return any JSON value as plain Python. Raises InvalidRequest."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise not_json(error) from error


def not_json(error: msgspec.DecodeError) -> InvalidRequest:
    """Say that a text is no JSON, and where."""
    where = str(error).removeprefix("JSON is malformed: ")
    return InvalidRequest(FieldProblem("", f"The body must be valid JSON: {where}"))


def in_words(message: str) -> str:
    """Say a decoder's complaint as a predicate about the field."""
    if match := _EXPECTED.match(message):
        plural = " for every key" if "[...]" in message else ""
        return _WORDS.get(match[1], "has the wrong type") + plural
    if match := _LENGTH.search(message):
        return "must not be empty" if match[1] == ">=" else f"must be at most {match[2]} characters long"
    if match := _BOUND.search(message):
        return f"must be at {'least' if match[1] == '>=' else 'most'} {match[2]}"
    if "RFC3339" in message or "timezone" in message:
        return _WORDS["datetime"]
    if "matching regex" in message:
        return "must be a UUID"
    return "is out of range" if "range" in message else "has the wrong type"


def _bare(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


def _check_encoding(exchange: Exchange) -> None:
    if exchange.content_encoding is not None and exchange.content_encoding.strip().lower() not in {b"", b"identity"}:
        raise UnsupportedMediaType("Unsupported content encoding")
