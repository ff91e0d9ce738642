"""The client and TLS: whose certificate is taken, and what is said where it is not."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from tests.providers.receivers import answer, client, outcome, receiver

from luota_svc.model.deliveries import OutcomeKind
from luota_svc.providers import http_client

DELIVERED, UNREACHABLE = OutcomeKind.DELIVERED, OutcomeKind.UNREACHABLE


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [
        (("other.example.org",), 1, "made for another name"),
        (("127.0.0.1",), -1, "has expired"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_said(authority, names, days, words):
    tls = authority.context(*names, days=days)
    async with receiver(answer(200), tls=tls) as there, client(ca_file=authority.file) as made:
        found = await outcome(made, f"https://127.0.0.1:{there.port}/")
        assert there.requests == []
    assert (found.kind, words in (found.error or "")) == (UNREACHABLE, True), found


async def test_an_unknown_authority_is_refused_until_the_operator_names_it(authority):
    async with receiver(answer(200), tls=authority.context("127.0.0.1")) as there:
        url = f"https://127.0.0.1:{there.port}/"
        async with client() as made:
            found = await outcome(made, url)
        assert found.kind is UNREACHABLE
        assert "LUOTA_DELIVERY_CA_FILE" in (found.error or "")
        assert there.requests == []
        async with client(ca_file=authority.file) as made:
            assert (await outcome(made, url)).kind is DELIVERED


async def test_a_port_without_tls_is_said():
    async def no_tls(reader, writer) -> None:
        await reader.read(1)
        writer.write(answer(400))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    async with server, client() as made:
        found = await outcome(made, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert found.kind is UNREACHABLE
    assert "does not speak TLS" in (found.error or "")


async def test_a_port_that_waits_for_plain_words_is_said(monkeypatch):
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 0.2)
    async with receiver(answer(200)) as there, client() as made:
        found = await outcome(made, f"https://127.0.0.1:{there.port}/")
    assert found.kind is UNREACHABLE
    assert "or does it not speak TLS?" in (found.error or "")


async def test_old_tls_is_refused(authority):
    tls = authority.context("127.0.0.1")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    async with receiver(answer(200), tls=tls) as there, client(ca_file=authority.file) as made:
        found = await outcome(made, f"https://127.0.0.1:{there.port}/")
    assert found.kind is UNREACHABLE
    assert "TLS 1.2" in (found.error or "")
