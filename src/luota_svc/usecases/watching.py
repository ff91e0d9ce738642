"""Watching incidents: one reader a process looks for what happened and tells everybody who watches.

Each watcher first reads for itself what happened between its cursor and the reader's place, and then what the reader
puts into its queue; so it hears each happening once, in order, whatever process it was connected to before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from luota_svc.model.errors import FieldProblem, InvalidRequest, Missing, NotFound, Unavailable, WatcherTooSlow
from luota_svc.model.operators import Role
from luota_svc.model.watching import Cursor, Happening, Place, Scope, Stand, Told
from luota_svc.store import incidents, watching, workspaces
from luota_svc.telemetry import names
from luota_svc.usecases.operator_admission import admit, found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from luota_svc.model.call import Call
    from luota_svc.store.database import Unit
    from luota_svc.usecases.installation import Installation

_LOG = logging.getLogger(__name__)

# Older cursors are refused, so that timelines need not be kept for their sake; a quiet stream's cursor is renewed.
CURSOR_KEPT: Final = timedelta(days=7)
_PAGE: Final = 500
_LOST: Final = "is too old, or of another database than this: watch without one, then list again"
_EVERYWHERE: Final = Scope(None, None)


class Watching:
    """Tells those who watch. One a process; its reader runs only while somebody watches."""

    def __init__(
        self,
        installation: Installation,
        *,
        poll_seconds: float = 0.5,
        quiet_seconds: float = 15.0,
        admit_seconds: float = 45.0,
        queue_max: int = 1_000,
        watchers_max: int = 1_000,
    ) -> None:
        """Tell each watcher something every `quiet_seconds`, and admit them anew every `admit_seconds`."""
        self._at = installation
        self._poll_seconds = poll_seconds
        self._quiet_seconds = quiet_seconds
        self._admit_seconds = admit_seconds
        self._queue_max = queue_max
        self._watchers_max = watchers_max
        self._watchers: set[_Watcher] = set()
        self._reader: asyncio.Task[None] | None = None
        self._place = Place(0, 0)
        self._cluster = ""

    @property
    def watcher_count(self) -> int:
        """How many watch at this moment."""
        return len(self._watchers)

    async def watch(self, call: Call, scope: Scope, cursor: Cursor | None) -> AsyncGenerator[Told, None]:
        """Tell what happens in the scope after the cursor, or from now on, until the caller stops listening.

        The first word says where it begins. InvalidRequest for a cursor that is lost, WatcherTooSlow for who does not
        listen, Unavailable while the database is away or too many watch; the errors of admission whenever they apply.
        """
        loop = asyncio.get_running_loop()
        stand = await self._admit(call, scope)
        admitted_at = told_at = loop.time()
        _check_cursor(cursor, stand, self._at)
        async with self._joined(scope, stand) as (watcher, joined_at):
            place = max(joined_at, stand.settled) if cursor is None else cursor.place
            yield self._told(watcher, place)
            async for page in self._missed(scope, place, joined_at):
                for happening in page:
                    yield self._told(watcher, happening.place, happening)
                admitted_at = await self._admit_again(call, scope, admitted_at)
            place = max(place, joined_at)
            while True:
                due_at = min(told_at + self._quiet_seconds, admitted_at + self._admit_seconds)
                heard = await watcher.next(due_at - loop.time())
                admitted_at = await self._admit_again(call, scope, admitted_at)
                # A cursor of another process may be ahead of this one's reader.
                if heard is not None and heard.place > place:
                    place, told_at = heard.place, loop.time()
                    yield self._told(watcher, place, heard)
                elif heard is None and loop.time() >= told_at + self._quiet_seconds:
                    place, told_at = max(place, self._place), loop.time()
                    yield self._told(watcher, place)

    async def stop(self) -> None:
        """End the reader; safe to repeat. Whoever still watches is told nothing more."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def _admit(self, call: Call, scope: Scope) -> Stand:
        """Let in who may see what they want to watch; say how far the order is settled."""
        async with self._at.database.unit() as unit:
            operator = await admit(unit, call)
            if scope.incident_id is not None:
                workspace_id, _ = found(await incidents.home(unit, scope.incident_id), Missing.INCIDENT)
                if scope.workspace_id not in {None, workspace_id}:
                    raise NotFound(Missing.INCIDENT)
                operator.require(Role.VIEWER, workspace_id, Missing.INCIDENT)
                call.subject["incident_id"] = str(scope.incident_id)
            else:
                assert scope.workspace_id is not None, "a scope names one of both"
                operator.require(Role.VIEWER, scope.workspace_id, Missing.WORKSPACE)
                found(await workspaces.get(unit, scope.workspace_id), Missing.WORKSPACE)
            return await watching.stand(unit)

    async def _admit_again(self, call: Call, scope: Scope, admitted_at: float) -> float:
        """Ask again whether they may watch if it is time to; return when that was asked last."""
        now = asyncio.get_running_loop().time()
        if now < admitted_at + self._admit_seconds:
            return admitted_at
        await self._admit(call, scope)
        return now

    @asynccontextmanager
    async def _joined(self, scope: Scope, stand: Stand) -> AsyncIterator[tuple[_Watcher, Place]]:
        """Listen from the reader's place on, which starts at `stand` where nobody listened before.

        Nothing waits between the look at the place and the joining: what the reader tells after it reaches the queue.
        """
        if len(self._watchers) >= self._watchers_max:
            raise Unavailable("too many watchers")
        if self._reader is None or self._reader.done():
            self._place, self._cluster = stand.settled, stand.cluster
            self._reader = asyncio.create_task(self._read(), name="watch-reader")
        watcher = _Watcher(scope, self._cluster, self._queue_max)
        self._watchers.add(watcher)
        try:
            yield watcher, self._place
        finally:
            self._watchers.discard(watcher)

    async def _missed(self, scope: Scope, after: Place, up_to: Place) -> AsyncIterator[list[Happening]]:
        while after < up_to:
            async with self._at.database.unit() as unit:
                page = await self._page(unit, scope, after, up_to)
            yield page
            if len(page) < _PAGE:
                return
            after = page[-1].place

    async def _read(self) -> None:
        """Look and tell while somebody watches. A database that is away is waited for; any other failure ends all."""
        away = False
        while self._watchers:
            try:
                full = await self._look()
                away = False
            except Unavailable as error:
                if not away:
                    _LOG.warning(names.LOG_WATCH_FAILED, extra={"reason": str(error)})
                full, away = False, True
            except Exception as error:  # noqa: BLE001 - whatever it is, those who watch must hear that it ended
                if not isinstance(error, InvalidRequest):
                    _LOG.exception(names.LOG_WATCH_FAILED)
                self._end_all(error)
                return
            if not full:
                await asyncio.sleep(self._poll_seconds)

    async def _look(self) -> bool:
        """Tell the next part of what happened; say whether there may be more at once."""
        async with self._at.database.unit() as unit:
            stand = await watching.stand(unit)
            if stand.cluster != self._cluster:
                raise InvalidRequest(FieldProblem("cursor", _LOST))
            page = await self._page(unit, _EVERYWHERE, self._place, stand.settled)
        # From here on nothing waits: whoever joins is told all that comes after the place that they saw.
        full = len(page) == _PAGE
        for watcher in list(self._watchers):
            watcher.put([happening for happening in page if _is_in(watcher.scope, happening)])
        self._place = max(self._place, page[-1].place if full else stand.settled)
        return full

    async def _page(self, unit: Unit, scope: Scope, after: Place, up_to: Place) -> list[Happening]:
        now = self._at.clock.now()
        return await watching.happenings(unit, scope, after=after, up_to=up_to, most=_PAGE, now=now)

    def _end_all(self, error: Exception) -> None:
        for watcher in self._watchers:
            watcher.end(error)

    def _told(self, watcher: _Watcher, place: Place, happening: Happening | None = None) -> Told:
        return Told(Cursor(watcher.cluster, place, self._at.clock.now()), happening)


class _Watcher:
    """What one of them has yet to hear, up to a bound."""

    def __init__(self, scope: Scope, cluster: str, queue_max: int) -> None:
        self.scope = scope
        self.cluster = cluster
        self._queue: deque[Happening] = deque()
        self._queue_max = queue_max
        self._error: Exception | None = None
        self._stirred = asyncio.Event()

    def put(self, happenings: list[Happening]) -> None:
        """Add to the queue; where there is no room, end."""
        if self._error is not None or not happenings:
            return
        self._queue.extend(happenings)
        if len(self._queue) > self._queue_max:
            self.end(WatcherTooSlow())
        self._stirred.set()

    def end(self, error: Exception) -> None:
        """Let the watcher hear this instead of anything more."""
        self._queue.clear()
        self._error = error
        self._stirred.set()

    async def next(self, seconds: float) -> Happening | None:
        """Return what comes next, or None if nothing does for so long. Raises what ended the watcher."""
        if not self._queue and self._error is None:
            self._stirred.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stirred.wait()
        if self._error is not None:
            raise self._error
        return self._queue.popleft() if self._queue else None


def _is_in(scope: Scope, happening: Happening) -> bool:
    incident = happening.incident
    if scope.incident_id is not None:
        return scope.incident_id == incident.id
    return scope.workspace_id == incident.workspace_id


def _check_cursor(cursor: Cursor | None, stand: Stand, at: Installation) -> None:
    if cursor is None:
        return
    ahead = cursor.place.transaction_id > stand.next
    if cursor.cluster != stand.cluster or ahead or cursor.at < at.clock.now() - CURSOR_KEPT:
        raise InvalidRequest(FieldProblem("cursor", _LOST))
