"""Looks names up without letting one that hangs delay the others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

# A lookup can hang for half a minute and can't be called back. The client asks for a name once at a time, so that this
# many names may hang before others wait; the event loop's own pool has room for two (uvloop) or six.
_THREADS_MAX: Final = 128


class ThreadedLookup(AbstractResolver):
    """Asks the system (its hosts file and DNS) in a thread for each lookup; threads that hang don't hold up an exit."""

    def __init__(self) -> None:
        """Take nothing."""
        self._room = asyncio.Semaphore(_THREADS_MAX)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return a name's addresses, never none. Raises OSError (socket.gaierror) where it has none."""
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def done(found: list[ResolveResult] | OSError) -> None:
            self._room.release()
            if answer.done():
                return
            if isinstance(found, OSError):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def look() -> None:
            found = _look_up(host, port, family)
            # The loop may be gone by now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(done, found)

        try:
            threading.Thread(target=look, name="lookup", daemon=True).start()
        except RuntimeError as error:
            self._room.release()
            raise OSError("no thread is left to look names up") from error
        return await answer

    async def close(self) -> None:
        """Leave lookups that hang to their threads."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult] | OSError:
    try:
        entries = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError:
        return socket.gaierror(socket.EAI_NONAME, "not a name")
    found = [
        ResolveResult(
            hostname=host, host=str(where[0]), port=port, family=int(kind), proto=0, flags=socket.AI_NUMERICHOST
        )
        for kind, _, _, _, where in entries
    ]
    return found or socket.gaierror(socket.EAI_NONAME, "no address")
