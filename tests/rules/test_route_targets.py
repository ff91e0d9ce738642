"""Targets of routes: every problem at once and in words, nothing secret shown, one destination for one target."""

import json
from datetime import UTC, datetime

import pytest

from luota_svc.model.routes import RouteKind, RouteSettings
from luota_svc.rules.route_targets import (
    TargetPolicy,
    carried_problems,
    destination_of,
    manners_of,
    merged,
    settings_problems,
    shown_target,
    standard_secret,
    target_problems,
    with_secret,
)
from luota_svc.rules.web_addresses import masked_url, origin_of, url_problems

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
URL = "https://hooks.example.com/t/0123456789abcdef"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POLICY = TargetPolicy()
GOOD = [
    (RouteKind.WEBHOOK, {"url": URL}),
    (RouteKind.WEBHOOK, {"url": "https://192.0.2.1:8443/x?y=z", "secret": SECRET}),
    (RouteKind.WEBHOOK, {"url": "https://[2001:db8::1]/", "secret": "sixteen-letters!"}),
    (RouteKind.WEBHOOK, {"url": "https://bücher.example/%C3%A4"}),
    (RouteKind.WEBHOOK, {"url": "https://receiver:8443/in_cluster"}),
    (RouteKind.EMAIL, {"to": ["on.call+night@example.org", "jörg@bücher.example"]}),
    (RouteKind.SLACK, {"url": "https://hooks.slack.com/services/T0/B0/secret"}),
    (RouteKind.SLACK, {"url": "https://mattermost.example/hooks/secret"}),
    (RouteKind.PAGERDUTY, {"routingKey": "0123456789abcdef0123456789ABCDEF"}),
    (RouteKind.PAGERDUTY, {"routingKey": "R" * 32, "webhookSecret": "s" * 40}),
    (RouteKind.ALERTMANAGER, {"url": "https://am.example/prefix"}),
    (RouteKind.ALERTMANAGER, {"url": "https://am.example", "username": "luota", "password": "hush hush"}),
    (RouteKind.ALERTMANAGER, {"url": "https://am.example", "bearerToken": "hush"}),
    (RouteKind.ALERTMANAGER, {"url": "https://k8s.example/api/v1/namespaces/watch/services/http:am:9093/proxy"}),
    (RouteKind.APPRISE, {"url": "tgram://123456789:abcdefg_hijklmnop/12315544"}),
]
BAD = [
    (RouteKind.WEBHOOK, {}, {"webhook.url": "is required"}),
    (
        RouteKind.WEBHOOK,
        {"url": "http://example.com/x"},
        {"webhook.url": "must begin with https://; plain http is for installations that set LUOTA_DELIVERY_ALLOW_HTTP"},
    ),
    (RouteKind.WEBHOOK, {"url": "ftp://example.com/x"}, {"webhook.url": "must begin with https://"}),
    (RouteKind.WEBHOOK, {"url": URL, "secret": "short"}, {"webhook.secret": "must be 16 to 128 visible"}),
    (RouteKind.WEBHOOK, {"url": URL, "secret": "x" * 129}, {"webhook.secret": "must be 16 to 128 visible"}),
    (RouteKind.WEBHOOK, {"url": URL, "secret": "sixteen letters!"}, {"webhook.secret": "must be 16 to 128 visible"}),
    (RouteKind.WEBHOOK, {"url": URL, "secret": "whsec_no.base64!"}, {"webhook.secret": "begins with whsec_"}),
    (RouteKind.WEBHOOK, {"url": URL, "secret": "***"}, {"webhook.secret": "must be 16 to 128 visible"}),
    (RouteKind.WEBHOOK, {"url": "https://hooks.example.com/…cdef"}, {"webhook.url": "must be escaped"}),
    (RouteKind.EMAIL, {}, {"email.to": "must name 1 to 20 addresses"}),
    (RouteKind.EMAIL, {"to": [f"a{n}@example.org" for n in range(21)]}, {"email.to": "must name 1 to 20 addresses"}),
    (
        RouteKind.EMAIL,
        {"to": ["a@example.org", "Ann <b@example.org>", "a@EXAMPLE.org", "nobody", "a@b", "a b@c.de", "x@-.de"]},
        {f"email.to[{n}]": "is named twice" if n == 2 else "must be an e-mail address alone" for n in range(1, 7)},
    ),
    (RouteKind.EMAIL, {"to": ["a@example.org\r\nBcc: x@example.org"]}, {"email.to[0]": "must be an e-mail address"}),
    (RouteKind.SLACK, {"url": ""}, {"slack.url": "is required"}),
    (RouteKind.PAGERDUTY, {}, {"pagerduty.routingKey": "must be the 32 letters and digits"}),
    (RouteKind.PAGERDUTY, {"routingKey": "k" * 32, "region": "mars"}, {"pagerduty.region": "must be us or eu"}),
    (
        RouteKind.PAGERDUTY,
        {"routingKey": "-" * 32, "webhookSecret": "short"},
        {"pagerduty.routingKey": "must be the 32", "pagerduty.webhookSecret": "must be 16 to 128"},
    ),
    (
        RouteKind.ALERTMANAGER,
        {"url": "https://am.example/?x=1", "username": "a:b"},
        {
            "alertmanager.url": "must end before any ?",
            "alertmanager.username": "must be one line of at most 512 characters without a colon",
            "alertmanager.password": "must be given where the other one is",
        },
    ),
    (
        RouteKind.ALERTMANAGER,
        {"url": "https://am.example", "username": "a", "password": "b\r\nX: y", "bearerToken": "c d"},
        {"alertmanager.password": "must be one line", "alertmanager.bearerToken": "must be"},
    ),
    *[
        (RouteKind.ALERTMANAGER, {"url": f"https://am.example{path}"}, {"alertmanager.url": f"must end before {end}:"})
        for path, end in [
            ("/api/v2/alerts", "/api/v2/alerts"),
            ("/prefix/api/v2/alerts/", "/api/v2/alerts/"),
            ("/api/v2", "/api/v2"),
            ("/api/v1/", "/api/v1/"),
        ]
    ],
    (
        RouteKind.ALERTMANAGER,
        {"url": "https://am.example", "password": "b"},
        {"alertmanager.username": "must be given"},
    ),
    (RouteKind.APPRISE, {}, {"apprise.url": "is required"}),
    (RouteKind.APPRISE, {"url": "dbus://"}, {"apprise.url": ""}),
    (RouteKind.INBOX, {}, {"kind": "is there in luota-svc dev alone"}),
]


@pytest.mark.parametrize(("kind", "target"), GOOD)
def test_what_people_have_is_taken(kind, target):
    assert target_problems(kind, target, POLICY) == []


@pytest.mark.parametrize(("kind", "target", "problems"), BAD)
def test_every_problem_is_told_at_once_with_its_field(kind, target, problems):
    told = target_problems(kind, target, POLICY)
    assert {problem.field for problem in told} == set(problems)
    for field, words in problems.items():
        assert any(words in problem.problem for problem in told if problem.field == field), told


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://", "must name a host"),
        ("https:///x", "must name a host"),
        ("example.com/x", "must begin with https://"),
        ("https://user:hush@example.com/x", "must not hold a name or password before the host"),
        ("https://hush@example.com/x", "must not hold a name or password before the host"),
        ("https://example.com/x#hush", "must not hold a # part, which is never sent"),
        ("https://example.com/x#", "must not hold a # part, which is never sent"),
        ("https://example.com/hush hush", "must be one URL without white space and backslashes"),
        ("https://example.com\\@hush", "must be one URL without white space and backslashes"),
        ("https://exa\tmple.com/", "must be one URL without white space and backslashes"),
        ("https://example.com/\u202ehush", "must be one URL without white space and backslashes"),
        ("https://example.com:0/", "has no valid port"),
        ("https://example.com:99999/", "has no valid host or port"),
        ("https://example.com:hush/", "has no valid host or port"),
        ("https://[::1/", "has no valid host or port"),
        ("https://[fe80::1%25eth0]/", "has no valid host"),
        ("https://-example.com/", "has a host that is no domain name"),
        ("https://example..com/", "has a host that is no domain name"),
        ("https://exa%6dple.com/", "has a host that is no domain name"),
        ("https://exa$mple.com/", "has a host that is no domain name"),
        (f"https://{'a' * 64}.com/", "has a host that is no domain name"),
        (f"https://{'a.' * 127}com/", "has a host that is no domain name"),
        ("https://☃☃.☃/", "has a host that is no domain name"),
        ("https://2130706433/", "has a host that is no address"),
        ("https://0x7f.1/", "has a host that is no address"),
        ("https://127.1/", "has a host that is no address"),
        ("https://0177.0.0.1/", "has a host that is no address"),
        ("https://256.1.1.1/", "has a host that is no address"),
        ("https://1.2.3.4.5/", "has a host that is no address"),
        ("https://example.com/ä", "must be escaped behind the host"),
        (f"https://example.com/{'x' * 2048}", "must be at most 2048 characters"),
    ],
)
def test_a_url_that_cannot_be_called_says_why_and_shows_nothing(url, problem):
    told = list(url_problems(url))
    assert any(problem in one for one in told), told
    assert "hush" not in "".join(told)


def test_a_host_that_may_not_be_reached_says_so_in_the_guards_words():
    policy = TargetPolicy(host_refusal=lambda host: f"leads to {host}")
    for url, host in (("https://127.0.0.1/x", "127.0.0.1"), ("https://[::1]/x", "::1"), ("https://0x7f.1/", "0x7f.1")):
        (problem,) = target_problems(RouteKind.WEBHOOK, {"url": url}, policy)
        assert (problem.field, problem.problem) == ("webhook.url", f"leads to {host}")


def test_no_route_leads_to_a_drills_receiver_which_the_address_guard_lets_pass():
    policy = TargetPolicy(of_drills=lambda url: url == "https://luota.example/v1/drills/x")
    for kind in (RouteKind.WEBHOOK, RouteKind.SLACK, RouteKind.ALERTMANAGER):
        (problem,) = target_problems(kind, {"url": "https://luota.example/v1/drills/x"}, policy)
        assert (problem.field, "start a drill" in problem.problem) == (f"{kind}.url", True)
        assert target_problems(kind, {"url": "https://luota.example/v1/drills/y"}, policy) == []


def test_http_is_taken_where_the_operator_allows_it():
    assert target_problems(RouteKind.WEBHOOK, {"url": "http://receiver/x"}, TargetPolicy(allow_http=True)) == []


def test_a_kind_that_is_refused_says_why():
    policy = TargetPolicy(refused={RouteKind.EMAIL: "needs LUOTA_SMTP_URL"})
    (problem,) = target_problems(RouteKind.EMAIL, {"to": ["nobody"]}, policy)
    assert (problem.field, problem.problem) == ("kind", "needs LUOTA_SMTP_URL")
    assert target_problems(RouteKind.INBOX, {}, policy) == []


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        (RouteSettings("x", RouteKind.INBOX, after_seconds=86_400), []),
        (RouteSettings("", RouteKind.INBOX), ["name"]),
        (RouteSettings("x" * 101, RouteKind.INBOX, after_seconds=-1), ["name", "afterSeconds"]),
        (RouteSettings("x", RouteKind.INBOX, after_seconds=86_401), ["afterSeconds"]),
    ],
)
def test_settings_have_bounds(settings, fields):
    assert [problem.field for problem in settings_problems(settings)] == fields


@pytest.mark.parametrize(
    ("kind", "target", "shown"),
    [
        (
            RouteKind.WEBHOOK,
            {"url": URL, "secret": SECRET},
            {"url": "https://hooks.example.com/…cdef", "secret": "***"},
        ),
        (RouteKind.WEBHOOK, {"url": "https://a.example:8443/short"}, {"url": "https://a.example:8443/…"}),
        (RouteKind.WEBHOOK, {"url": "https://a.example"}, {"url": "https://a.example/"}),
        (RouteKind.EMAIL, {"to": ["a@example.org"]}, {"to": ["a@example.org"]}),
        (RouteKind.SLACK, {"url": "https://hooks.slack.com/services/T0/B0/hush"}, {"url": "https://hooks.slack.com/…"}),
        (
            RouteKind.PAGERDUTY,
            {"routingKey": "R" * 32, "webhookSecret": "s"},
            {"routingKey": "***", "webhookSecret": "***"},
        ),
        (
            RouteKind.ALERTMANAGER,
            {"url": "https://am.example/p", "username": "luota", "password": "hush", "bearerToken": "hush"},
            {"url": "https://am.example/…", "username": "luota", "password": "***", "bearerToken": "***"},
        ),
        (RouteKind.APPRISE, {"url": "tgram://hush/hush"}, {"url": "tgram://***"}),
        (RouteKind.INBOX, {}, {}),
    ],
)
def test_nothing_secret_is_shown(kind, target, shown):
    assert shown_target(kind, target) == shown
    # And what was shown can be sent back and is no change.
    assert merged(kind, target, shown) == target


def test_a_part_of_a_target_is_laid_over_what_stands():
    stands = {"url": URL, "secret": SECRET}
    other = "https://hooks.example.com/t/fedcba9876543210"
    assert merged(RouteKind.WEBHOOK, stands, {"url": other}) == {"url": other, "secret": SECRET}
    assert merged(RouteKind.WEBHOOK, stands, {"secret": "***"}) == stands
    assert merged(RouteKind.WEBHOOK, stands, {"secret": ""}) == {"url": URL}
    rotated = with_secret(stands, "another-secret-of-16", NOW)
    assert merged(RouteKind.WEBHOOK, rotated, {"url": other})["previousSecret"] == SECRET
    assert merged(RouteKind.WEBHOOK, rotated, {"secret": ""}) == {"url": URL}


def test_no_secret_follows_a_url_to_another_host_by_itself():
    stands = {"url": "https://am.example/prefix", "bearerToken": "hush"}
    carried = carried_problems(RouteKind.ALERTMANAGER, stands, {"url": "https://elsewhere.example"})
    assert [problem.field for problem in carried] == ["alertmanager.bearerToken"]
    masked = {"url": "https://elsewhere.example", "bearerToken": "***"}
    assert carried_problems(RouteKind.ALERTMANAGER, stands, masked) == carried
    for given in (
        {"url": "https://elsewhere.example", "bearerToken": "hush"},
        {"url": "https://elsewhere.example", "bearerToken": ""},
        {"url": "https://am.example:443/another"},
        {"url": "https://am.example/…"},
        {"bearerToken": "other"},
    ):
        assert carried_problems(RouteKind.ALERTMANAGER, stands, given) == [], given
    # A webhook's secret signs and is never sent.
    moved = {"url": "https://elsewhere.example"}
    assert carried_problems(RouteKind.WEBHOOK, {"url": URL, "secret": SECRET}, moved) == []


def test_a_rotated_secret_leaves_the_one_before_for_a_day():
    first = with_secret({"url": URL}, SECRET, NOW)
    assert first == {"url": URL, "secret": SECRET}
    second = with_secret(first, "another-secret-of-16", NOW)
    assert second == {
        "url": URL,
        "secret": "another-secret-of-16",
        "previousSecret": SECRET,
        "previousSecretUntil": "2026-05-26T12:00:00.000Z",
    }
    assert "previousSecret" not in shown_target(RouteKind.WEBHOOK, second)
    assert SECRET not in json.dumps(shown_target(RouteKind.WEBHOOK, second))
    # Only the last one is kept.
    assert with_secret(second, "a-third-secret-of-16", NOW)["previousSecret"] == "another-secret-of-16"


def test_a_made_secret_has_the_form_of_standard_webhooks():
    secret = standard_secret("-_" * 21 + "w")
    assert secret.startswith("whsec_")
    assert len(secret) == 6 + 44
    assert target_problems(RouteKind.WEBHOOK, {"url": URL, "secret": secret}, POLICY) == []


def test_a_destination_is_the_whole_target_and_not_what_passes():
    one = destination_of(RouteKind.WEBHOOK, {"url": URL, "secret": SECRET})
    assert len(one) == 32
    assert destination_of(RouteKind.WEBHOOK, {"secret": SECRET, "url": URL}) == one
    passing = {"url": URL, "secret": SECRET, "previousSecret": "x", "previousSecretUntil": "2026-05-26T12:00:00.000Z"}
    assert destination_of(RouteKind.WEBHOOK, passing) == one
    assert destination_of(RouteKind.SLACK, {"url": URL, "secret": SECRET}) != one
    assert destination_of(RouteKind.WEBHOOK, {"url": URL}) != one
    both, again = {"to": ["a@example.org", "b@example.org"]}, {"to": ["b@example.org", "a@example.org"]}
    assert destination_of(RouteKind.EMAIL, both) == destination_of(RouteKind.EMAIL, again)


def test_people_are_told_at_a_pace_and_machines_as_it_comes():
    assert {kind: manners_of(kind) for kind in RouteKind} == {
        kind: (1 if kind is RouteKind.SLACK else 10, kind not in {RouteKind.PAGERDUTY, RouteKind.ALERTMANAGER})
        for kind in RouteKind
    }


def test_an_origin_is_scheme_host_and_port():
    assert origin_of("https://A.example./x") == origin_of("https://a.example:443")
    assert origin_of("https://a.example") != origin_of("http://a.example")
    assert masked_url("https://[2001:db8::1]:8443/0123456789abcdef", tail=True) == "https://[2001:db8::1]:8443/…cdef"
