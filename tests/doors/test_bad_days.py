"""What both doors answer on a bad day of Luota's own: database away, queue full, Redis away, a fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import psycopg
import pytest
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status
from tests.doors.conftest import Luota, running_luota
from tests.doors.scene import Scene
from tests.waiting import until

from luota.v1 import ingest_service_pb2 as pb
from luota.v1 import workspace_service_pb2 as workspaces
from luota_svc.embedded import PrivateServers
from luota_svc.store.migrations import migrate

SERVICE = "luota.v1.IngestService"
UNAVAILABLE = '{"code":"unavailable","error":"Service unavailable"}'
GENEROUS = {
    "LUOTA_LIMIT_MONITOR_TOKEN_MINUTE": "1000000",
    "LUOTA_LIMIT_MONITOR_TOKEN_HOUR": "1000000",
    "LUOTA_LIMIT_WORKSPACE_MINUTE": "1000000",
    "LUOTA_LIMIT_SOURCE_IP_MINUTE": "1000000",
}


@pytest.fixture
async def own_luota(killable_servers: PrivateServers) -> AsyncIterator[Luota]:
    """A Luota whose servers the test may kill."""
    await migrate(killable_servers.database_url())
    async with running_luota(killable_servers.database_url(), killable_servers.redis_url, **GENEROUS) as luota:
        yield luota


@pytest.fixture
async def generous_luota(database_url: str, redis_url: str) -> AsyncIterator[Luota]:
    async with running_luota(database_url, redis_url, **GENEROUS) as luota:
        yield luota


class Asking:
    """The same questions at both doors."""

    def __init__(self, luota: Luota, scene: Scene) -> None:
        self.luota = luota
        self.scene = scene
        self._number = 0

    async def start(self) -> tuple[int, str, str]:
        """Start a new run at each door; return HTTP's status and body and gRPC's code."""
        self._number += 1
        token = self.scene.values["workspace_key"]
        body = self.scene.fill('{"monitorId":"{run_monitor}","externalRunId":"job-' + f'{self._number}"' + "}")
        key = pb.RunKey(monitor_id=self.scene.values["run_monitor"], external_run_id=f"work-{self._number}")
        began = time.monotonic()
        http, code = await asyncio.gather(
            self.luota.ask("POST", "/v1/runs/start", body.encode(), x_luota_key=token),
            code_of(self.luota.call(f"{SERVICE}/StartRun", pb.StartRunRequest(run_key=key), self.metadata)),
        )
        assert time.monotonic() - began < 5
        assert http.request_id.startswith("req-")
        if http.status == 503:
            assert int(http.headers["retry-after"]) >= 1
        return http.status, http.body.decode(), code

    async def manage(self) -> tuple[int, str, str]:
        """Read the workspace at each door."""
        bearer = f"Bearer {self.scene.values['viewer']}"
        request = workspaces.GetWorkspaceRequest(workspace_id=self.scene.values["workspace"])
        began = time.monotonic()
        http, code = await asyncio.gather(
            self.luota.ask("GET", f"/v1/workspaces/{self.scene.values['workspace']}", authorization=bearer),
            code_of(
                self.luota.call("luota.v1.WorkspaceService/GetWorkspace", request, (("authorization", bearer),)),
            ),
        )
        assert time.monotonic() - began < 5
        return http.status, http.body.decode(), code

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-luota-key", self.scene.values["workspace_key"]),)


async def test_without_postgresql_both_doors_say_503_in_time_and_recover_by_themselves(
    own_luota: Luota, killable_servers: PrivateServers
) -> None:
    asking = Asking(own_luota, own_luota.scene())
    assert (await asking.start())[::2] == (202, "OK")
    killable_servers.postgres.kill()
    assert await asking.start() == (503, UNAVAILABLE, "UNAVAILABLE")
    assert await asking.manage() == (503, UNAVAILABLE, "UNAVAILABLE")
    assert await asking.start() == (503, UNAVAILABLE, "UNAVAILABLE")
    await asyncio.to_thread(killable_servers.postgres.start)
    async with asyncio.timeout(10):
        while (await asking.start())[::2] != (202, "OK"):
            pass
    assert (await asking.manage())[::2] == (200, "OK")


async def test_without_redis_ingest_goes_on_and_making_keys_waits(
    own_luota: Luota, killable_servers: PrivateServers
) -> None:
    scene = own_luota.scene()
    asking = Asking(own_luota, scene)
    await asyncio.to_thread(killable_servers.valkey.kill)
    for _ in range(10):
        assert (await asking.start())[::2] == (202, "OK")
    bearer = f"Bearer {scene.values['admin']}"
    made = await own_luota.ask(
        "POST", scene.fill("/v1/workspaces/{workspace}/keys"), b'{"name":"ci"}', authorization=bearer
    )
    assert (made.status, made.body.decode()) == (503, UNAVAILABLE)
    request = workspaces.CreateIngestKeyRequest(workspace_id=scene.values["workspace"])
    method = "luota.v1.WorkspaceService/CreateIngestKey"
    assert await code_of(own_luota.call(method, request, (("authorization", bearer),))) == "UNAVAILABLE"


async def test_a_full_queue_says_503_at_once(generous_luota: Luota, database_url: str) -> None:
    scene = generous_luota.scene()
    asking = Asking(generous_luota, scene)
    assert (await asking.start())[::2] == (202, "OK")
    key = pb.RunKey(monitor_id=scene.values["run_monitor"], external_run_id="never-started")
    signals = [pb.BatchSignal(progress=pb.ReportProgressRequest(run_key=key)) for _ in range(100)]
    batch = pb.BatchIngestRequest(signals=signals)
    body = scene.fill('{"type":"progress","monitorId":"{run_monitor}","externalRunId":"never-started"}')
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM monitors WHERE id = %s FOR NO KEY UPDATE", (scene.values["run_monitor"],))
        # 40 of them fit into a queue of 4,096; the rest must hear so while those wait for the lock.
        waiting = {
            asyncio.ensure_future(code_of(generous_luota.call(f"{SERVICE}/BatchIngest", batch, asking.metadata)))
            for _ in range(46)
        }
        refused: list[str] = []
        while len(refused) < 6:
            done, waiting = await asyncio.wait(waiting, timeout=4, return_when=asyncio.FIRST_COMPLETED)
            refused += [task.result() for task in done]
        assert set(refused) == {"UNAVAILABLE"}
        http = await generous_luota.ask(
            "POST",
            "/v1/ingest/batch",
            ('{"signals":[' + ",".join([body] * 100) + "]}").encode(),
            x_luota_key=scene.values["workspace_key"],
        )
        assert (http.status, http.body.decode()) == (503, UNAVAILABLE)
        assert len(waiting) == 40
        holder.rollback()
    assert set(await asyncio.gather(*waiting)) == {"OK"}
    assert (await asking.start())[::2] == (202, "OK")


async def test_a_fault_of_ours_says_nothing_and_logs_its_cause(generous_luota: Luota) -> None:
    asking = Asking(generous_luota, generous_luota.scene())
    assert (await asking.start())[::2] == (202, "OK")
    generous_luota.database.execute("ALTER TABLE signals RENAME COLUMN traceparent TO mislaid")
    assert await asking.start() == (500, '{"code":"internal","error":"Internal error"}', "INTERNAL")
    # Lines leave by a thread of their own.
    await until(lambda: b"internal_error" in generous_luota.lines.data)
    generous_luota.database.execute("ALTER TABLE signals RENAME COLUMN mislaid TO traceparent")
    assert (await asking.start())[::2] == (202, "OK")


async def code_of(call: Any) -> str:
    """Await a call; return its code. Each refusal is checked for what all refusals carry."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        refused = error
    else:
        return "OK"
    status = rpc_status.from_call(refused)
    assert status is not None, refused
    kinds = [packed.type_url.rpartition(".")[2] for packed in status.details]
    if refused.code() is grpc.StatusCode.UNAVAILABLE:
        assert sorted(kinds) == ["RequestInfo", "RetryInfo"]
        retry = rpc.RetryInfo()
        assert any(packed.Unpack(retry) for packed in status.details)
        assert retry.retry_delay.seconds >= 1
    else:
        assert kinds == ["RequestInfo"]
    return str(refused.code().name)
