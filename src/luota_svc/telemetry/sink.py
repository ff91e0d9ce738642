"""Carries finished lines to a stream without making the event loop wait: one thread, a bounded buffer, few writes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

BUFFER_BYTES_MAX: Final = 8 << 20
# Lines of this long go out in one write: at thousands of lines a second a write each would be the dearest part.
_GATHER_SECONDS: Final = 0.02
_FULL_PIPE_SECONDS: Final = 0.01


class ByteStream(Protocol):
    """An unbuffered binary stream; `write` says how much it took, None for nothing now."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Take bytes."""
        ...


class LineSink:
    """Writes lines in order. A reader that stops reading costs lines, which are counted, and never time."""

    def __init__(self, stream: ByteStream, *, on_dropped: Callable[[int], None] | None = None) -> None:
        """Start the thread. `stream` must be unbuffered: a buffered one's lock would be held by a blocked write."""
        self._stream = stream
        self._on_dropped = on_dropped
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._bytes = 0
        self._filled = threading.Event()
        self._hurry = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="luota-log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Take one line, its newline included. Never blocks, never raises; drops and counts when the buffer is full."""
        with self._lock:
            if self._closed or self._bytes + len(line) > BUFFER_BYTES_MAX:
                dropped = True
            else:
                dropped = False
                if not self._bytes:
                    self._idle.clear()
                    self._filled.set()
                self._lines.append(line)
                self._bytes += len(line)
        if dropped and self._on_dropped is not None:
            self._on_dropped(1)

    def tell_dropped(self, on_dropped: Callable[[int], None]) -> None:
        """Tell somebody else from now on how many lines were dropped."""
        self._on_dropped = on_dropped

    def flush(self, timeout_seconds: float = 1.0) -> bool:
        """Wait until all lines are out, at most so long; say whether they are."""
        self._hurry.set()
        return self._idle.wait(timeout_seconds)

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Write what is left, at most so long, and take no more. Twice-safe. The thread is a daemon."""
        self.flush(timeout_seconds)
        with self._lock:
            self._closed = True
        self._filled.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while True:
            self._filled.wait()
            self._hurry.wait(_GATHER_SECONDS)
            with self._lock:
                lines, self._lines = self._lines, []
                if not lines:
                    self._filled.clear()
                    self._hurry.clear()
                    self._idle.set()
                    if self._closed:
                        return
                    continue
            written = self._write_all(b"".join(lines))
            with self._lock:
                # Only now: lines in the hands of a blocked write still count against the buffer.
                self._bytes -= sum(map(len, lines))
            if not written and self._on_dropped is not None:
                self._on_dropped(len(lines))

    def _write_all(self, data: bytes) -> bool:
        view = memoryview(data)
        try:
            while view:
                taken = self._stream.write(view)
                if taken is None and self._closed:
                    return False
                if taken is None:
                    threading.Event().wait(_FULL_PIPE_SECONDS)
                else:
                    view = view[taken:]
        except (OSError, ValueError):
            # Nobody will ever read again (closed pipe, closed file); the service goes on.
            return False
        return True
