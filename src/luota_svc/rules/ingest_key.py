"""Tokens as text: parse, format, hash, compare. Whether a key is alive is the database's word, not ours."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from luota_svc.model.keys import KeyFacts, Token

# Prefixes of the three kinds of token; the word before the first dot.
MONITOR: Final = "wfmn1"
WORKSPACE: Final = "wfws1"
OPERATOR: Final = "wfop1"

_HEX: Final = "[0-9a-fA-F]"
_TOKEN: Final = re.compile(
    rf"(wfmn1|wfws1|wfop1)\.({_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}})\.([A-Za-z0-9_-]{{43}})"
)

# Compared with when no such key exists, so that an unknown id takes as long as a wrong secret. No text is known whose
# SHA-256 this is, and a caller must still refuse when the id was unknown.
DUMMY_HASH: Final = bytes(32)


def parse_token(text: str) -> Token | None:
    """Return the token's parts, or None for any other text. The id may have any case; white space is not trimmed."""
    match = _TOKEN.fullmatch(text)
    return Token(match[1], UUID(match[2]), match[3]) if match is not None else None


def holds_token(text: str) -> bool:
    """Tell whether a token, of whatever kind and key, stands anywhere in the text."""
    return _TOKEN.search(text) is not None


def format_token(prefix: str, key_id: UUID, secret: str) -> str:
    """Return the string that a job or an operator shows."""
    return f"{prefix}.{key_id}.{secret}"


def hash_secret(secret: str) -> bytes:
    """Return what is stored: SHA-256 over the secret's characters, so that only one spelling of it is accepted.

    No salt and no stretching: the secret is 32 random bytes, not a word that somebody chose.
    """
    return hashlib.sha256(secret.encode()).digest()


def secret_matches(secret: str, secret_hash: bytes) -> bool:
    """Tell whether `secret` is the one behind the hash, in constant time."""
    return hmac.compare_digest(hash_secret(secret), secret_hash)


def prefix_agrees(token: Token, facts: KeyFacts) -> bool:
    """Tell whether the token's prefix says the scope that its key has."""
    return token.prefix == (WORKSPACE if facts.monitor_id is None else MONITOR)


def choose_credential(credentials: Sequence[str]) -> str | None:
    """Return the one secret that was shown; None when there was none, or several that differ."""
    if not credentials:
        return None
    first = credentials[0]
    return first if all(other == first for other in credentials[1:]) else None
