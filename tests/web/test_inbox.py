"""The inbox's page shows every alert in words, whatever stands in it, and lets nothing in it act."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from luota_svc.model.inbox import InboxMessage
from luota_svc.web.inbox import inbox_pages

NOW = datetime(2026, 11, 24, 8, 20, tzinfo=UTC)
FILE = "/home/ada's/.luota/dev.json"


class Kept:
    """A core that holds these messages."""

    def __init__(self, *messages):
        self.messages = messages

    async def newest(self):
        return list(self.messages)

    async def get(self, message_id):
        return next((message for message in self.messages if message.id == message_id), None)


def message(number=1, content=None, seconds=4, **metadata):
    alert = {
        "incidentId": "01a20ca0-ba6c-7b84-8dcc-617c5485b9b4",
        "subject": "[error] nightly-backup: failed",
        "text": "The run failed.\nOwner: ada",
        "monitorName": "Nightly backup",
        "metadata": {
            "reason": "opened",
            "state": "open",
            "severity": "error",
            "openedAt": "2026-11-24T08:19:55.000Z",
            "route": {"id": str(UUID(int=5)), "name": "Development inbox"},
            "furtherIncidents": [],
            **metadata,
        },
    }
    raw = json.dumps(alert).encode() if content is None else content
    return InboxMessage(UUID(int=number), UUID(int=7), NOW - timedelta(seconds=seconds), raw, "req-1")


def pages(*messages):
    return inbox_pages(Kept(*messages), now=lambda: NOW, origin="http://127.0.0.1:8080", dev_file=FILE)


async def listing(*messages):
    status, body, headers = await pages(*messages)["/inbox"]({})
    assert status == 200
    return body.decode(), dict(headers)


def plain(page):
    """Return what a person reads: no markup, entities as characters."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def printed_by(script):
    outcome = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return outcome.stdout


async def test_an_alert_says_what_broke_since_when_by_which_route_and_the_ids_to_ask_by():
    page, _ = await listing(message())
    words = plain(page)
    assert "[error] nightly-backup: failed" in words
    assert "since 2026-11-24 08:19:55 UTC, just now route Development inbox" in words
    assert "incident 01a20ca0-ba6c-7b84-8dcc-617c5485b9b4 request req-1" in words
    assert f"delivery {UUID(int=7)}" in words
    assert "The run failed. Owner: ada" in words
    assert 'class="card error"' in page


async def test_the_newest_stands_first_and_open():
    page, _ = await listing(message(1), message(2, seconds=90), message(3, seconds=7_300))
    assert re.findall(r'<details id="m-[^"]*(\d)"( open)?>', page) == [("1", " open"), ("2", ""), ("3", "")]
    assert [ago for ago in ("just now", "1 min ago", "2 h ago") if ago in page] == ["just now", "1 min ago", "2 h ago"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"state": "resolved", "reason": "resolved"}, ("resolved", "resolved")),
        ({"severity": "critical", "reason": "reminder"}, ("critical", "critical reminder")),
        ({"reason": "test", "state": None, "severity": "info"}, ("info", "info test")),
        ({"severity": "critical", "furtherIncidents": [{}] * 199}, ("critical", "critical opened and 199 more")),
        ({"severity": "<b>"}, ("info", "info opened")),
    ],
)
async def test_each_is_coloured_by_how_bad_it_is_and_says_why_it_came(metadata, expected):
    page, _ = await listing(message(**metadata))
    colour, words = expected
    assert f'class="card {colour}"' in page
    assert f"{words} just now" in plain(page)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b'{"metadata": 3, "subject": []}', b'{"text": "only"}'])
async def test_an_alert_that_is_none_is_shown_as_it_came(content):
    page, _ = await listing(message(content=content))
    assert "An alert without a subject" in page
    status, _, _ = await pages(message(content=content))["/inbox/{message_id:id}"]({"message_id": str(UUID(int=1))})
    assert status == 200


async def test_nothing_in_an_alert_becomes_markup():
    evil = {"subject": "<script>alert(1)</script>", "text": "</pre><img src=x onerror=alert(1)>", "incidentId": '"><b>'}
    page, _ = await listing(message(content=json.dumps(evil).encode()))
    show = pages(message(content=json.dumps(evil).encode()))["/inbox/{message_id:id}"]
    one = await show({"message_id": str(UUID(int=1))})
    for text in (page, one[1].decode()):
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<b>" not in text
    assert evil["text"] in plain(page)


async def test_only_the_pages_own_style_and_script_may_act_and_only_its_own_door_be_asked():
    page, headers = await listing(message())
    policy = headers[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; ")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert "style=" not in page
    assert "http://" not in plain(page).replace("http://127.0.0.1:8080", "")


async def test_an_empty_inbox_says_how_to_get_the_first_alert_by_lines_that_work_as_pasted(tmp_path):
    page, _ = await listing()
    assert "No alert yet" in page
    file = tmp_path / "dev's.json"
    file.write_text(json.dumps({"workspaceKey": "wfws1.k.s"}))
    empty = await inbox_pages(Kept(), now=lambda: NOW, origin="http://127.0.0.1:9", dev_file=str(file))["/inbox"]({})
    (lines,) = re.findall(r"<pre>(KEY=.*?)</pre>", empty[1].decode(), flags=re.DOTALL)
    script = "curl() { printf '%s\\n' \"$@\"; }\n" + html.unescape(lines)
    said = (await asyncio.to_thread(printed_by, script)).split("\n")
    assert said[:4] == ["-sS", "http://127.0.0.1:9/v1/runs/finish", "-H", "X-Luota-Key: wfws1.k.s"]
    body = json.loads(said[5])
    assert (body["monitorId"], body["exitCode"]) == ("nightly-backup", 1)
    assert re.fullmatch(r"try-\d+", body["externalRunId"])


async def test_one_message_is_shown_whole_with_what_a_webhook_would_get():
    show = pages(message())["/inbox/{message_id:id}"]
    status, body, _ = await show({"message_id": str(UUID(int=1)).upper()})
    assert status == 200
    assert '"monitorName": "Nightly backup"' in plain(body.decode())
    status, body, headers = await show({"message_id": str(UUID(int=2))})
    assert status == 404
    assert "No such message" in body.decode()
    assert dict(headers)[b"content-type"] == b"text/html; charset=utf-8"
