"""No connection to a refused address: by literal, name, rebinding or redirect; through a proxy and for drills."""

from __future__ import annotations

import asyncio
from functools import partial
from ipaddress import ip_network

import pytest
from tests.providers.receivers import Names, answer, client, receiver
from tests.servers import free_port

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers import http_client
from luota_svc.providers.http_client import ExchangeFailed, GuardedClient, outcome_of
from luota_svc.rules.address_guard import DENIED, NEVER, host_refusal, refusal

BLOCKED, DELIVERED, UNREACHABLE = OutcomeKind.BLOCKED, OutcomeKind.DELIVERED, OutcomeKind.UNREACHABLE
# Loopback has many addresses: this one stands for the public ones, 127.0.0.1 for those within.
PUBLIC = "127.0.0.2"
ALLOWED = (ip_network(f"{PUBLIC}/32"),)


def guarded(*, allowed=(), **options):
    """Open a client as the service does."""
    return client(
        permit=partial(refusal, allowed=allowed), permit_host=partial(host_refusal, allowed=allowed), **options
    )


async def outcome(made: GuardedClient, url: str) -> Outcome:
    try:
        reply = await made.post(url, b"{}", {})
    except ExchangeFailed as failed:
        return failed.outcome
    return outcome_of(reply, clean=lambda text: text)


def all_denied() -> list[str]:
    ends = [(entry.network[0], entry.network[-1]) for entry in (*NEVER, *DENIED)]
    return sorted({str(address) for pair in ends for address in pair} | {"169.254.169.254", "::ffff:169.254.169.254"})


@pytest.mark.parametrize("spelling", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "127.1"])
async def test_this_machine_is_not_dialled_by_any_spelling(spelling):
    async with receiver(answer(200)) as sink, guarded() as made:
        found = await outcome(made, f"http://{spelling}:{sink.port}/")
        # Where nobody judged the host, the address itself is judged as it is about to be dialled.
        async with client(permit=partial(refusal, allowed=())) as careless:
            second = await outcome(careless, f"http://{spelling}:{sink.port}/")
        assert sink.connections == 0
    assert found.kind is BLOCKED
    assert "LUOTA_DELIVERY_ALLOWED_SUBNETS" in (found.error or "")
    assert second.kind is BLOCKED, second


async def test_no_denied_address_is_dialled_by_literal_or_by_name():
    async with client(permit=partial(refusal, allowed=()), resolver=(names := Names([]))) as made:
        for address in all_denied():
            host = f"[{address}]" if ":" in address else address
            names.answers = [[address]]
            for url in (f"https://{host}/", "https://hooks.example.org/"):
                found = await outcome(made, url)
                assert (found.kind, found.resolved_address) == (BLOCKED, None), address
                assert "SUBNETS" in (found.error or "") or "no setting" in (found.error or "")
    async with guarded() as made:
        for address in all_denied():
            found = await outcome(made, f"https://{f'[{address}]' if ':' in address else address}/")
            assert (found.kind, found.resolved_address) == (BLOCKED, None), address


async def test_a_name_that_leads_outside_and_then_inside_finds_no_gap():
    port = free_port()
    async with receiver(answer(200), host=PUBLIC, port=port) as there, receiver(answer(200), port=port) as sink:
        names = Names([PUBLIC], ["127.0.0.1"])
        async with guarded(allowed=ALLOWED, resolver=names) as made:
            url = f"http://rebinding.example.org:{there.port}/"
            assert (await outcome(made, url)).kind is DELIVERED
            found = await outcome(made, url)
        assert (there.connections, sink.connections) == (1, 0)
        assert names.asked == ["rebinding.example.org"] * 2
    assert found.kind is BLOCKED
    assert (found.error or "").startswith("rebinding.example.org: 127.0.0.1 leads to 127.0.0.0/8")


@pytest.mark.parametrize("addresses", [["127.0.0.1", PUBLIC], [PUBLIC, "127.0.0.1"], ["::1", "127.0.0.1", PUBLIC]])
async def test_of_a_names_addresses_only_those_that_may_be_are_dialled(addresses):
    port = free_port()
    async with receiver(answer(200), host=PUBLIC, port=port) as there, receiver(answer(200), port=port) as sink:
        async with guarded(allowed=ALLOWED, resolver=Names(addresses)) as made:
            found = await outcome(made, f"http://mixed.example.org:{there.port}/")
        assert sink.connections == 0
    assert (found.kind, found.resolved_address) == (DELIVERED, PUBLIC)


async def test_where_the_permitted_address_is_dead_nothing_else_is_dialled():
    async with receiver(answer(200)) as sink, guarded(allowed=ALLOWED, resolver=Names([PUBLIC, "127.0.0.1"])) as made:
        found = await outcome(made, f"http://mixed.example.org:{sink.port}/")
        assert sink.connections == 0
    assert (found.kind, found.resolved_address) == (UNREACHABLE, PUBLIC)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_inside_is_not_followed(status):
    async with receiver(answer(200)) as sink:
        to = answer(status, location=f"http://127.0.0.1:{sink.port}/latest/meta-data/")
        async with receiver(to, host=PUBLIC) as there, guarded(allowed=ALLOWED) as made:
            found = await outcome(made, f"http://{PUBLIC}:{there.port}/")
        assert sink.connections == 0
    assert (found.kind, found.http_status) == (OutcomeKind.REFUSED, status)


async def test_an_exempted_url_goes_past_the_guard_and_takes_nobody_along():
    keeps = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    async def talk(reader, writer) -> None:
        writer.write(keeps)
        await reader.read()

    async with receiver(talk) as there:
        drill = f"http://127.0.0.1:{there.port}/drill/1"
        async with guarded(exempt=lambda url: url == drill, allow_http=False) as made:
            assert (await outcome(made, drill)).kind is DELIVERED
            for other in (f"{drill}/", f"{drill}?a=b", f"http://127.0.0.1:{there.port}/", drill.upper()):
                assert (await outcome(made, other)).kind is BLOCKED
            assert (await outcome(made, drill)).kind is DELIVERED
        # Each on a connection of its own, and none for what is not exempted.
        assert there.connections == 2


class Proxy:
    """What a proxy in between sees; it reaches every host on loopback."""

    def __init__(self, to_port: int, refuses: int = 0) -> None:
        self.to_port = to_port
        self.refuses = refuses
        self.asked: list[bytes] = []

    async def __call__(self, reader, writer) -> None:
        if self.refuses:
            writer.write(answer(self.refuses))
            await writer.drain()
            return
        there, here = await asyncio.open_connection("127.0.0.1", self.to_port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def carry(source, sink) -> None:
            while part := await source.read(65_536):
                sink.write(part)
                await sink.drain()

        try:
            await asyncio.gather(carry(reader, here), carry(there, writer))
        finally:
            here.close()


async def test_through_a_proxy_its_own_address_is_not_judged_but_literal_hosts_are(authority):
    tls = authority.context("hooks.example.org", "127.0.0.1")
    names = Names(["10.0.0.1"])
    async with receiver(answer(200), tls=tls) as there, receiver(Proxy(there.port)) as between:
        proxy = f"http://bot:hunter2@127.0.0.1:{between.port}"
        async with guarded(proxy_url=proxy, ca_file=authority.file, allow_http=False, resolver=names) as made:
            found = await outcome(made, f"https://hooks.example.org:{there.port}/hook")
            assert (found.kind, found.resolved_address) == (DELIVERED, "127.0.0.1 (proxy)")
            assert between.requests[0].startswith(b"CONNECT hooks.example.org:")
            assert b"Proxy-Authorization: Basic " in between.requests[0]
            assert b"hunter2" not in there.requests[0]
            assert b"proxy-auth" not in there.requests[0].lower()
            # The proxy looks names up, we don't.
            assert names.asked == []
            for host in ("127.0.0.1", "169.254.169.254", "localhost", "2130706433", "metadata.google.internal"):
                assert (await outcome(made, f"https://{host}:{there.port}/")).kind is BLOCKED
        assert (between.connections, there.connections) == (1, 1)


async def test_a_drill_goes_past_the_proxy_too():
    async with receiver(answer(200)) as there, receiver(Proxy(there.port)) as between:
        drill = f"http://127.0.0.1:{there.port}/drill/1"
        async with guarded(proxy_url=f"http://127.0.0.1:{between.port}", exempt=lambda url: url == drill) as made:
            assert (await outcome(made, drill)).resolved_address == "127.0.0.1"
        assert between.connections == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [(407, "LUOTA_DELIVERY_PROXY_URL"), (403, "forbids"), (502, "does not reach"), (503, "does not reach")],
)
async def test_what_a_proxy_refuses_is_said_without_its_password(status, words):
    async with (
        receiver(Proxy(0, refuses=status)) as between,
        guarded(proxy_url=f"http://bot:hunter2@127.0.0.1:{between.port}") as made,
    ):
        found = await outcome(made, "https://hooks.example.org/secret-0123456789")
    assert found.kind is UNREACHABLE
    assert words in (found.error or "")
    assert "hunter2" not in repr(found)
    assert "secret-0123456789" not in repr(found)


async def test_a_proxy_that_is_away_or_hangs_is_named(monkeypatch):
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 0.2)

    async def hangs(reader, writer) -> None:
        await reader.read()

    async with receiver(hangs) as between:
        port = between.port
        async with guarded(proxy_url=f"http://bot:hunter2@127.0.0.1:{port}") as made:
            hung = await outcome(made, "https://hooks.example.org/")
    async with guarded(proxy_url=f"http://bot:hunter2@127.0.0.1:{port}") as made:
        away = await outcome(made, "https://hooks.example.org/")
    for found in (hung, away):
        assert found.kind is UNREACHABLE
        assert f"the proxy 127.0.0.1:{port} (LUOTA_DELIVERY_PROXY_URL)" in (found.error or "")
        assert "hunter2" not in repr(found)
