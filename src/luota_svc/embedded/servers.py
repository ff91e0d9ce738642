"""The private PostgreSQL and Valkey of one state folder, as a pair: what `dev` and the tests start."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, as_completed
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from luota_svc.embedded.binaries import binaries_for
from luota_svc.embedded.errors import EmbeddedError
from luota_svc.embedded.ownership import Ownership
from luota_svc.embedded.places import take_place
from luota_svc.embedded.postgres import DATABASE, Postgres
from luota_svc.embedded.supervision import Keeper
from luota_svc.embedded.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two servers are reached; the addresses hold as long as the servers are kept."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def run_servers(
    state_dir: Path, *, durable: bool = True, restart: bool = True, log: Callable[[str], None]
) -> AsyncIterator[Servers]:
    """Start both servers, keep them running, and end them on the way out: fast shutdown, 10 s, then immediate.

    A second start on one state folder finds the data again. `log` gets one line an event, from other threads too.
    EmbeddedError, in one line for the operator, if the folder is in use or a server can't be started.
    """
    pair = PrivateServers(state_dir, durable=durable, restart=restart, log=log)
    try:
        await asyncio.to_thread(pair.start)
        yield pair.servers
    finally:
        await asyncio.shield(asyncio.to_thread(pair.stop))


class PrivateServers:
    """The same without an event loop, and with a handle on each server, which a test may kill and start again.

    For one start and one stop, from any thread.
    """

    postgres: Keeper
    valkey: Keeper

    def __init__(
        self, state_dir: Path, *, durable: bool = True, restart: bool = True, log: Callable[[str], None]
    ) -> None:
        """Nothing is touched before `start`."""
        self._state_dir = state_dir.absolute()
        self._durable = durable
        self._restart = restart
        self._log = log
        self._guard = threading.Lock()
        self._cleanup: ExitStack | None = ExitStack()
        self._programs: tuple[Postgres, Valkey] | None = None

    def start(self) -> None:
        """Take the folder and start both servers at once; EmbeddedError, and nothing left running, if that fails."""
        try:
            for answer in as_completed(self._begin()):
                answer.result()
        except OSError as error:
            self.stop()
            raise EmbeddedError(f"state folder {self._state_dir} can't be used: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End both servers, remove their sockets, give the folder back. Safe at any time, any number of times."""
        with self._guard:
            cleanup, self._cleanup = self._cleanup, None
        if cleanup is not None:
            cleanup.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def servers(self) -> Servers:
        """The addresses of both servers."""
        return Servers(self.database_url(), self.redis_url)

    def database_url(self, database: str = DATABASE) -> str:
        """Return the address of one database."""
        assert self._programs is not None, "not started"
        return self._programs[0].url(database)

    @property
    def redis_url(self) -> str:
        """The address of Valkey."""
        assert self._programs is not None, "not started"
        return self._programs[1].url()

    def _begin(self) -> list[Future[None]]:
        # Under the guard, so that a stop that comes meanwhile finds all that there is to clean up.
        with self._guard:
            cleanup = self._cleanup
            if cleanup is None:
                raise EmbeddedError("the private servers were told to stop before they started")
            ownership = Ownership(self._state_dir)
            ownership.take()
            cleanup.callback(ownership.give_back)
            place = take_place(self._state_dir, self._log)
            cleanup.callback(place.remove_sockets)
            binaries = binaries_for(place.account, self._log)
            postgres, valkey = Postgres(place, binaries, durable=self._durable), Valkey(place, binaries)
            self._programs = postgres, valkey
            self.postgres = Keeper(postgres, restart=self._restart, log=self._log)
            self.valkey = Keeper(valkey, restart=self._restart, log=self._log)
            begun = []
            for keeper in (self.postgres, self.valkey):
                cleanup.callback(keeper.stop)
                begun.append(keeper.begin())
            return begun
