"""The inbox's page stands at the HTTP door of `dev`, and of nobody else; a foreign name reads nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.doors.conftest import Luota, running_luota
from tests.http_api.wire import Response
from tests.servers import Databases

from luota_svc.clock import RealClock
from luota_svc.embedded import PrivateServers

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dev(template_database: Databases, servers: PrivateServers) -> AsyncIterator[Luota]:
    with template_database.clone() as url:
        async with running_luota(url, servers.redis_url, dev_file=Path("/nowhere/dev.json")) as luota:
            yield luota


async def look(luota: Luota, path: str, method: str = "GET", host: str = "127.0.0.1:8080") -> Response:
    length = "content-length: 0\r\n" if method == "POST" else ""
    return await luota.http(f"{method} {path} HTTP/1.1\r\nhost: {host}\r\n{length}\r\n".encode())


async def test_the_page_is_shown_with_a_request_id_and_its_headers(dev: Luota) -> None:
    page = await look(dev, "/inbox")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["x-request-id"].startswith("req-")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert b"No alert yet" in page.body


async def test_what_was_kept_is_shown_and_one_alone(dev: Luota) -> None:
    message = RealClock().new_id()
    dev.database.execute(
        "INSERT INTO inbox_messages VALUES (%s, %s, %s, now(), %s, 'req-7')",
        (message, message, message, b'{"subject": "It broke"}'),
    )
    assert b"It broke" in (await look(dev, "/inbox")).body
    assert b"req-7" in (await look(dev, f"/inbox/{message}")).body
    assert (await look(dev, f"/inbox/{RealClock().new_id()}")).status == 404
    assert (await look(dev, "/inbox/x")).json == {"code": "not_found", "error": "Not found"}
    dev.database.execute("DELETE FROM inbox_messages")


async def test_it_is_only_looked_at(dev: Luota) -> None:
    refused = await look(dev, "/inbox", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "[::2]", ""])
async def test_a_foreign_name_that_points_here_reads_nothing(dev: Luota, host: str) -> None:
    assert (await look(dev, "/inbox", host=host)).status == 404


@pytest.mark.parametrize("host", ["localhost:8080", "[::1]:8080", "LOCALHOST", "luota.example"])
async def test_a_loopback_name_or_the_installations_own_reads_it(dev: Luota, host: str) -> None:
    assert (await look(dev, "/inbox", host=host)).status == 200


async def test_who_serves_has_no_inbox(luota: Luota) -> None:
    assert (await look(luota, "/inbox")).status == 404
