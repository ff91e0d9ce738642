"""Sets up logging: every logger's lines as JSON on stdout (short lines on a terminal), secrets scrubbed from all."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from luota_svc.telemetry.access import AccessLog
from luota_svc.telemetry.attempts import AttemptLog
from luota_svc.telemetry.context import current_ids
from luota_svc.telemetry.scrub import Scrubber
from luota_svc.telemetry.sink import LineSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from luota_svc.telemetry.sink import ByteStream

_FIELD_CHARACTERS_MAX: Final = 16_384
_DEPTH_MAX: Final = 4
_ITEMS_MAX: Final = 64
# What every record carries; whatever else stands on one came through `extra`.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_SECRET_KEYS: Final = frozenset({"authorization", "password", "token", "secret", "x-luota-key", "x-watchflow-key"})
# These bring handlers or levels of their own, or an access line that would stand beside ours.
_REROUTED: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "grpc", "grpc._cython", "asyncio")
_SILENT: Final = ("uvicorn.access",)
# Each export that a collector does not take is already counted; a traceback every two seconds tells nothing more.
_QUIETER: Final = (("opentelemetry", logging.ERROR), ("urllib3", logging.ERROR), ("psycopg.pool", logging.WARNING))


class Logging:
    """Logging as set up for this process; `close` puts back what was there before. Twice-safe."""

    def __init__(self, sink: LineSink, access: AccessLog, attempts: AttemptLog, restore: Callable[[], None]) -> None:
        """Take the parts; built by `configure_logging`."""
        self.sink = sink
        self.access = access
        self.attempts = attempts
        self._restore: Callable[[], None] | None = restore

    def flush(self, timeout_seconds: float = 1.0) -> bool:
        """Wait, at most so long, until every line so far is out."""
        return self.sink.flush(timeout_seconds)

    def close(self) -> None:
        """Write what is left and give the loggers back."""
        restore, self._restore = self._restore, None
        if restore is not None:
            restore()
        self.sink.close()


def configure_logging(
    level: str,
    *,
    now: Callable[[], datetime],
    secrets: Iterable[str] = (),
    stream: ByteStream | None = None,
    human: bool | None = None,
    on_dropped: Callable[[int], None] | None = None,
) -> Logging:
    """Route every logger of this process to stdout through one formatter and one scrubber.

    `level` is LUOTA_LOG_LEVEL's word, `now` the clock for quick lines, `secrets` what must never be seen whatever
    its shape. `human` None means: if stdout is a terminal. `on_dropped` counts lines that nobody read in time.
    """
    if human is None:
        human = stream is None and sys.stdout.isatty()
    sink = LineSink(stream or _stdout(), on_dropped=on_dropped)
    scrubber = Scrubber(secrets)
    handler = SinkHandler(sink, HumanFormatter(scrubber) if human else JsonFormatter(scrubber))
    least = logging.getLevelNamesMapping()[level.upper()]
    restore = _take_over(handler, least)
    access = AccessLog(sink, now=now, scrub=scrubber.scrub, human=human, level=least)
    attempts = AttemptLog(sink, now=now, scrub=scrubber.scrub, human=human, level=least)
    return Logging(sink, access, attempts, restore)


class SinkHandler(logging.Handler):
    """Hands formatted records to the sink."""

    def __init__(self, sink: LineSink, formatter: logging.Formatter) -> None:
        """Take where to and how."""
        super().__init__()
        self._sink = sink
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Format and hand on; a record that cannot be formatted leaves its event's name and no more."""
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - an argument's own repr may raise anything; a log line never does
            line = json.dumps({"level": "error", "event": "log_line_failed", "error": type(error).__name__})
        self._sink.write(line.encode(errors="backslashreplace") + b"\n")

    def flush(self) -> None:
        """Wait for the sink, bounded: the interpreter calls this on its way out."""
        self._sink.flush()


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, event, logger, request_id, trace_id, then the extras, then the error."""

    def __init__(self, scrubber: Scrubber) -> None:
        """Take what removes secrets."""
        super().__init__()
        self._scrubber = scrubber

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its newline."""
        # Most lines have nothing to hide: that is asked once of the whole, not of each of its twenty texts.
        fields = _fields(record, _same)
        try:
            line = msgspec.json.encode(fields).decode()
        except (TypeError, ValueError, OverflowError):
            # Lone surrogates and integers beyond 64 bits; slower and never fails on what `_value` lets through.
            return json.dumps(_fields(record, self._scrubber.scrub))
        if self._scrubber.is_clean(line):
            return line
        return msgspec.json.encode(_fields(record, self._scrubber.scrub)).decode()


def _same(text: str) -> str:
    return text


def _fields(record: logging.LogRecord, scrub: Callable[[str], str]) -> dict[str, Any]:
    ids = current_ids()
    fields: dict[str, Any] = {
        "at": _instant(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": _text(record.getMessage(), scrub),
        "logger": record.name,
    }
    if ids.request_id:
        fields["request_id"] = ids.request_id
    if ids.trace_id:
        fields["trace_id"] = ids.trace_id
    for name, value in vars(record).items():
        if name not in _STANDARD:
            fields.setdefault(_text(name, scrub), _value(name, value, scrub))
    error = _error_of(record)
    if error:
        fields["error"] = _text(error, scrub)
    return fields


def _text(text: str, scrub: Callable[[str], str]) -> str:
    if len(text) > _FIELD_CHARACTERS_MAX:
        half = _FIELD_CHARACTERS_MAX // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return scrub(text)


def _value(name: str, value: Any, scrub: Callable[[str], str], depth: int = 0) -> Any:
    if name.lower() in _SECRET_KEYS:
        return "***"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _text(value, scrub)
    if depth < _DEPTH_MAX and isinstance(value, Mapping):
        items = list(value.items())[:_ITEMS_MAX]
        return {_text(str(key), scrub): _value(str(key), item, scrub, depth + 1) for key, item in items}
    if depth < _DEPTH_MAX and isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_value("", item, scrub, depth + 1) for item in value[:_ITEMS_MAX]]
    return _text(str(value), scrub)


class HumanFormatter(logging.Formatter):
    """A short line for whoever watches a terminal."""

    def __init__(self, scrubber: Scrubber) -> None:
        """Take what removes secrets."""
        super().__init__()
        self._scrub = scrubber.scrub

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and an error's traceback below it."""
        extras = "".join(f" {name}={value}" for name, value in vars(record).items() if name not in _STANDARD)
        request_id = current_ids().request_id
        error = _error_of(record)
        at = _instant(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = f"{at} {record.levelname.lower():<7} {record.getMessage()}{extras}"
        line += f" {request_id}" if request_id else ""
        return self._scrub(f"{line}\n{error}" if error else line)


def _take_over(handler: logging.Handler, level: int) -> Callable[[], None]:
    root = logging.getLogger()
    touched = [logging.getLogger(name) for name in (*_REROUTED, *(name for name, _ in _QUIETER))]
    before = [(one, one.handlers[:], one.level, one.propagate, one.disabled) for one in (root, *touched)]
    for one in touched:
        one.handlers[:] = []
        one.propagate = True
    for name in _SILENT:
        logging.getLogger(name).disabled = True
    for name, least in _QUIETER:
        logging.getLogger(name).setLevel(least)
    root.handlers[:] = [handler]
    root.setLevel(level)

    def restore() -> None:
        for one, handlers, old_level, propagate, disabled in before:
            one.handlers[:] = handlers
            one.setLevel(old_level)
            one.propagate, one.disabled = propagate, disabled

    return restore


def _stdout() -> ByteStream:
    sys.stdout.flush()
    buffer = sys.stdout.buffer
    return cast("ByteStream", getattr(buffer, "raw", buffer))


def _instant(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _error_of(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        text = "".join(traceback.format_exception(*record.exc_info))
    else:
        text = record.exc_text or ""
    return f"{text}{record.stack_info or ''}".rstrip()
