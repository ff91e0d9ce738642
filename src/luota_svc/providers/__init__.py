"""One vendor a file: an alert goes out, an outcome comes back. No provider knows another, or the database."""

from __future__ import annotations

from typing import Protocol

from luota_svc.model.deliveries import Dispatch, Outcome


class Provider(Protocol):
    """How one kind of route is told."""

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Make one attempt and say what became of it; at most 15 s, whatever the other side does.

        Raises nothing but CancelledError: every failure is an outcome. Called from many tasks at once.
        """
        ...
