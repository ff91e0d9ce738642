"""Seals what alert routes need and nobody may read: addresses, tokens and passwords, as they are kept in rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from luota_svc.model.routes import Target

# Opening costs more than any other thing that a claim does; the same routes are claimed again and again.
_REMEMBERED: Final = 4_096


class CannotOpen(Exception):
    """No key opens what was sealed. The message is what an operator reads; it holds nothing of the secret."""

    def __init__(self) -> None:
        """There is one sentence for it."""
        super().__init__(
            "its secret can't be decrypted: it was sealed with a key that is not in LUOTA_ENCRYPTION_KEYS (any more); "
            "bring that key back, or give the route its target anew"
        )


class Vault:
    """Encrypts with the first key and opens with any. Shared by all tasks.

    It keeps in memory what it opened last, beside the keys, which would open it anyhow.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Take at least one Fernet key: 32 bytes in base64url. ValueError for what is none."""
        if not keys:
            raise ValueError("a vault needs at least one key")
        fernets = [Fernet(key) for key in keys]
        self._first = fernets[0]
        self._any = MultiFernet(fernets)
        self._opened = lru_cache(_REMEMBERED)(self._open)

    def seal(self, target: Mapping[str, Any]) -> bytes:
        """Return a target as it may be kept; two seals of one target differ."""
        return self._any.encrypt(json.dumps(dict(target), ensure_ascii=False, separators=(",", ":")).encode())

    def open(self, sealed: bytes) -> Target:
        """Return what was sealed. CannotOpen where no key fits or the bytes were changed."""
        return self._opened(sealed)

    def _open(self, sealed: bytes) -> Target:
        try:
            target: dict[str, Any] = json.loads(self._any.decrypt(sealed))
        except InvalidToken:
            raise CannotOpen from None
        return MappingProxyType(target)

    def reseal(self, sealed: bytes) -> bytes | None:
        """Return the same sealed with the first key; None where it is already. CannotOpen where no key fits."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None

    def __repr__(self) -> str:
        return "Vault(***)"
