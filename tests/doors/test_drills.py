"""A drill at both doors, its receiver, and the command where no worker runs or somebody is interrupted."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest
from tests.doors.conftest import WAIT, Luota
from tests.doors.scene import Scene
from tests.doors.test_stories import as_operator, code_of, manage

from luota.v1 import drill_service_pb2 as rpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = "luota.v1.DrillService"


async def test_a_drill_is_led_at_both_doors_and_its_receiver_refuses_until_it_is_repaired(luota: Luota) -> None:
    scene = luota.scene()
    made = await manage(luota, scene, "POST", "/v1/workspaces/{workspace}/drills", {})
    assert made["receiverUrl"] == f"https://luota.example/v1/drills/{made['id']}/receiver"
    assert made["token"].startswith("wfmn1.")
    path = f"/v1/drills/{made['id']}"
    assert "token" not in await manage(luota, scene, "GET", path)
    refused = await luota.ask("POST", f"{path}/receiver", b'{"subject":"x"}')
    assert (refused.status, refused.json["code"]) == (503, "drill")
    repair = rpc.RepairDrillRequest(drill_id=made["id"])
    repaired = rpc.Drill.FromString(await luota.call(f"{SERVICE}/RepairDrill", repair, as_operator(scene)))
    assert (repaired.received_count, repaired.HasField("repaired_at")) == (1, True)
    taken = await luota.ask("POST", f"{path}/receiver", b"\xff no JSON at all")
    assert (taken.status, taken.json) == (200, {"received": True})
    assert taken.request_id.startswith("req-")
    assert (await luota.ask("POST", f"{path}/receiver", b"x" * 65_537)).status == 413
    assert (await luota.ask("GET", f"{path}/receiver")).status == 405
    ended = await manage(luota, scene, "DELETE", path)
    assert (ended["receivedCount"], bool(ended["endedAt"])) == (2, True)
    assert (await luota.ask("POST", f"{path}/receiver")).status == 404
    assert await code_of(luota.call(f"{SERVICE}/RepairDrill", repair, as_operator(scene))) == "FAILED_PRECONDITION"
    viewer = {"authorization": f"Bearer {scene.values['viewer']}"}
    assert (await luota.ask("POST", scene.fill("/v1/workspaces/{workspace}/drills"), **viewer)).status == 403
    strange = {"authorization": f"Bearer {scene.values['strange_admin']}"}
    assert (await luota.ask("DELETE", path, **strange)).status == 404


async def drilling(luota: Luota, scene: Scene, *options: str, who: str = "admin") -> Process:
    """Run the command against this Luota."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LUOTA_")}
    env["LUOTA_OPERATOR_TOKEN"] = scene.values.get(who, who)
    url = f"http://127.0.0.1:{luota.application.http_port}"
    command = [sys.executable, "-m", "luota_svc", "drill", "--state-dir", "/nowhere", *(options or ("--url", url))]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=env)


async def outcome(process: Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(WAIT):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_drill_that_is_interrupted_removes_what_it_made(luota: Luota) -> None:
    scene = luota.scene()
    process = await drilling(luota, scene)
    assert process.stdout is not None
    async with asyncio.timeout(WAIT):
        # Nobody here works the outbox: the command waits for the first attempt.
        while b"2 opened" not in (line := await process.stdout.readline()):
            assert line, (await process.communicate())[1]
    process.send_signal(signal.SIGINT)
    code, out, err = await outcome(process)
    assert (code, err) == (1, "luota-svc: interrupted\n")
    assert "removed   monitor and route" in out
    (standing,) = (
        luota.database.execute(
            "SELECT count(*) FILTER (WHERE ended_at IS NULL) FROM drills WHERE workspace_id = %s",
            (scene.values["workspace"],),
        ).fetchone()
        or ()
    )
    assert standing == 0


async def test_a_drill_whose_receiver_never_hears_of_it_says_so_and_fails_whoever_took_it(luota: Luota) -> None:
    scene = luota.scene()
    process = await drilling(luota, scene)
    assert process.stdout is not None
    ours = " WHERE workspace_id = %s AND reason = 'drill'"
    failed = "state = 'failed_retrying', first_failed_at = now(), last_error = 'It answered 404'"
    taken = "state = 'delivered', next_attempt_at = NULL, settled_at = now()"
    said = b""
    async with asyncio.timeout(WAIT):
        # Stands for a worker whose way leads elsewhere.
        for heard, came_to in ((b"2 opened", failed), (b"repaired", taken)):
            while heard not in (line := await process.stdout.readline()):
                assert line, (await process.communicate())[1]
                said += line
            luota.database.execute(f"UPDATE deliveries SET {came_to}{ours}", (scene.values["workspace"],))
    assert b"its receiver has not heard of it: LUOTA_PUBLIC_URL must lead from the workers" in said
    code, out, err = await outcome(process)
    assert code == 1
    first, second = err.splitlines()
    assert first == "luota-svc: something else took it: its receiver has not heard of it"
    assert second.startswith("luota-svc: LUOTA_PUBLIC_URL must lead from the workers")
    assert "3 told" not in out
    assert "removed   monitor and route" in out


@pytest.mark.parametrize(
    ("options", "who", "code", "words"),
    [
        ((), "wrong_secret", 2, "Luota refuses: 401: Invalid operator token"),
        ((), "viewer", 2, "Luota refuses: 403: This needs the role operator"),
        ((), "root", 2, "say in which workspace: --workspace <id>"),
        (("--url", "ftp://luota.example"), "admin", 2, "is no http:// or https:// URL"),
        (("--url", "http://127.0.0.1:1"), "admin", 1, "Luota can't be reached at http://127.0.0.1:1"),
        (("--workspace", "x"), "", 2, "say which Luota: --url and LUOTA_OPERATOR_TOKEN"),
    ],
)
async def test_what_keeps_a_drill_from_starting_is_said_in_one_line(luota, options, who, code, words) -> None:
    ended, out, err = await outcome(await drilling(luota, luota.scene(), *options, who=who))
    assert ended == code
    assert err.startswith("luota-svc: ")
    assert words in err
    assert err.count("\n") == 1
    assert "wfop1" not in out + err
