"""Several prepared statements in one round trip, for the hot paths alone: no cursors, one wait, arrays packed here.

psycopg's own pipeline serves each statement through a cursor and a handful of waits; twelve statements a batch cost
the process 1.5 ms of CPU, here a quarter of it (docs/adr says what was measured). Connections, results and errors stay
psycopg's.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.waiting import Ready, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from psycopg import AsyncConnection
    from psycopg.pq.abc import PGconn, PGresult

_PARAMETER: Final = re.compile(r"%b::(?P<type>\w+)(?P<array>\[\])?")
_NAMED: Final = re.compile(r"%\((?P<name>\w+)\)s(?:::(?P<type>\w+)(?P<array>\[\])?)?")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NULL: Final = b"\xff\xff\xff\xff"
_INT2, _INT4, _INT8 = struct.Struct("!ih"), struct.Struct("!ii"), struct.Struct("!iq")
_FLOAT8: Final = struct.Struct("!id")
_ARRAY_HEAD: Final = struct.Struct("!iiIii")


# PostgreSQL's binary formats (its documentation: "send functions"): type -> oid, how a value is packed with its length.
_TYPES: Final[dict[str, tuple[int, Callable[[Any], bytes]]]] = {
    "uuid": (2950, lambda value: b"\x00\x00\x00\x10" + value.bytes),
    "text": (25, lambda value: _packed(value.encode())),
    "timestamptz": (1184, lambda value: _INT8.pack(8, (value - _EPOCH) // _MICROSECOND)),
    "bool": (16, lambda value: b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"),
    "smallint": (21, lambda value: _INT2.pack(2, value)),
    "int": (23, lambda value: _INT4.pack(4, value)),
    "bigint": (20, lambda value: _INT8.pack(8, value)),
    "float8": (701, lambda value: _FLOAT8.pack(8, value)),
    "bytea": (17, lambda value: _packed(bytes(value))),
}


def _packed(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data


def _pack_array(oid: int, pack: Callable[[Any], bytes], values: Sequence[Any]) -> bytes | None:
    """Pack one column. A column of nothing but NULLs travels as one NULL: unnest pads it to the others' length."""
    parts = [_NULL if value is None else pack(value) for value in values]
    has_null = _NULL in parts
    if has_null and parts.count(_NULL) == len(parts):
        return None
    return _ARRAY_HEAD.pack(1, has_null, oid, len(parts), 1) + b"".join(parts)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the server gets it: its name on every session, its text and how its parameters are packed.

    `names` are those of its parameters in the order of their numbers; None where they have none.
    """

    name: bytes
    text: bytes
    types: tuple[tuple[str, bool], ...]
    names: tuple[str, ...] | None = None

    def pack(self, parameters: Sequence[Any] | Mapping[str, Any]) -> list[bytes | None]:
        """Pack the parameters in binary; they must be of the types that the text's casts name."""
        if self.names is not None:
            assert isinstance(parameters, Mapping)
            parameters = [parameters[name] for name in self.names]
        packed: list[bytes | None] = []
        for value, (type_, is_array) in zip(parameters, self.types, strict=True):
            oid, pack = _TYPES[type_]
            if is_array:
                packed.append(_pack_array(oid, pack, value))
            else:
                packed.append(None if value is None else pack(value)[4:])
        return packed


def statement_of(name: str, sql: str) -> Statement:
    """Read a catalogue statement whose parameters are all written `%b::type` or `%b::type[]`.

    Or all by name, `%(name)s`, of which one place at least says the type in the same way.
    """
    if _NAMED.search(sql):
        return _named_statement(name, sql)
    types = tuple((match["type"], match["array"] is not None) for match in _PARAMETER.finditer(sql))
    numbers = iter(range(1, len(types) + 1))
    text = _PARAMETER.sub(lambda match: f"${next(numbers)}::{match['type']}{match['array'] or ''}", sql)
    assert "%b" not in text, f"{name}: a parameter without a cast"
    return Statement(f"luota_{name}".encode(), text.encode(), types)


def _named_statement(name: str, sql: str) -> Statement:
    names = tuple(dict.fromkeys(match["name"] for match in _NAMED.finditer(sql)))
    casts = {m["name"]: (m["type"], m["array"] is not None) for m in _NAMED.finditer(sql) if m["type"]}
    assert casts.keys() >= set(names), f"{name}: a parameter without a cast"

    def numbered(match: re.Match[str]) -> str:
        type_, is_array = casts[match["name"]]
        return f"${names.index(match['name']) + 1}::{type_}{'[]' if is_array else ''}"

    text = _NAMED.sub(numbered, sql)
    assert "%b" not in text, f"{name}: parameters with names and without"
    return Statement(f"luota_{name}".encode(), text.encode(), tuple(casts[each] for each in names), names)


class RoundTrips:
    """Runs statements of one catalogue on sessions of one pool; remembers which sessions have them prepared."""

    def __init__(self, catalogue: str, statements: Mapping[str, str]) -> None:
        """Take name -> SQL; BEGIN, COMMIT and ROLLBACK come along.

        On a session they are called after their catalogue: those of several may stand on one.
        """
        known = {**statements, "begin": "BEGIN", "commit": "COMMIT", "rollback": "ROLLBACK"}
        self._statements = {name: statement_of(f"{catalogue}_{name}", sql) for name, sql in known.items()}
        self._prepared: WeakSet[AsyncConnection[Any]] = WeakSet()

    async def run(
        self, connection: AsyncConnection[Any], calls: Iterable[tuple[str, Sequence[Any] | Mapping[str, Any]]]
    ) -> list[list[tuple[Any, ...]]]:
        """Send every (name, parameters) at once and return the rows of each.

        The first error is raised as psycopg would raise it; the server has skipped what came after it.
        """
        packed = [(self._statements[name], parameters) for name, parameters in calls]
        sends = [(statement.name, statement.pack(parameters)) for statement, parameters in packed]
        if connection not in self._prepared:
            await self._prepare(connection)
        try:
            return await self._send(connection, sends)
        except psycopg.errors.InvalidSqlStatementName:
            # Whoever else uses this session rolled back, and psycopg said DEALLOCATE ALL. Nothing of this trip is kept.
            self._prepared.discard(connection)
            if connection.info.transaction_status != pq.TransactionStatus.IDLE:
                raise
        await self._prepare(connection)
        return await self._send(connection, sends)

    async def _send(
        self, connection: AsyncConnection[Any], sends: Sequence[tuple[bytes, list[bytes | None]]]
    ) -> list[list[tuple[Any, ...]]]:
        pgconn = connection.pgconn
        pgconn.enter_pipeline_mode()
        try:
            for name, parameters in sends:
                pgconn.send_query_prepared(name, parameters, [1] * len(parameters), result_format=1)
            pgconn.pipeline_sync()
            results = await connection.wait(_collect(pgconn, len(sends)))
        finally:
            _leave_pipeline(pgconn)
        return _rows_of(connection, results)

    async def _prepare(self, connection: AsyncConnection[Any]) -> None:
        """Prepare the whole catalogue on a new session, in one round trip."""
        pgconn = connection.pgconn
        pgconn.enter_pipeline_mode()
        try:
            for statement in self._statements.values():
                pgconn.send_prepare(statement.name, statement.text)
            pgconn.pipeline_sync()
            results = await connection.wait(_collect(pgconn, len(self._statements)))
        finally:
            _leave_pipeline(pgconn)
        try:
            _rows_of(connection, results)
        except psycopg.Error:
            # Some names are taken on this session, some are not: it would fail for ever.
            pgconn.finish()
            raise
        self._prepared.add(connection)


def _collect(pgconn: PGconn, expected: int) -> Generator[Wait, Ready | int, list[PGresult]]:
    """Flush what was sent and read one result a statement, then the synchronization point."""
    results: list[PGresult] = []
    unsent = pgconn.flush()
    while True:
        ready = yield Wait.RW if unsent else Wait.R
        if ready & Ready.R:
            pgconn.consume_input()
        if unsent:
            unsent = pgconn.flush()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                continue  # the end of one statement's results
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                assert len(results) == expected
                return results
            results.append(result)


def _leave_pipeline(pgconn: PGconn) -> None:
    """Leave pipeline mode; a session that can't (cut, or cancelled in mid-answer) is closed, and so leaves the pool."""
    try:
        pgconn.exit_pipeline_mode()
    except psycopg.Error:
        pgconn.finish()


def _rows_of(connection: AsyncConnection[Any], results: Sequence[PGresult]) -> list[list[tuple[Any, ...]]]:
    transformer = Transformer.from_context(connection)
    rows: list[list[tuple[Any, ...]]] = []
    for result in results:
        if result.status == pq.ExecStatus.TUPLES_OK:
            transformer.set_pgresult(result)
            rows.append(transformer.load_rows(0, result.ntuples, tuple))
        elif result.status == pq.ExecStatus.COMMAND_OK:
            rows.append([])
        else:
            raise psycopg.errors.error_from_result(result)
    return rows
