"""What a scene can have been through before its case: each act leaves words for the case to use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import grpc.aio
from tests.doors.conftest import ADDRESS_LIMIT, Luota
from tests.doors.scene import Scene

from luota.v1 import incident_service_pb2 as incidents
from luota.v1 import ingest_service_pb2 as pb

SERVICE: Final = "luota.v1.IngestService"
Act = Callable[[Luota, Scene], Awaitable[None]]


async def started(luota: Luota, scene: Scene) -> None:
    """`{run}` of job-42 runs."""
    scene.values["run"] = (await _start(luota, scene, "run_monitor", "workspace_key")).run.id


async def strange_run(luota: Luota, scene: Scene) -> None:
    """`{strange_run}` runs in another workspace."""
    scene.values["strange_run"] = (await _start(luota, scene, "strange_monitor", "strange_key")).run.id


async def succeeded(luota: Luota, scene: Scene) -> None:
    """`{run}` ended well."""
    await started(luota, scene)
    await _send(luota, scene, "SucceedRun", pb.SucceedRunRequest(run_id=scene.values["run"]))


async def failed(luota: Luota, scene: Scene) -> None:
    """`{run}` ended badly and opened `{incident}`."""
    await started(luota, scene)
    receipt = pb.RunReceipt.FromString(
        await _send(luota, scene, "FailRun", pb.FailRunRequest(run_id=scene.values["run"]))
    )
    scene.values["incident"] = receipt.incident.id


async def taken(luota: Luota, scene: Scene) -> None:
    """The operator has acknowledged `{incident}`."""
    await _steer(luota, scene, "AcknowledgeIncident")


async def ended(luota: Luota, scene: Scene) -> None:
    """The operator has ended `{incident}`."""
    await _steer(luota, scene, "ResolveIncident")


async def pinged(luota: Luota, scene: Scene) -> None:
    """A ping with the key `once` has landed as `{signal}`."""
    request = pb.PingRequest(monitor_id=scene.values["heart_monitor"], signal_id="0190163d-8694-739b-aea5-966c26f8ad91")
    scene.values["signal"] = pb.PingReceipt.FromString(await _send(luota, scene, "Ping", request)).signal.id


async def minute_spent(luota: Luota, scene: Scene) -> None:
    """The 60 tokens a minute of the workspace's key and the run monitor are gone."""
    await _progress_in_batch(luota, scene, 60)


async def hour_spent(luota: Luota, scene: Scene) -> None:
    """The workspace grants 3 an hour to a token and a monitor, and they are gone."""
    _limit(luota, scene, "limit_monitor_token_hour")
    await _progress_in_batch(luota, scene, 3)


async def workspace_spent(luota: Luota, scene: Scene) -> None:
    """The workspace grants itself 3 a minute, and they are gone."""
    _limit(luota, scene, "limit_workspace_minute")
    await _progress_in_batch(luota, scene, 3)


async def address_spent(luota: Luota, scene: Scene) -> None:
    """The scene's address has used up its minute, with a key that is none."""
    for _ in range(ADDRESS_LIMIT // 100):
        try:
            await _progress_in_batch(luota, scene, 100, key="unknown_key")
        except grpc.aio.AioRpcError:
            continue
        raise AssertionError("a key that is none was accepted")


async def _start(luota: Luota, scene: Scene, monitor: str, key: str) -> pb.RunReceipt:
    request = pb.StartRunRequest(run_key=pb.RunKey(monitor_id=scene.values[monitor], external_run_id="job-42"))
    return pb.RunReceipt.FromString(await _send(luota, scene, "StartRun", request, key=key))


async def _progress_in_batch(luota: Luota, scene: Scene, count: int, *, key: str = "workspace_key") -> None:
    """Spend `count` tokens of the key and the run monitor, on a run that does not exist."""
    run_key = pb.RunKey(monitor_id=scene.values["run_monitor"], external_run_id="never-started")
    signals = [pb.BatchSignal(progress=pb.ReportProgressRequest(run_key=run_key)) for _ in range(count)]
    await _send(luota, scene, "BatchIngest", pb.BatchIngestRequest(signals=signals), key=key)


async def _send(luota: Luota, scene: Scene, rpc: str, request: object, *, key: str = "workspace_key") -> bytes:
    metadata = (("x-luota-key", scene.values[key]), ("x-forwarded-for", scene.values["address"]))
    raw: bytes = await luota.call(f"{SERVICE}/{rpc}", request, metadata)  # type: ignore[arg-type]
    return raw


async def _steer(luota: Luota, scene: Scene, rpc: str) -> None:
    request = getattr(incidents, f"{rpc}Request")(incident_id=scene.values["incident"])
    metadata = (("authorization", f"Bearer {scene.values['operator']}"),)
    await luota.call(f"luota.v1.IncidentService/{rpc}", request, metadata)


def _limit(luota: Luota, scene: Scene, column: str) -> None:
    luota.database.execute(f"UPDATE workspaces SET {column} = 3 WHERE id = %s", (scene.values["workspace"],))  # type: ignore[arg-type]


ACTS: Final[dict[str, Act]] = {
    act.__name__: act
    for act in (
        started,
        strange_run,
        succeeded,
        failed,
        taken,
        ended,
        pinged,
        minute_spent,
        hour_spent,
        workspace_spent,
        address_spent,
    )
}
