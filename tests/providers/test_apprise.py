"""Alerts through Apprise: real children, real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.providers.email_alerts import DELIVERY, opened, resolved, test_alert
from tests.providers.mail_servers import make_authority
from tests.providers.vendor_receivers import Said, Vendor, clean, dispatch_of, vendor

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers import apprise as provider_module
from luota_svc.providers.apprise import AppriseProvider
from luota_svc.providers.apprise_outcome import outcome_of_verdict
from luota_svc.rules.address import parse_networks
from luota_svc.rules.address_guard import host_refusal, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

K = OutcomeKind
LOOPBACK = parse_networks(["127.0.0.1/32", "::1/128"])
TOKEN = "t0k3n-of-nobody"


def make_provider(allowed: Any = LOOPBACK, **options: Any) -> AppriseProvider:
    return AppriseProvider(
        permit=lambda address: refusal(address, allowed),
        permit_host=lambda host: host_refusal(host, allowed),
        clean=clean,
        **{"allow_http": True, **options},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[AppriseProvider]:
    made = make_provider()
    yield made
    await made.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Vendor]:
    async with vendor() as made:
        yield made


@contextlib.asynccontextmanager
async def scripted(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], tls: Any = None) -> Any:
    """Open a server whose connections are handled so; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def tell(provider: AppriseProvider, url: str, alert: dict[str, Any] | None = None) -> Outcome:
    return await provider.send(dispatch_of(alert or opened(), {"url": url}))


def told_by(receiver: Vendor, scheme: str = "json", rest: str = f"/hooks/{TOKEN}") -> str:
    return receiver.url.replace("http://", f"{scheme}://") + rest


async def test_a_service_is_told_the_alert_with_its_link(provider: AppriseProvider, receiver: Vendor) -> None:
    receiver.answer = Said(200, b"ok", {"X-Request-Id": "req-of-the-service"})
    outcome = await tell(provider, told_by(receiver))
    assert outcome == Outcome(
        K.DELIVERED, http_status=200, provider_id="req-of-the-service", reply="ok", resolved_address="127.0.0.1"
    )
    [seen] = receiver.seen
    alert = opened()
    assert seen.path == f"/hooks/{TOKEN}"
    assert seen.json["title"] == alert["subject"]
    assert seen.json["message"] == f"{alert['text'].strip()}\n\n{alert['metadata']['links']['incident']}"
    assert seen.headers["user-agent"] == "Luota"
    assert seen.headers["accept-encoding"] == "identity"


async def test_nothing_in_an_alert_calls_a_room_where_discord_takes_it(
    provider: AppriseProvider, receiver: Vendor
) -> None:
    calls = ("@everyone", "@HERE", "<@&123>", "<@456>", "<!channel>")
    alert = opened()
    alert["subject"] = alert["text"] = f"{' '.join(calls)} a@example.org"
    assert (await provider.send(dispatch_of(alert, {"url": told_by(receiver)}))).kind is OutcomeKind.DELIVERED
    (seen,) = receiver.seen
    said = json.dumps(seen.json, ensure_ascii=False)
    assert not [call for call in calls if call in said]
    assert "a@example.org" in said


@pytest.mark.parametrize(
    ("alert", "kind"),
    [
        (opened(), "failure"),
        (opened(severity="warning"), "warning"),
        (opened(severity="info"), "info"),
        (resolved(), "success"),
        (test_alert(), "info"),
    ],
)
async def test_an_alert_has_the_colour_of_its_severity_until_it_is_over(
    provider: AppriseProvider, receiver: Vendor, alert: dict[str, Any], kind: str
) -> None:
    assert (await tell(provider, told_by(receiver), alert)).kind is K.DELIVERED
    assert receiver.seen[0].json["type"] == kind


@pytest.mark.parametrize("scheme", ["xml", "form", "gotify", "ntfy"])
async def test_other_services_are_told_too(provider: AppriseProvider, receiver: Vendor, scheme: str) -> None:
    outcome = await tell(provider, told_by(receiver, scheme, "/AbCdEf123456"))
    assert outcome.kind is K.DELIVERED
    assert outcome.provider_id == DELIVERY
    assert opened()["metadata"]["run"]["externalRunId"] in receiver.seen[0].body.decode()


async def test_a_long_alert_is_cut_where_the_service_cuts_and_keeps_its_link(
    provider: AppriseProvider, receiver: Vendor
) -> None:
    alert = opened()
    alert["text"] = "A line of output that says little.\n" * 4_000
    link = alert["metadata"]["links"]["incident"]
    assert (await tell(provider, told_by(receiver, "ntfy", "/topic"), alert)).kind is K.DELIVERED
    [seen] = receiver.seen
    told = seen.body.decode()
    assert told.endswith(f"…\n\n{link}")
    assert len(told) <= 7_800


STATUSES = {
    **dict.fromkeys(range(200, 300), K.DELIVERED),
    **dict.fromkeys(range(300, 500), K.REFUSED),
    **dict.fromkeys(range(500, 600), K.FAILED),
    410: K.REJECTED,
    429: K.THROTTLED,
    502: K.OVERLOADED,
    503: K.OVERLOADED,
    504: K.OVERLOADED,
}


@pytest.mark.parametrize(
    "status", [200, 201, 204, 299, 301, 304, 307, 400, 401, 403, 404, 410, 413, 429, 500, 503, 504]
)
async def test_a_real_answer_of_each_status_becomes_its_outcome(
    provider: AppriseProvider, receiver: Vendor, status: int
) -> None:
    receiver.answer = Said(status, headers={"Location": "/elsewhere", "Retry-After": "17"})
    outcome = await tell(provider, told_by(receiver))
    assert (outcome.kind, outcome.http_status) == (STATUSES[status], status)
    assert outcome.retry_after_seconds == (17 if status in {429, 502, 503, 504} else None)
    assert len(receiver.seen) == 1, "nothing is followed, nothing is tried again"


def verdict_of(status: int) -> dict[str, Any]:
    exchange = {"status": status, "accepted": 200 <= status < 300, "headers": {}, "reply": "", "trouble": None}
    return {
        "readable": True, "taken": 200 <= status < 300, "fault": None, "refusal": None, "words": [],
        "exchange": exchange | {"address": "192.0.2.1"},
    }  # fmt: skip


async def test_every_status_becomes_an_outcome() -> None:
    found = {status: outcome_of_verdict(verdict_of(status), tidy=str, delivery_id=DELIVERY) for status in STATUSES}
    assert {status: outcome.kind for status, outcome in found.items()} == STATUSES
    assert all((outcome.error is None) == (outcome.kind is K.DELIVERED) for outcome in found.values())


async def test_an_answer_that_the_service_does_not_give_is_no_proof(
    provider: AppriseProvider, receiver: Vendor
) -> None:
    receiver.answer = Said(200, b"<html>Welcome to the captive portal</html>")
    outcome = await tell(provider, told_by(receiver, "matrix", "/!room:127.0.0.1").replace("//", "//name:passw0rd@"))
    assert outcome.kind is K.REFUSED
    assert "answered 200, but not that it took the alert" in str(outcome.error)
    assert "passw0rd" not in repr(outcome)


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


async def test_nothing_listens_and_no_such_name_are_told_apart(provider: AppriseProvider) -> None:
    async with scripted(lambda _reader, _writer: asyncio.sleep(0)) as port:
        pass
    refused = await tell(provider, f"json://127.0.0.1:{port}/")
    unknown = await tell(provider, "json://no-such-host.invalid/")
    assert (refused.kind, unknown.kind) == (K.UNREACHABLE, K.UNREACHABLE)
    assert "no connection" in str(refused.error)
    assert "DNS" in str(unknown.error)


async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example.org ESMTP\r\n")
    await writer.drain()


async def cut_short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nonly so much")
    await writer.drain()


@pytest.mark.parametrize(("server", "kind"), [(drop, K.UNREACHABLE), (babble, K.FAILED), (cut_short, K.UNREACHABLE)])
async def test_a_broken_answer_is_an_outcome(provider: AppriseProvider, server: Any, kind: OutcomeKind) -> None:
    async with scripted(server) as port:
        assert (await tell(provider, f"json://127.0.0.1:{port}/")).kind is kind


async def test_a_huge_body_is_read_to_sixteen_kilobytes(provider: AppriseProvider) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while sent < 1 << 30:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async with scripted(flood) as port:
        outcome = await tell(provider, f"json://127.0.0.1:{port}/")
    assert outcome.kind is K.DELIVERED
    assert outcome.reply == "x" * 4_096
    assert sent < 1 << 24


@pytest.mark.parametrize("ending", ["silence", "drip", "headers"])
async def test_a_service_that_hangs_is_left_in_time(
    provider: AppriseProvider, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(provider_module, "_CHILD_SECONDS", 1.5)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if ending == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while ending != "silence":
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)
        await reader.read()

    began = asyncio.get_running_loop().time()
    async with scripted(hang) as port:
        outcome = await tell(provider, f"json://127.0.0.1:{port}/")
    assert outcome.kind is K.TIMED_OUT
    assert asyncio.get_running_loop().time() - began < 3


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


async def test_many_are_told_at_once_and_one_that_hangs_holds_none_up(receiver: Vendor) -> None:
    made = make_provider(at_once_most=8)
    tasks = []
    async with vendor() as hanging:
        hanging.answer = Said(0)
        tasks = [asyncio.create_task(tell(made, told_by(hanging))) for _ in range(4)]
        outcomes = await asyncio.gather(*(tell(made, told_by(receiver)) for _ in range(20)))
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await made.aclose()
    assert {outcome.kind for outcome in outcomes} == {K.DELIVERED}


async def test_without_room_it_is_deferred_and_spends_no_attempt(
    receiver: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "_SLOT_SECONDS", 0.05)
    made = make_provider(at_once_most=0)
    outcome = await tell(made, told_by(receiver))
    await made.aclose()
    assert (outcome.kind, outcome.retry_after_seconds) == (K.THROTTLED, 5)


async def test_a_process_that_was_killed_is_started_again(receiver: Vendor) -> None:
    made = make_provider()
    assert (await tell(made, told_by(receiver))).kind is K.DELIVERED
    killed = made._nursery.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await gone(killed)
    assert (await tell(made, told_by(receiver))).kind is K.DELIVERED
    assert made._nursery.pid not in {None, killed}
    await made.aclose()
    await made.aclose()


async def test_a_process_that_was_killed_beside_a_child_that_hangs_is_started_again(receiver: Vendor) -> None:
    made = make_provider()
    receiver.answers.append(Said(0))
    waiting = asyncio.create_task(tell(made, told_by(receiver)))
    await until(lambda: bool(receiver.seen))
    killed = made._nursery.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await gone(killed)
    async with asyncio.timeout(10):
        assert (await tell(made, told_by(receiver))).kind is K.DELIVERED
    waiting.cancel()
    await asyncio.wait({waiting})
    await made.aclose()


async def test_a_child_ends_with_who_waits_for_it(receiver: Vendor) -> None:
    made = make_provider()
    receiver.answer = Said(0)
    waiting = asyncio.create_task(tell(made, told_by(receiver)))
    await until(lambda: bool(receiver.seen))
    [child] = children_of(made._nursery.pid)
    waiting.cancel()
    await gone(child)
    await made.aclose()


OWNER = """
import asyncio, sys, uuid
from luota_svc.model.deliveries import DeliveryReason, Dispatch
from luota_svc.providers.apprise import AppriseProvider

async def main():
    provider = AppriseProvider(permit=lambda _: None, clean=str, allow_http=True)
    content = open(sys.argv[2], "rb").read()
    dispatch = Dispatch(uuid.UUID(int=7), 1, DeliveryReason.OPENED, content, None, None, {"url": sys.argv[1]})
    await provider.send(dispatch)

asyncio.run(main())
"""


async def test_no_process_outlives_a_luota_that_was_killed(receiver: Vendor, tmp_path: Path) -> None:
    receiver.answer = Said(0)
    (tmp_path / "alert").write_bytes(dispatch_of(opened(), {}).content)
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, told_by(receiver), tmp_path / "alert")
    await until(lambda: bool(receiver.seen))
    [nursery] = children_of(owner.pid)
    [child] = children_of(nursery)
    owner.kill()
    await owner.wait()
    await gone(child)
    await gone(nursery)


def children_of(pid: int | None) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def gone(pid: int) -> None:
    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    await until(ended)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - a process of another's gives no sign
            await asyncio.sleep(0.01)
