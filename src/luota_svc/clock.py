"""The only reader of wall clock, randomness and new ids; a real one and a stub."""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Protocol

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD_OF_BYTE = bytes(ord(_CROCKFORD[byte & 31]) for byte in range(256))


class Clock(Protocol):
    """Time, dice and ids."""

    def now(self) -> datetime:
        """Return the wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...

    def jitter(self) -> float:
        """Return a uniform number in [0, 1)."""
        ...

    def new_id(self) -> uuid.UUID:
        """Return a version 7 UUID: sorts by the millisecond it was minted in."""
        ...

    def new_request_id(self) -> str:
        """Return `req-` and a ULID."""
        ...

    def new_secret(self) -> str:
        """Return 32 random bytes as base64url without padding, 43 characters."""
        ...


def uuid7_of(milliseconds: int, entropy: bytes) -> uuid.UUID:
    """Build a version 7 UUID (RFC 9562, 5.7) from Unix milliseconds and 10 random bytes."""
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(entropy, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def ulid_of(milliseconds: int, entropy: bytes) -> str:
    """Build a ULID from Unix milliseconds and 16 random bytes, of which five bits each count.

    26 characters of Crockford's base 32; the entropy goes through one table, as this is done for every request.
    """
    instant = "".join([_CROCKFORD[milliseconds >> shift & 31] for shift in range(45, -1, -5)])
    return instant + entropy.translate(_CROCKFORD_OF_BYTE).decode()


class RealClock:
    """The machine's own."""

    def __init__(self) -> None:
        self._entropy: deque[bytes] = deque()

    def now(self) -> datetime:
        """Return the wall clock, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def jitter(self) -> float:
        """Return a uniform number in [0, 1)."""
        return random.random()  # noqa: S311 - jitter, not a secret

    def new_id(self) -> uuid.UUID:
        """Return a version 7 UUID."""
        return uuid7_of(time.time_ns() // 1_000_000, self._sixteen_bytes()[:10])

    def new_request_id(self) -> str:
        """Return `req-` and a ULID."""
        return "req-" + ulid_of(time.time_ns() // 1_000_000, self._sixteen_bytes())

    def new_secret(self) -> str:
        """Return 32 random bytes as base64url without padding."""
        return secrets.token_urlsafe(32)

    def _sixteen_bytes(self) -> bytes:
        # Drawn in bulk: os.urandom lets go of the interpreter's lock, and getting it back costs more than the bytes.
        try:
            return self._entropy.popleft()
        except IndexError:
            drawn = os.urandom(16 * 256)
            self._entropy.extend(drawn[at : at + 16] for at in range(16, len(drawn), 16))
            return drawn[:16]


class StubClock:
    """A clock that a test moves by hand; dice from a seed, so that a failure can be replayed."""

    def __init__(self, now: datetime | None = None, seed: int = 1) -> None:
        """Start at `now`, or at noon UTC of 2026-05-25."""
        self._now = now or datetime(2026, 5, 25, 12, tzinfo=UTC)
        self._monotonic = 1_000.0
        self._dice = random.Random(seed)  # noqa: S311 - a test's dice

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Step the wall clock alone, as an operator or NTP would."""
        self._now += timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the wall clock, aware, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self._monotonic

    def jitter(self) -> float:
        """Return a uniform number in [0, 1)."""
        return self._dice.random()

    def new_id(self) -> uuid.UUID:
        """Return a version 7 UUID of the stub's instant."""
        return uuid7_of(int(self._now.timestamp() * 1000), self._dice.randbytes(10))

    def new_request_id(self) -> str:
        """Return `req-` and a ULID of the stub's instant."""
        return "req-" + ulid_of(int(self._now.timestamp() * 1000), self._dice.randbytes(16))

    def new_secret(self) -> str:
        """Return 43 characters that stand for 32 bytes."""
        return secrets.token_urlsafe(32)
