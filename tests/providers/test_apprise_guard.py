"""What Apprise may not reach, read or show: addresses, files, names of schemes, and every piece of its URL."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.providers.apprise_desk import TOKEN, K, make_provider, provider, receiver, scripted, tell, told_by
from tests.providers.mail_servers import make_authority
from tests.providers.vendor_receivers import Said, Vendor, clean

from luota_svc.providers.apprise import AppriseProvider
from luota_svc.rules.address_guard import refusal

__all__ = ["provider", "receiver"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_denied_address_is_never_dialled_however_it_is_written(receiver: Vendor) -> None:
    hosts = ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "[::1]"]
    port = receiver.url.rpartition(":")[2]
    strict = make_provider(allowed=())
    outcomes = await asyncio.gather(*(tell(strict, f"json://{host}:{port}/") for host in hosts))
    metadata = await tell(strict, "json://169.254.169.254/latest/meta-data")
    await strict.aclose()
    assert receiver.seen == []
    for host, outcome in zip(hosts, outcomes, strict=True):
        # Some spellings Apprise takes for no host at all.
        words = "LUOTA_DELIVERY_ALLOWED_SUBNETS" if outcome.kind is K.BLOCKED else "can't read the route's URL"
        assert words in str(outcome.error), host
    assert {outcome.kind for outcome in outcomes} == {K.BLOCKED, K.REFUSED}
    assert metadata.kind is K.BLOCKED
    assert "no setting allows" in str(metadata.error)


async def test_a_name_that_leads_to_a_denied_address_is_not_dialled(receiver: Vendor) -> None:
    asked: list[str] = []

    def permit(address: str) -> str | None:
        asked.append(address)
        return refusal(address, ())

    strict = AppriseProvider(permit=permit, clean=clean, allow_http=True)
    outcome = await tell(strict, told_by(receiver).replace("127.0.0.1", "localhost"))
    await strict.aclose()
    assert outcome.kind is K.BLOCKED
    assert "127.0.0.1" in asked
    assert "LUOTA_DELIVERY_ALLOWED_SUBNETS" in str(outcome.error)
    assert receiver.seen == []


async def test_a_redirect_to_a_denied_address_is_not_followed(provider: AppriseProvider, receiver: Vendor) -> None:
    receiver.answer = Said(307, headers={"Location": "http://169.254.169.254/latest/meta-data"})
    outcome = await tell(provider, told_by(receiver, rest="/x?redirect=yes"))
    assert outcome.kind is K.REFUSED
    assert "redirects are not followed" in str(outcome.error)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gnome://", "can't read"),
        ("syslog://", "can't read"),
        ("mailto://name:word@example.org", "can't read"),
        ("nonsense://x", "can't read"),
        ("no url", "can't read"),
        ("", "can't read"),
        ("tgram://short", "can't read"),
        ("json://", "can't read"),
    ],
)
async def test_what_is_not_on_the_list_or_can_not_be_read_is_refused(
    provider: AppriseProvider, url: str, words: str
) -> None:
    outcome = await tell(provider, url)
    assert outcome.kind is K.REFUSED
    assert words in str(outcome.error)


async def test_http_and_unchecked_certificates_are_refused_when_it_is_sent(receiver: Vendor) -> None:
    strict = make_provider(allow_http=False)
    plain = await tell(strict, told_by(receiver))
    unchecked = await tell(strict, told_by(receiver, "jsons", "/?verify=no"))
    await strict.aclose()
    assert (plain.kind, unchecked.kind) == (K.BLOCKED, K.BLOCKED)
    assert "LUOTA_DELIVERY_ALLOW_HTTP" in str(plain.error)
    assert "verify=no" in str(unchecked.error)
    assert receiver.seen == []


async def test_no_file_of_this_machine_can_be_sent(provider: AppriseProvider) -> None:
    outcome = await tell(provider, "discord://123456789012345678/AbCdEfGhIjKlMnOpQrStUvWx?template=/etc/passwd")
    assert outcome.kind is K.BLOCKED
    assert "a file of this machine" in str(outcome.error)


async def test_certificates_count_and_ones_own_authority_may_be_named(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    authority = make_authority(tmp_path)
    stranger, friend = make_provider(allow_http=False), make_provider(allow_http=False, ca_file=authority.file)
    async with scripted(answer, authority.context("localhost")) as port:
        untrusted = await tell(stranger, f"jsons://localhost:{port}/")
        trusted = await tell(friend, f"jsons://localhost:{port}/")
        other_name = await tell(friend, f"jsons://127.0.0.1:{port}/")
    await stranger.aclose()
    await friend.aclose()
    assert [untrusted.kind, trusted.kind, other_name.kind] == [K.UNREACHABLE, K.DELIVERED, K.UNREACHABLE]
    assert "LUOTA_DELIVERY_CA_FILE" in str(untrusted.error)


async def test_a_proxy_takes_everything_and_hosts_are_judged_all_the_same() -> None:
    lines: list[bytes] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines.extend(head.split(b"\r\n"))
        status = b"407 Proxy Authentication Required" if head.startswith(b"CONNECT") else b"204 No Content"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with scripted(relay) as port:
        proxied = make_provider(allowed=(), proxy_url=f"http://name:pr0xy-word@127.0.0.1:{port}")
        by_name = await tell(proxied, "json://alerts.example.org/hook")
        by_address = await tell(proxied, "json://10.0.0.1/hook")
        tunnelled = await tell(proxied, "jsons://alerts.example.org/hook")
        await proxied.aclose()
    assert by_name.kind is K.DELIVERED
    assert b"POST http://alerts.example.org/hook HTTP/1.1" in lines
    assert any(line.startswith(b"CONNECT alerts.example.org:443 ") for line in lines)
    assert any(line.lower().startswith(b"proxy-authorization: basic ") for line in lines)
    assert by_address.kind is K.BLOCKED
    assert tunnelled.kind is K.UNREACHABLE
    assert "LUOTA_DELIVERY_PROXY_URL" in str(tunnelled.error)
    assert "pr0xy-word" not in repr((by_name, by_address, tunnelled))


async def test_no_piece_of_the_url_comes_back_in_an_outcome(provider: AppriseProvider, receiver: Vendor) -> None:
    def echo(seen: Any) -> Said:
        said = f"hunter2 {seen.path} {seen.headers}"
        return Said(403, said.encode(), {"Content-Type": "text/plain", "X-Request-Id": f"id-{TOKEN}"})

    receiver.answer = echo
    url = told_by(receiver, rest=f"/hooks/{TOKEN}/b%20side?+X-Key=s3cret-header&-q=qu3ry-word").replace(
        "//", "//us3rname:p4ssword%21@"
    )
    outcome = await tell(provider, url)
    shown = repr(outcome)
    assert outcome.kind is K.REFUSED
    assert "127.0.0.1" in shown
    for secret in (TOKEN, "b side", "b%20side", "s3cret-header", "qu3ry-word", "us3rname", "p4ssword", "hunter2"):
        assert secret not in shown, secret
    assert "dXMzcm5hbWU6cDRzc3dvcmQh" not in shown, "a Basic login says the password too"
