"""Watching through both doors: the same things in the same order, a break in between, and the end at a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
import pytest
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status
from tests.doors.acts import failed, succeeded
from tests.doors.conftest import WAIT, Luota, running_luota
from tests.doors.scene import Scene
from tests.http_api.wire import Connection, EventStream, request_bytes
from tests.servers import empty

from luota.v1 import incident_service_pb2 as incidents
from luota.v1 import incidents_pb2 as pb
from luota_svc.embedded import PrivateServers

pytestmark = pytest.mark.asyncio(loop_scope="module")

WATCH = "/luota.v1.IncidentService/WatchIncidents"
ENDED = "OPENED", "NOTE", "RESOLVED"


def watch(luota: Luota, scene: Scene, **words: str) -> grpc.aio.UnaryStreamCall:
    request = incidents.WatchIncidentsRequest(**{"workspace_id": scene.values["workspace"], **words})
    call: grpc.aio.UnaryStreamCall = luota.channel.unary_stream(
        WATCH, incidents.WatchIncidentsRequest.SerializeToString, incidents.WatchIncidentsResponse.FromString
    )(request, metadata=(("authorization", f"Bearer {scene.values['viewer']}"),))
    return call


@asynccontextmanager
async def events(luota: Luota, scene: Scene, query: str = "", **headers: str) -> AsyncIterator[EventStream]:
    connection = await Connection.open(luota.application.http_port)
    try:
        stream = EventStream(connection)
        path = scene.fill("/v1/workspaces/{workspace}/incidents:watch") + query
        headers = {"authorization": scene.fill("Bearer {viewer}"), **headers}
        response = await stream.begin(request_bytes("GET", path, **headers))
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
        yield stream
    finally:
        await connection.close()


async def steer(luota: Luota, scene: Scene) -> None:
    """A note, and the end."""
    for verb in ("addNote", "resolve"):
        response = await luota.ask(
            "POST",
            scene.fill("/v1/incidents/{incident}:") + verb,
            b'{"note": "Disk was full"}',
            authorization=scene.fill("Bearer {operator}"),
        )
        assert response.status == 200, response.body


async def read(call: grpc.aio.UnaryStreamCall) -> incidents.WatchIncidentsResponse:
    async with asyncio.timeout(WAIT):
        message = await call.read()
    assert isinstance(message, incidents.WatchIncidentsResponse)
    return message


async def test_both_doors_tell_the_same_in_the_same_order(luota: Luota) -> None:
    scene = luota.scene()
    call = watch(luota, scene)
    assert not (await read(call)).HasField("event")
    async with events(luota, scene) as stream:
        first = await stream.next()
        assert first is not None
        assert (first.comment, first.data) == ("keep-alive", "")
        await failed(luota, scene)
        await steer(luota, scene)
        for word in ENDED:
            told, event = await read(call), await stream.next()
            assert event is not None
            assert told.event.event == pb.TimelineEvent.Value(f"TIMELINE_EVENT_{word}")
            assert (event.event, event.json["event"]["event"]) == ("incident", word.lower())
            assert event.json["event"]["number"] == told.event.number
            assert event.json["incident"]["id"] == told.incident.id == scene.values["incident"]
            assert event.id == event.json["cursor"]
    call.cancel()


async def test_a_break_is_bridged_by_the_last_cursor_at_either_door(luota: Luota) -> None:
    scene = luota.scene()
    call = watch(luota, scene)
    cursor = (await read(call)).cursor
    call.cancel()
    await failed(luota, scene)
    await steer(luota, scene)
    async with events(luota, scene, f"?cursor={cursor}") as stream:
        await stream.next()
        opened = await stream.next()
        assert opened is not None
        assert opened.json["event"]["event"] == "opened"
    # A browser repeats its first address and says what it saw last.
    async with events(luota, scene, f"?cursor={cursor}", last_event_id=opened.id) as stream:
        await stream.next()
        note = await stream.next()
        assert note is not None
        assert note.json["event"]["detail"] == "Disk was full"
    call = watch(luota, scene, cursor=note.id)
    assert (await read(call)).cursor
    assert (await read(call)).event.event == pb.TIMELINE_EVENT_RESOLVED
    call.cancel()


async def test_one_incident_may_be_watched_alone(luota: Luota) -> None:
    scene, other = luota.scene(), luota.scene()
    await failed(luota, scene)
    call = watch(luota, scene, workspace_id="", incident_id=scene.values["incident"])
    await read(call)
    await failed(luota, other)
    await succeeded(luota, luota.scene())
    await steer(luota, scene)
    assert [(await read(call)).event.event for _ in range(2)] == [pb.TIMELINE_EVENT_NOTE, pb.TIMELINE_EVENT_RESOLVED]
    call.cancel()


async def test_a_stop_ends_every_stream_at_once_and_says_so(module_database_url: str, servers: PrivateServers) -> None:
    empty(servers.redis_url)
    async with running_luota(module_database_url, servers.redis_url) as luota:
        scene = luota.scene()
        call = watch(luota, scene)
        await read(call)
        async with events(luota, scene) as stream:
            await stream.next()
            stopping = asyncio.ensure_future(luota.application.stop())
            event = await stream.next()
            assert event is not None
            assert (event.event, event.json["code"]) == ("end", "unavailable")
            assert await stream.next() is None
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read(call)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        status = rpc_status.from_call(caught.value)
        assert status is not None
        assert any(packed.Is(rpc.RetryInfo.DESCRIPTOR) for packed in status.details)
        async with asyncio.timeout(WAIT):
            await stopping
