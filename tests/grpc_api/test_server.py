"""Where the server listens, and what it refuses to start with."""

from __future__ import annotations

import re
import socket

import pytest
from tests.grpc_api.conftest import GET_MONITOR, START, Bench

from luota_svc.grpc_api import AddressTaken
from luota_svc.grpc_api.methods import ContractBroken, bind_methods, bind_streams


async def test_a_second_server_on_the_port_is_told_so_in_one_line(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    other = bench.unstarted()
    with pytest.raises(AddressTaken, match=f"^port {bench.port} is taken on 127.0.0.1; "):
        await other.start(f"127.0.0.1:{bench.port}")
    assert capfd.readouterr().err == ""
    await bench.send(START, b"")


async def test_a_port_held_by_a_stranger_is_told_too(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(AddressTaken, match=f"port {port} is taken"):
            await bench.unstarted().start(f"127.0.0.1:{port}")


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "127.0.0.1:99999", "no.such.host.invalid:0"])
async def test_an_address_that_is_not_ours_is_told_with_the_reason(bench: Bench, listen: str) -> None:
    with pytest.raises(AddressTaken, match="cannot listen on"):
        await bench.unstarted().start(listen)


async def test_the_loopback_of_ipv6_serves(bench: Bench) -> None:
    server = bench.unstarted()
    port = await server.start("[::1]:0")
    assert port > 0
    await server.stop(0.0)


async def test_a_method_without_an_implementation_stops_the_start(bench: Bench) -> None:
    methods = dict(bench.core.methods)
    del methods[GET_MONITOR]
    with pytest.raises(ContractBroken, match="not implemented: " + re.escape(GET_MONITOR)):
        bind_methods(methods)


async def test_a_stream_without_an_implementation_stops_the_start() -> None:
    with pytest.raises(ContractBroken, match=r"not implemented: luota\.v1\.IncidentService/WatchIncidents"):
        bind_streams({})


async def test_an_implementation_of_no_method_stops_the_start(bench: Bench) -> None:
    with pytest.raises(ContractBroken, match=r"not in luota\.v1: luota\.v1\.Old/Gone"):
        bind_methods({**bench.core.methods, "luota.v1.Old/Gone": bench.core.methods[START]})


async def test_every_method_of_the_contract_is_served(bench: Bench) -> None:
    for method in bench.core.methods:
        await bench.send(method, b"")
    assert [call.method for call, _ in bench.core.calls] == list(bench.core.methods)
