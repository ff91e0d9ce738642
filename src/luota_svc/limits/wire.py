"""One connection to Redis and one pipeline at a time on it. Knows the script; not what a bucket means."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import hiredis
import msgspec
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import NoScriptError, RedisError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT_SECONDS = 0.05
_CONNECT_TIMEOUT_SECONDS = 0.1
# Nobody waits for a probe: a TLS handshake with a busy or far server may take its time there.
_PROBE_CONNECT_TIMEOUT_SECONDS = 1.0

_SCRIPT = files(__package__).joinpath("spend.lua").read_bytes()
_SCRIPT_SHA = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest()


def _pack(*words: str | bytes | int) -> bytes:
    pack: Any = hiredis.pack_command  # its stub knows only tuples of one
    packed: bytes = pack(words)
    return packed


_LOAD = _pack("SCRIPT", "LOAD", _SCRIPT)


class RedisAway(Exception):
    """Redis did not answer in time, closed the connection, or answered with an error."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        """`refused`: no connection could be made at all."""
        super().__init__(reason)
        self.refused = refused


class ScriptCall(NamedTuple):
    """One call of spend.lua; see there for the arguments."""

    keys: list[str]
    intervals: list[int]
    spends: list[int]

    def packed(self) -> bytes:
        """Encode for the wire. MessagePack, because Lua takes 3 us a spend to parse text."""
        arguments = msgspec.msgpack.encode((self.intervals, self.spends))
        return _pack("EVALSHA", _SCRIPT_SHA, len(self.keys), *self.keys, arguments)


# A bucket that only probes spend from: a read-only or full server must not look healthy.
_PROBE = ScriptCall(["luota:{probe}"], [1_000], [1, 1, 1, 1_000_000_000]).packed()


class Wire:
    """A connection that is made when first needed and dropped on any trouble, so no late answer is taken for another's.

    The deadline is the client's own socket timeout. A cancelled or timed-out read drops the connection too.
    """

    def __init__(self, url: str) -> None:
        """Take a redis://, rediss:// or unix:// URL; ValueError on another. Nothing is dialled yet."""
        pool: Any = ConnectionPool.from_url(
            url,
            protocol=2,  # no HELLO: a new connection costs no round trip of its own
            driver_info=None,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        )
        self._connection: Any = pool.make_connection()
        self._turn = asyncio.Lock()

    async def probe(self) -> None:
        """Load the script and write through it; RedisAway if that fails."""
        async with self._turn:
            self._connection.socket_connect_timeout = _PROBE_CONNECT_TIMEOUT_SECONDS
            try:
                await self._known(await self._ask([_LOAD, _PROBE]))
            finally:
                self._connection.socket_connect_timeout = _CONNECT_TIMEOUT_SECONDS

    async def spend(self, calls: Sequence[ScriptCall]) -> list[list[int]]:
        """Send all calls in one write, return their answers in the same order.

        RedisAway if any has none: what was charged then is not known, and nothing is asked twice.
        """
        packed = [call.packed() for call in calls]
        async with self._turn:
            answers = await self._ask(packed)
            unknown = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:  # a restarted or flushed server; it ran nothing, so asking again charges once
                again = await self._ask([_LOAD, *(packed[index] for index in unknown)])
                for index, answer in zip(unknown, again[1:], strict=True):
                    answers[index] = answer
            return await self._known(answers)

    async def drop(self) -> None:
        """Close the connection, without waiting for the other side. Harmless if there is none."""
        try:
            await self._connection.disconnect(nowait=True)
        except (RedisError, OSError):
            return

    async def _known(self, answers: list[Any]) -> list[list[int]]:
        for answer in answers:
            if isinstance(answer, ResponseError):  # READONLY after a failover, LOADING, OOM: dial anew
                await self.drop()
                raise RedisAway(str(answer))
        return answers

    async def _ask(self, commands: list[bytes]) -> list[Any]:
        connection = self._connection
        await self._connect()
        answers: list[Any] = []
        try:
            await connection.send_packed_command(b"".join(commands), check_health=False)
            for _ in commands:
                try:
                    answers.append(await connection.read_response())
                except ResponseError as error:  # an answer too: the others behind it must still be read
                    answers.append(error)
        except (RedisError, OSError) as error:
            await self.drop()
            raise RedisAway(f"{type(error).__name__}: {error}") from error
        return answers

    async def _connect(self) -> None:
        connection = self._connection
        try:
            # Something to read before anything was asked: the server has hung up while we were idle.
            if connection.is_connected and await connection.can_read():
                await self.drop()
            if not connection.is_connected:
                await connection.connect()
        except (RedisError, OSError) as error:
            await self.drop()
            raise RedisAway(f"{type(error).__name__}: {error}", refused=True) from error
