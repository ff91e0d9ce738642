"""Drills: message -> use case -> message; and what a drill's own receiver answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from luota.v1 import drill_service_pb2 as rpc
from luota_svc.core.convert import path_id, timestamp
from luota_svc.model.call import Call
from luota_svc.model.drills import Drill
from luota_svc.rules.drills import receiver_url
from luota_svc.usecases import drills
from luota_svc.usecases.installation import Installation


async def start_drill(at: Installation, call: Call, request: rpc.StartDrillRequest) -> rpc.Drill:
    """Make one; answers its monitor's token too."""
    drill, token = await drills.start_drill(at, call, path_id(request.workspace_id))
    message = drill_message(at, drill)
    message.token = token
    return message


async def get_drill(at: Installation, call: Call, request: rpc.GetDrillRequest) -> rpc.Drill:
    """Read one."""
    return drill_message(at, await drills.get_drill(at, call, path_id(request.drill_id)))


async def repair_drill(at: Installation, call: Call, request: rpc.RepairDrillRequest) -> rpc.Drill:
    """Let its receiver take what it is told."""
    return drill_message(at, await drills.repair_drill(at, call, path_id(request.drill_id)))


async def end_drill(at: Installation, call: Call, request: rpc.EndDrillRequest) -> rpc.Drill:
    """Remove what it made."""
    return drill_message(at, await drills.end_drill(at, call, path_id(request.drill_id)))


def drill_message(at: Installation, drill: Drill) -> rpc.Drill:
    """Return a drill as operators read it."""
    return rpc.Drill(
        id=str(drill.id),
        workspace_id=str(drill.workspace_id),
        monitor_id=str(drill.monitor_id),
        route_id=str(drill.route_id),
        receiver_url=receiver_url(at.public_url, drill.id),
        received_count=drill.received_count,
        created_at=timestamp(drill.created_at),
        expires_at=timestamp(drill.expires_at),
        repaired_at=timestamp(drill.repaired_at),
        ended_at=timestamp(drill.ended_at),
    )


class DrillReceiver:
    """What a drill's route is told to. No part of the contract: only our own worker posts there."""

    def __init__(self, at: Installation, *, admit: Callable[[Call], Awaitable[None]]) -> None:
        """Belong to one installation. `admit` charges a caller's address: a worker shows no credentials there."""
        self._at = at
        self._admit = admit

    async def receive(self, call: Call, drill_id: UUID) -> bool | None:
        """Take a word: True where the receiver is repaired, False where it refuses, None where there is no drill.

        RateLimited where the caller's address can't pay.
        """
        await self._admit(call)
        return await drills.receive(self._at, drill_id)
