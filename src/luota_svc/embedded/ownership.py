"""One owner at a time of a state folder, by a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from luota_svc.embedded.errors import EmbeddedError


class Ownership:
    """The lock on one state folder; taken by `take`, given back by `give_back` or by the end of the process."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._descriptor: int | None = None

    def take(self) -> None:
        """Make the folder if need be and take its lock at once, or say who holds it."""
        try:
            # As root the servers run as nobody, who must pass through but not look around.
            self._state_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            # Not inheritable: a server that outlived us would hold the lock.
            descriptor = os.open(self._state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedError(f"state folder {self._state_dir} can't be used: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise EmbeddedError(
                f"state folder {self._state_dir} is in use by process {holder}: stop that one, or choose another folder"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def give_back(self) -> None:
        """Let the next one in. The file stays: to unlink a lock's file would let two hold it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
