"""Every case through both doors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import grpc.aio
import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status
from tests.doors.acts import ACTS
from tests.doors.case import Case, matches
from tests.doors.cases_ingest import CASES as INGEST
from tests.doors.cases_refusals import CASES as REFUSALS
from tests.doors.cases_steering import CASES as STEERING
from tests.doors.conftest import Luota
from tests.doors.scene import Scene
from tests.http_api.wire import request_bytes

from luota_svc.grpc_api.methods import contract_services

CASES = [*INGEST, *REFUSALS, *STEERING]
METHODS = {
    f"{service.full_name}/{method.name}": method for service in contract_services() for method in service.methods
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_names_tell_cases_apart() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", [case for case in CASES if case.http], ids=lambda case: case.name)
async def test_over_http(luota: Luota, case: Case) -> None:
    scene = await prepared(luota, case)
    assert case.http is not None
    method, path = scene.fill(case.http).split(" ")
    headers = {"x-forwarded-for": "{address}", **_credentials(case), **case.headers}
    body = scene.fill(case.body).encode()
    response = await luota.http(request_bytes(method, path, body, **{k: scene.fill(v) for k, v in headers.items()}))
    said = response.body.decode()
    assert (response.status, said) == (case.status, said if matches(scene.fill(case.answer), said) else case.answer)
    assert matches("<req>", response.request_id)
    for name, value in case.answer_headers.items():
        assert matches(scene.fill(value), response.headers[name]), (name, response.headers[name])
    if said:
        assert response.headers["content-type"] == "application/json"
        told = json.loads(said)
        if case.bearer is None:  # what operators read names the request that caused it
            assert told.get("requestId", response.request_id) == response.request_id
        if response.status == 429:
            assert response.headers["retry-after"] == str(told["retryAfterSeconds"])
    _check_what_is_left(luota, scene, case)


@pytest.mark.parametrize("case", [case for case in CASES if case.rpc], ids=lambda case: case.name)
async def test_over_grpc(luota: Luota, case: Case) -> None:
    scene = await prepared(luota, case)
    headers = {"x-forwarded-for": "{address}", **_credentials(case), **case.metadata}
    metadata = tuple((name, scene.fill(value)) for name, value in headers.items())
    call = luota.call(f"luota.v1.{case.rpc}", _request(scene, case), metadata)
    if case.code == "OK":
        answer = GetMessageClass(METHODS[f"luota.v1.{case.rpc}"].output_type).FromString(await call)
        request_id = dict(await call.trailing_metadata())["x-request-id"]
        told = json_format.MessageToDict(answer, preserving_proto_field_name=True)
        assert _differences(scene, case.reply, told) == []
        if case.bearer is None:
            assert told.get("request_id", request_id) == request_id
    else:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        _check_refusal(scene, case, caught.value)
    _check_what_is_left(luota, scene, case)


async def prepared(luota: Luota, case: Case) -> Scene:
    scene = luota.scene()
    for act in case.before:
        await ACTS[act](luota, scene)
    return scene


def _credentials(case: Case) -> dict[str, str]:
    shown = {}
    if case.token is not None:
        shown["x-luota-key"] = case.token
    if case.bearer is not None:
        shown["authorization"] = f"Bearer {case.bearer}"
    return shown


def _request(scene: Scene, case: Case) -> Any:
    if isinstance(case.message, bytes):
        return case.message
    request = GetMessageClass(METHODS[f"luota.v1.{case.rpc}"].input_type)()
    return json_format.ParseDict(json.loads(scene.fill(json.dumps(case.message))), request)


def _check_refusal(scene: Scene, case: Case, error: grpc.aio.AioRpcError) -> None:
    assert error.code().name == case.code, error.details()
    if case.error is not None:
        assert error.details() == scene.fill(case.error)
    trailers = dict(error.trailing_metadata() or ())
    assert matches("<req>", str(trailers["x-request-id"]))
    if case.code == "UNIMPLEMENTED":
        return
    status = rpc_status.from_call(error)
    assert status is not None
    kinds = {packed.type_url.rpartition(".")[2]: packed for packed in status.details}
    assert len(kinds) == len(status.details), "each kind once"
    assert sorted(kinds) == sorted((*case.kinds, *(["ErrorInfo"] if case.reason else []), "RequestInfo"))
    assert _unpacked(kinds["RequestInfo"], rpc.RequestInfo()).request_id == trailers["x-request-id"]
    if case.reason:
        info = _unpacked(kinds["ErrorInfo"], rpc.ErrorInfo())
        assert info.reason == case.reason
        assert _differences(scene, case.facts, dict(info.metadata)) == []
    if "RetryInfo" in kinds:
        assert _unpacked(kinds["RetryInfo"], rpc.RetryInfo()).retry_delay.seconds >= 1


def _unpacked(packed: Any, message: Any) -> Any:
    assert packed.Unpack(message)
    return message


def _differences(scene: Scene, wanted: Mapping[str, Any], told: Mapping[str, Any], path: str = "") -> list[str]:
    """Tell where a reply is not what was wanted. What is not wanted is not looked at; None wants absence."""
    found = []
    for name, value in wanted.items():
        there = told.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            found += _differences(scene, value, there, f"{path}{name}.")
        elif isinstance(value, list) and isinstance(there, list) and len(value) == len(there):
            for at, (one, other) in enumerate(zip(value, there, strict=True)):
                found += _differences(scene, {str(at): one}, {str(at): other}, f"{path}{name}.")
        elif isinstance(value, str) and isinstance(there, str):
            found += [] if matches(scene.fill(value), there) else [f"{path}{name}: {there!r}"]
        elif value != there:
            found.append(f"{path}{name}: {there!r}")
    return found


def _check_what_is_left(luota: Luota, scene: Scene, case: Case) -> None:
    if case.signals is None:
        return
    count = luota.database.execute(
        "SELECT count(*) FROM signals WHERE workspace_id = %s", (scene.values["workspace"],)
    ).fetchone()
    assert count == (case.signals,)
