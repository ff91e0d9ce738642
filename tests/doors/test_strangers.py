"""What is answered without credentials is paid for by the address that asks, before anything is looked up."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from tests.doors.acts import address_spent
from tests.doors.conftest import ADDRESS_LIMIT, Luota

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = "ingest.source_ip.minute"
PATHS = ["/v1/providers/pagerduty/{}", "/v1/drills/{}/receiver"]


@pytest.mark.parametrize(("path", "status"), [(PATHS[0], 401), (PATHS[1], 404)])
async def test_a_stranger_pays_one_token_for_each_knock(luota: Luota, path, status) -> None:
    address = luota.scene().values["address"]
    for knock in (1, 2):
        answer = await luota.ask("POST", path.format(uuid4()), b"{}", x_forwarded_for=address)
        assert answer.status == status
        assert answer.headers["ratelimit-policy"] == f'"{POLICY}";q={ADDRESS_LIMIT};w=60'
        assert answer.headers["ratelimit"].startswith(f'"{POLICY}";r={ADDRESS_LIMIT - knock};')


@pytest.mark.parametrize("path", PATHS)
async def test_an_address_that_has_spent_its_minute_is_refused_and_others_are_not(luota: Luota, path) -> None:
    scene = luota.scene()
    await address_spent(luota, scene)
    refused = await luota.ask("POST", path.format(uuid4()), b"{}", x_forwarded_for=scene.values["address"])
    assert refused.status == 429
    wait = int(refused.headers["retry-after"])
    body = {"error": "Rate limit exceeded", "policy": POLICY, "retryAfterSeconds": wait, "limit": ADDRESS_LIMIT}
    assert list(json.loads(refused.body).items()) == list(body.items())
    other = await luota.ask("POST", path.format(uuid4()), b"{}", x_forwarded_for=luota.scene().values["address"])
    assert other.status in {401, 404}
