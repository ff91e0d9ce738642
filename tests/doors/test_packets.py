"""An evidence packet is the same at both doors, its digests are anybody's to check, and no secret is in it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.json_format import MessageToDict
from tests.doors.conftest import Luota

from luota.v1 import packet_service_pb2 as rpc
from luota.v1.packets_pb2 import Packet, PacketExport
from luota_cli import __main__ as cli

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "packet.md"


def strangers_lines() -> str:
    """The program that the document tells a stranger to run."""
    return DOCUMENT.read_text().split("```python\n")[1].split("```")[0]


def run_by_a_stranger(answer: bytes) -> list[str]:
    command = [sys.executable, "-I", "-c", strangers_lines()]
    outcome = subprocess.run(command, input=answer, capture_output=True, timeout=30, check=True)
    return outcome.stdout.decode().split()


async def opened(luota, scene):
    """Let a run fail that says more than it should, and return its incident's id."""
    body = {
        "monitorId": scene.values["run_monitor"],
        "externalRunId": "job-42",
        "exitCode": 3,
        "summary": f"Cannot log in with {scene.values['run_key']}",
        "output": "password=hunter2hunter2\n€ 😀\u2028",
        "payload": {"n": 2**60, "deep": [1.5, {"authorization": f"Bearer {scene.values['run_key']}"}]},
        "tags": {"é": "1", "😀": "2", "\ufb33": "3"},
    }
    answer = await luota.ask(
        "POST", "/v1/runs/finish", json.dumps(body).encode(), x_luota_key=scene.values["workspace_key"]
    )
    return answer.json["incident"]["id"]


async def read(luota, scene, incident_id, caller="viewer"):
    authorization = f"Bearer {scene.values[caller]}"
    return await luota.ask("GET", f"/v1/incidents/{incident_id}/packet", authorization=authorization)


async def test_the_answer_over_http_is_the_packet_that_anybody_can_verify(luota: Luota, tmp_path) -> None:
    scene = luota.scene()
    answer = await read(luota, scene, await opened(luota, scene))
    assert answer.status == 200
    assert list(answer.json) == [
        "incident",
        "identity",
        "promise",
        "healthySignal",
        "badDaySignal",
        "ownerRoute",
        "auditTrail",
        "alertState",
        "evidenceDigest",
        "exportDigest",
    ]
    file = tmp_path / "packet.json"
    file.write_bytes(answer.body)
    assert cli.main(["packets", "verify", str(file)]) == 0
    assert await asyncio.to_thread(run_by_a_stranger, answer.body) == ["True", "True"]
    assert answer.json["badDaySignal"]["signal"]["payload"].startswith('{"n": 1152921504606846976, "deep": [1.5,')
    assert answer.json["badDaySignal"]["run"]["exitCode"] == 3


async def test_both_doors_and_the_export_say_the_same_bytes(luota: Luota) -> None:
    scene = luota.scene()
    incident_id = await opened(luota, scene)
    over_http = (await read(luota, scene, incident_id)).json
    metadata = (("authorization", f"Bearer {scene.values['viewer']}"),)
    request = rpc.GetPacketRequest(incident_id=incident_id)
    packet = Packet.FromString(await luota.call("luota.v1.PacketService/GetPacket", request, metadata))
    export = PacketExport.FromString(
        await luota.call(
            "luota.v1.PacketService/ExportPacket", rpc.ExportPacketRequest(incident_id=incident_id), metadata
        )
    )
    assert json.loads(export.document) == over_http
    assert export.document == cli.canonical(over_http)
    assert export.export_digest == packet.export_digest == over_http["exportDigest"]
    incident = await luota.ask("GET", f"/v1/incidents/{incident_id}", authorization=f"Bearer {scene.values['viewer']}")
    assert over_http["incident"] == incident.json
    frozen = {
        "identity": MessageToDict(packet.identity),
        "promise": MessageToDict(packet.promise),
        "healthySignal": None,
        "badDaySignal": MessageToDict(packet.bad_day_signal),
    }
    assert not packet.HasField("healthy_signal")
    # A Struct's numbers are doubles; read as JSON they are the same numbers again.
    assert cli.digest_of(cli.read_packet(json.dumps({**over_http, **frozen}).encode())["promise"]) == cli.digest_of(
        over_http["promise"]
    )
    assert packet.evidence_digest == over_http["evidenceDigest"]


async def test_no_secret_that_the_signal_spoke_is_in_a_packet_and_it_says_what_was_taken_out(luota: Luota) -> None:
    scene = luota.scene()
    answer = await read(luota, scene, await opened(luota, scene))
    text = answer.body.decode()
    for token in scene.tokens():
        assert token not in text
        assert token.rpartition(".")[2] not in text
    assert "hunter2" not in text
    signal = answer.json["badDaySignal"]["signal"]
    assert "[redacted:" in signal["summary"]
    assert "[redacted:" in signal["output"]
    assert "[redacted:" in signal["payload"]
    assert {"summary", "output", "payload"} <= {note["field"] for note in signal["notes"]}


async def test_who_may_not_see_it_gets_what_an_unknown_one_gets(luota: Luota) -> None:
    scene = luota.scene()
    incident_id = await opened(luota, scene)
    strange = await read(luota, scene, incident_id, "strange_admin")
    unknown = await read(luota, scene, scene.values["nobody"])
    assert (strange.status, strange.json) == (unknown.status, unknown.json)
    assert strange.status == 404
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await luota.call("luota.v1.PacketService/GetPacket", rpc.GetPacketRequest(incident_id=incident_id), ())
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
