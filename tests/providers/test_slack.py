"""Slack's own words, and what its people see."""

from __future__ import annotations

import json

import pytest
from tests.providers.email_alerts import opened, resolved, route_failure, storm, test_alert
from tests.providers.vendor_receivers import Said, Vendor, clean, dispatch_of, open_client

from luota_svc.model.deliveries import OutcomeKind
from luota_svc.providers.slack import SlackProvider
from luota_svc.providers.slack_message import message_of, plain_message_of

K = OutcomeKind
PERMANENT = {
    "invalid_payload": 400,
    "no_text": 400,
    "user_not_found": 400,
    "action_prohibited": 403,
    "invalid_token": 403,
    "posting_to_general_channel_denied": 403,
    "team_disabled": 403,
    "channel_not_found": 404,
    "no_active_hooks": 404,
    "no_service": 404,
    "no_service_id": 404,
    "no_team": 404,
    "channel_is_archived": 410,
}


async def send(receiver: Vendor, alert=None):
    async with open_client() as client:
        provider = SlackProvider(client, clean=clean)
        return await provider.send(dispatch_of(alert or opened(), {"url": f"{receiver.url}/services/x"}))


@pytest.mark.parametrize(("word", "status"), PERMANENT.items())
async def test_what_slack_refuses_for_good_is_not_tried_again_and_says_what_to_do(receiver, word, status):
    receiver.answer = Said(status, word.encode())
    outcome = await send(receiver)
    assert outcome.kind is K.REJECTED
    assert outcome.error.startswith(f"Slack refuses ({word}): ")
    assert outcome.http_status == status


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"ok", K.DELIVERED),
        (200, b"ok\n", K.DELIVERED),
        (200, b'{"success":true}', K.DELIVERED),
        (200, b'{"success":false}', K.REFUSED),
        (200, b'{"ok":false,"error":"invalid_blocks"}', K.REFUSED),
        (200, b"<html>Sign in</html>", K.REFUSED),
        (200, b"okay", K.REFUSED),
        (201, b"ok", K.REFUSED),
        (500, b"rollup_error", K.FAILED),
        (404, b"<html>Nothing here</html>", K.REFUSED),
        (429, b"channel_not_found", K.THROTTLED),
        (503, b"", K.OVERLOADED),
    ],
)
async def test_only_the_word_ok_is_proof(receiver, status, body, kind):
    receiver.answer = Said(status, body, {"x-slack-unique-id": "aXs-1"})
    outcome = await send(receiver)
    assert (outcome.kind, outcome.provider_id) == (kind, "aXs-1")


@pytest.mark.parametrize("word", [b"invalid_blocks", b"invalid_payload", b"msg_blocks_too_long"])
async def test_a_message_that_cannot_be_drawn_is_said_in_plain_words(receiver, word):
    receiver.answers.extend([Said(400, word), Said(200, b"ok")])
    assert (await send(receiver)).kind is K.DELIVERED
    drawn, plain = (seen.json for seen in receiver.seen)
    assert "blocks" in drawn
    assert "blocks" not in plain
    assert "giving up after 5 tries" in plain["text"]


def shown(message) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


def check_bounds(message) -> None:
    blocks = message["blocks"]
    assert 2 <= len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    for block in blocks[1:]:
        assert block["type"] in {"section", "context"}
        if "text" in block:
            assert 1 <= len(block["text"]["text"]) <= 3_000
        assert 1 <= len(block.get("fields", [0])) <= 10
        assert all(1 <= len(field["text"]) <= 2_000 for field in block.get("fields", []))
    assert sum(len(block["text"]["text"]) for block in blocks if "text" in block) <= 13_000
    assert len(message["text"]) <= 15_000


def test_an_alert_says_first_what_broke_then_everything_that_helps():
    message = message_of(opened())
    check_bounds(message)
    blocks = message["blocks"]
    assert blocks[0]["text"]["text"] == "🔴 [critical] nightly-backup: failed with exit code 1"
    assert blocks[1]["text"]["text"].startswith("Failed: the run ended with exit code 1")
    assert "\n*What to do*: Mend why it failed, then run it again on backup-7c9d8." in blocks[1]["text"]["text"]
    fields = [field["text"] for field in blocks[2]["fields"]]
    assert "*Owner*\nData platform, +358 40 123 4567" in fields
    assert "*Since*\n<!date^1779667661^{date_short_pretty} {time_secs}|2026-05-25 00:07:41 UTC>" in fields
    assert any(field.startswith("*Last good signal*\nsuccess, <!date^") for field in fields)
    text = shown(message)
    assert "|Evidence packet>" in text
    assert "step=1&amp;then=2|Runbook>" in text
    assert "*Run backup-2026-05-25*: failed, exit code 1\\nUpload stopped after 41 of 96 GiB" in text
    assert "403 Forbidden &lt;AccessDenied&gt;" in text
    assert "Olga changed the grace from 10 min to 5 min" in text
    context = blocks[-1]["elements"][0]["text"]
    assert "Request req-01JZ0000000000000000000001 · Delivery 0197b2c4-0000-7000-8000-00000000d001" in context
    assert message["text"].startswith("🔴 [critical] nightly-backup")
    assert "Owner: Data platform" in message["text"]


def test_what_to_do_is_said_once_and_not_where_there_is_nothing_to_do():
    assert "What to do" not in shown(message_of(test_alert()) | {"text": ""})
    assert "What to do" not in shown(message_of(resolved()) | {"text": ""})
    assert "*What to do about the gravest*: Mend" in shown(message_of(storm()))
    assert "*What to do*: Tell those who read there" in shown(message_of(route_failure()))
    before = opened()
    del before["metadata"]["whatToDo"]
    assert "What to do" not in shown(message_of(before))


@pytest.mark.parametrize("call", ["@channel", "@all", "@Here", "@everyone!"])
def test_nothing_in_an_alert_calls_everybody_where_mattermost_takes_it(call):
    alert = opened()
    alert["subject"] = alert["text"] = alert["metadata"]["run"]["outputTail"] = f"{call} look: a@example.org"
    alert["metadata"]["monitor"]["owner"] = call
    for message in (message_of(alert), plain_message_of(alert)):
        drawn = json.dumps({**message, "blocks": message.get("blocks", [])[1:]}, ensure_ascii=False)
        assert call not in drawn
        assert "a@example.org" in drawn


def test_nothing_in_an_alert_mentions_a_channel_or_leads_elsewhere():
    alert = opened(brokenPromise="<!channel> & <https://evil.example|ok>")
    alert["subject"] = "<!here> x"
    alert["metadata"]["monitor"]["owner"] = "<@U123>"
    alert["metadata"]["run"]["outputTail"] = "``` <!everyone> ```"
    alert["metadata"]["run"]["summary"] = "<!subteam^S1>"
    for message in (message_of(alert), plain_message_of(alert)):
        blocks = message.get("blocks", [{}, {"text": {"text": message["text"], "verbatim": True}}])
        texts = [block["text"] for block in blocks[1:] if "text" in block]
        texts += [field for block in blocks[1:] for field in block.get("fields", [])]
        assert all(text["verbatim"] for text in texts)
        said = "".join(text["text"] for text in texts) + message["text"]
        for mark in ("<!channel", "<!here", "<@U", "<!everyone", "<!subteam", "<https://evil"):
            assert mark not in said
        assert "&lt;!channel&gt; &amp; &lt;https://evil.example|ok&gt;" in said
        assert "".join(text["text"] for text in texts).count("```") == 2


def test_a_resolved_alert_says_for_how_long_and_that_it_is_the_first_word():
    text = shown(message_of(resolved()))
    assert text.startswith('[{"type": "header", "text": {"type": "plain_text", "text": "✅ [resolved]')
    assert "*Lasted*\\n2 h 13 min" in text
    assert "This is the first word about it" in text
    again = resolved()
    again["metadata"]["firstWord"] = False
    assert "first word" not in shown(message_of(again))


def test_a_storm_names_every_incident_within_the_bounds():
    for count in (2, 20, 60, 200, 500):
        alert = storm(count)
        message = message_of(alert)
        check_bounds(message)
        names = [further["monitorName"] for further in alert["metadata"]["furtherIncidents"]]
        text = shown(message)
        if count <= 200:
            assert all(name in text for name in names)
        else:
            assert "There is more" in text
        plain = plain_message_of(alert)["text"]
        assert all(name in plain for name in names)
        assert ("|import-of-customer-001>" in text) == (count <= 20)


def test_the_other_alerts_stand_within_the_bounds():
    failure = message_of(route_failure())
    assert "*Route Pager of the night shift* has not delivered since <!date" in shown(failure)
    test = message_of(test_alert())
    assert "🧪 [test]" in shown(test)
    assert "This is a test. Nothing is wrong." in shown(test)
    for message in (failure, test, message_of(resolved())):
        check_bounds(message)


@pytest.mark.parametrize("letter", ["x", "&", "<", "€", "😀", "`", "\n"])
def test_whatever_is_too_long_is_cut_and_no_escape_in_two(letter):
    alert = opened(brokenPromise=letter * 9_000)
    alert["subject"] = letter * 2_000
    alert["text"] = letter * 50_000
    alert["metadata"]["monitor"] |= {"owner": letter * 5_000, "promise": letter * 5_000}
    alert["metadata"]["run"] |= {"outputTail": letter * 40_000, "summary": letter * 5_000, "host": letter * 3_000}
    alert["metadata"]["changes"] = alert["metadata"]["changes"] * 9
    message = message_of(alert)
    check_bounds(message)
    texts = [block["text"]["text"] for block in message["blocks"][1:] if "text" in block]
    texts += [field["text"] for block in message["blocks"] for field in block.get("fields", [])]
    for text in [*texts, message["text"], plain_message_of(alert)["text"]]:
        left = text
        for whole in ("&amp;", "&lt;", "&gt;"):
            left = left.replace(whole, "")
        assert "&" not in left.replace("&then", "")
