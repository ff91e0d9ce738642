"""Server-sent events: refused as any request until they begin, and whatever ends them is the last event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.http_api.conftest import RUN, Door
from tests.http_api.wire import WAIT, EventStream, request_bytes

from luota.v1.incident_service_pb2 import WatchIncidentsResponse
from luota.v1.incidents_pb2 import TIMELINE_EVENT_NOTE, Incident, IncidentEvent
from luota_svc.model import errors

PATH = f"/v1/workspaces/{RUN}/incidents:watch"
QUIET = WatchIncidentsResponse(cursor="c1")
TOLD = WatchIncidentsResponse(
    cursor="c2",
    event=IncidentEvent(number=7, event=TIMELINE_EVENT_NOTE, detail="two\nlines"),
    incident=Incident(id="i"),
)


@asynccontextmanager
async def watching(door: Door, query: str = "", **headers: str) -> AsyncIterator[EventStream]:
    connection = await door.connect()
    try:
        stream = EventStream(connection)
        response = await stream.begin(request_bytes("GET", PATH + query, **headers))
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        assert response.request_id == door.core.call.request_id
        yield stream
    finally:
        await connection.close()


async def finished(door: Door) -> None:
    async with asyncio.timeout(WAIT):
        while not door.lines:  # noqa: ASYNC110 - the last turns of a task tell nobody
            await asyncio.sleep(0)


async def test_each_message_is_an_event_whose_id_is_its_cursor(door: Door) -> None:
    door.core.watch = [QUIET, TOLD]
    async with watching(door, f"?incidentId={RUN}&cursor=c0") as stream:
        quiet, told, end = [await stream.next() for _ in range(3)]
    assert quiet is not None
    assert (quiet.id, quiet.event, quiet.data, quiet.comment) == ("c1", "", "", "keep-alive")
    assert told is not None
    assert (told.id, told.event) == ("c2", "incident")
    assert told.json["cursor"] == "c2"
    assert (told.json["event"]["event"], told.json["event"]["detail"]) == ("note", "two\nlines")
    assert told.json["incident"]["id"] == "i"
    assert end is None
    request = door.core.request
    assert (request.workspace_id, request.incident_id, request.cursor) == (RUN, RUN, "c0")
    await finished(door)
    assert [(record.method, record.status) for record in door.records] == [
        ("GET /v1/workspaces/{workspaceId}/incidents:watch", "200")
    ]


async def test_the_last_id_that_a_browser_saw_goes_before_the_cursor_of_its_address(door: Door) -> None:
    async with watching(door, "?cursor=c0", last_event_id="c9") as stream:
        await stream.next()
    assert door.core.request.cursor == "c9"


async def test_until_it_begins_a_refusal_is_an_answer_as_any_other(door: Door) -> None:
    door.core.watch = [errors.InvalidRequest(errors.FieldProblem("cursor", "is none of ours"))]
    answer = await door.ask("GET", PATH)
    assert (answer.status, answer.json["error"]) == (400, "cursor: is none of ours")
    assert (await door.ask("GET", PATH + "?colour=red")).status == 400
    assert (await door.ask("POST", PATH)).status == 405


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidOperatorToken(), "unauthenticated"),
        (errors.WatcherTooSlow(), "watcher_too_slow"),
        (RuntimeError("secret cause"), "internal"),
    ],
)
async def test_what_ends_it_later_is_the_last_event(door: Door, error: Exception, code: str) -> None:
    door.core.watch = [QUIET, error]
    async with watching(door) as stream:
        await stream.next()
        event, end = await stream.next(), await stream.next()
    assert event is not None
    assert (event.event, event.json["code"], end) == ("end", code, None)
    assert "secret cause" not in event.data
    await finished(door)
    assert door.lines[0]["code"] in {code, "invalid_operator_token"}


async def test_a_client_that_goes_ends_the_stream(door: Door) -> None:
    door.core.watch = [QUIET, asyncio.Event()]
    async with watching(door) as stream:
        await stream.next()
        stream.reset()
        await asyncio.wait_for(door.core.watch_ended.wait(), WAIT)
    await finished(door)


async def test_a_stop_ends_every_stream_at_once(door: Door) -> None:
    door.core.watch = [QUIET, asyncio.Event()]
    async with watching(door) as one, watching(door) as other:
        for stream in (one, other):
            await stream.next()
        stopping = asyncio.ensure_future(door.server.stop(60.0))
        for stream in (one, other):
            event = await stream.next()
            assert event is not None
            assert (event.event, event.json) == ("end", {"code": "unavailable", "error": "Service unavailable"})
            assert await stream.next() is None
        await asyncio.wait_for(stopping, WAIT)


async def test_a_head_is_told_that_there_is_a_stream_and_nothing_more(door: Door) -> None:
    door.core.watch = [QUIET, asyncio.Event()]
    answer = await door.send(request_bytes("HEAD", PATH), "HEAD")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    await asyncio.wait_for(door.core.watch_ended.wait(), WAIT)


async def test_the_connection_serves_further_requests_after_a_stream(door: Door) -> None:
    door.core.watch = [QUIET]
    connection = await door.connect()
    stream = EventStream(connection)
    await stream.begin(request_bytes("GET", PATH))
    assert [await stream.next() is None for _ in range(2)] == [False, True]
    await connection.send(request_bytes("GET", "/healthz"))
    assert (await connection.response()).status == 200
    await connection.close()
