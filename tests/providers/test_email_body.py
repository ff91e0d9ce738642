"""The drawn e-mail: everything in it, nothing from outside, and no word of anybody's becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.providers.email_alerts import opened, resolved, route_failure, storm, test_alert

from luota_svc.providers.email_body import instant, plain, render_html, safe_link

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 191 }}"
ALERTS = {
    "opened": opened(),
    "reminder": opened(reason="reminder"),
    "escalation": opened(reason="escalation"),
    "drill": opened(reason="drill"),
    "resolved": resolved(),
    "route_failure": route_failure(),
    "test": test_alert(),
    "storm": storm(),
}


class Seen(HTMLParser):
    """What a reader's machine would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def every_text_replaced(value: Any, by: str) -> Any:
    if isinstance(value, dict):
        return {name: every_text_replaced(member, by) for name, member in value.items()}
    if isinstance(value, list):
        return [every_text_replaced(member, by) for member in value]
    return by if isinstance(value, str) else value


@pytest.mark.parametrize("name", ALERTS)
def test_it_is_small_fetches_nothing_and_is_the_same_every_time(name):
    html = render_html(ALERTS[name])
    seen = Seen(html)
    # Gmail cuts what is longer than 102 KB.
    assert len(html.encode()) < 100_000
    assert html == render_html(ALERTS[name])
    assert not {"script", "img", "link", "iframe", "form", "object", "base"} & set(seen.tags)
    assert not {"src", "srcset", "background", "action"} & {attribute for attribute, _ in seen.attributes}
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize("name", ALERTS)
def test_no_text_of_an_alert_becomes_markup(name):
    seen = Seen(render_html(every_text_replaced(ALERTS[name], HOSTILE)))
    assert set(seen.tags) <= set(Seen(render_html(ALERTS[name])).tags)
    assert not any(attribute.startswith("on") for attribute, _ in seen.attributes)
    assert "1337" not in seen.text
    assert HOSTILE in seen.text


def test_it_says_all_that_a_tired_person_needs():
    alert = opened()
    text = Seen(render_html(alert)).text
    run, monitor = alert["metadata"]["run"], alert["metadata"]["monitor"]
    for words in (
        alert["subject"],
        alert["metadata"]["brokenPromise"],
        alert["metadata"]["whatToDo"],
        f"Monitor: {monitor['name']}",
        run["summary"],
        run["outputTail"],
        run["host"],
        run["deploySha"],
        run["externalRunId"],
        monitor["owner"],
        monitor["runbookUrl"],
        "Last good signal: success",
        "Olga: changed the grace from 10 min to 5 min",
        "On-call by e-mail",
        alert["metadata"]["deliveryId"],
        alert["metadata"]["requestId"],
    ):
        assert words in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("opened", "What to do: Mend why it failed"),
        ("storm", "What to do about the gravest: Mend why it failed"),
        ("route_failure", "What to do: Tell those who read there"),
    ],
)
def test_what_to_do_is_the_first_thing_under_the_heading(name, words):
    alert = ALERTS[name]
    text = " ".join(Seen(render_html(alert)).text.split())
    assert f"{alert['subject']} {words}" in text


def test_where_there_is_nothing_to_do_none_is_named_nor_for_alerts_of_before_it_was_kept():
    assert "What to do" not in render_html(resolved())
    for made in (opened(), route_failure()):
        del made["metadata"]["whatToDo"]
        assert "What to do" not in render_html(made)
    assert "Repair this route, then send a test alert" in render_html(made)


def test_the_timeline_stands_in_the_order_in_which_it_happened():
    text = Seen(render_html(resolved())).text
    words = ("Last good signal", "Olga", "The run started", "Incident opened", "Acknowledged", "Resolved")
    places = [text.index(word, text.index("What happened")) for word in words]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reminder", "Reminder: this is still open."),
        ("escalation", "Nobody has acknowledged this yet."),
        ("drill", "This is a drill"),
        ("resolved", "You were not told of it before"),
        ("route_failure", "Another alert route does not deliver"),
        ("route_failure", "Pager of the night shift (webhook) has not delivered since 2026-05-25 00:08:02 UTC"),
        ("route_failure", "send a test alert"),
        ("test", "Nothing is wrong"),
        ("storm", "199 more below."),
    ],
)
def test_each_reason_says_why_one_is_told(name, words):
    assert words in " ".join(Seen(render_html(ALERTS[name])).text.split())


def test_a_storm_names_every_incident_and_links_to_each():
    html = render_html(storm(200))
    assert len(set(re.findall(r"import-of-customer-\d{3}", html))) == 199
    assert html.count("/incidents/0197b2c4-0000-7000-8000-") >= 200


def test_severity_is_a_colour_and_a_word_and_what_is_over_is_green():
    assert "border-top:6px solid #b3261e" in render_html(opened())
    assert "warning · open" in Seen(render_html(opened(severity="warning"))).text
    assert "border-top:6px solid #1a7f37" in render_html(resolved())


def test_there_is_one_button_and_it_leads_to_the_packet_or_else_to_the_incident():
    alert = opened()
    links = alert["metadata"]["links"]
    assert render_html(alert).count("display:inline-block;background:#1f5fa8") == 1
    assert f'<a href="{links["packet"]}"' in render_html(alert)
    links["packet"] = None
    assert f'<a href="{links["incident"]}"' in render_html(alert)
    links["incident"] = None
    assert "Open the evidence packet" not in render_html(alert)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://wiki.example.org/a?b=1&c=2", True),
        ("http://10.0.0.1:8080/", True),
        ("https://[2001:db8::1]/", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example.org", False),
        ("https:", False),
        ("https://[broken", False),
        ("https://a b", False),
        ("https://a\nb", False),
        ("java\tscript:alert(1)", False),
        ("runbook page 12", False),
        ("", False),
        (None, False),
    ],
)
def test_only_http_and_https_stand_behind_a_link(url, allowed):
    assert safe_link(url) == (url if allowed else None)
    if url:
        alert = opened()
        alert["metadata"]["links"]["runbook"] = url
        seen = Seen(render_html(alert))
        assert (("href", url) in seen.attributes) == allowed


def test_what_mail_cannot_carry_is_left_out_and_line_ends_are_one_kind():
    assert plain("\x1b[1;31mred\x1b[0m\r\nnext\rlast\x00\x07\ttab\ud800") == "red\nnext\nlast\ttab"


def test_instants_are_written_as_people_read_them():
    assert instant("2026-05-25T02:05:00.120Z") == "2026-05-25 02:05:00 UTC"
    assert instant("yesterday") == "yesterday"
