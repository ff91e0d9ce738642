"""Secrets in evidence, and what is none."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.rules import redaction
from luota_svc.rules.redaction import NOTHING, redact_json, redact_tags, redact_text
from luota_svc.rules.secret_patterns import CONTEXTS, TOKENS

# None of these is real. They are put together here, so that no scanner takes this file for a leak.
X40 = "aB3dE6gH9" * 4 + "kLm0"
UUID = "0197a2f4-1c3e-7b0a-9d2e-5f60718293a4"
LUOTA = [f"{prefix}.{UUID}.{X40}xyz" for prefix in ("wfmn1", "wfws1", "wfop1")]
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
AWS_ID = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\nAbC+/=\n-----END RSA PRIVATE KEY-----"

TOKEN_CASES = [
    *[(token, "luota_token") for token in LUOTA],
    (JWT, "jwt"),
    (AWS_ID, "aws_key"),
    ("AIza" + "x" * 35, "gcp_api_key"),
    ("ya29." + X40, "google_oauth"),
    ("GOCSPX-" + X40[:28], "google_oauth"),
    ("1//0" + X40, "google_oauth"),
    *[(f"gh{kind}_" + X40[:36], "github_token") for kind in "pousr"],
    ("github_pat_" + X40, "github_token"),
    ("glpat-" + X40[:20], "gitlab_token"),
    ("glrt-" + X40[:20], "gitlab_token"),
    ("xoxb-" + "123456789012-abcdefABCDEF", "slack_token"),
    ("xapp-" + "1-A0123456789-123456789-abcdef", "slack_token"),
    ("hooks.slack.com/" + "services/T00000000/B00000000/" + X40[:24], "slack_webhook"),
    ("sk_live_" + X40[:24], "stripe_key"),
    ("rk_live_" + X40[:24], "stripe_key"),
    ("whsec_" + X40[:32], "stripe_key"),
    ("npm_" + X40[:36], "npm_token"),
    ("pypi-AgE" + X40, "pypi_token"),
    ("SG." + X40[:22] + "." + (X40 * 2)[:43], "sendgrid_key"),
    ("SK" + "0123456789abcdef" * 2, "twilio_key"),
    ("sk-" + "ant-api03-" + X40, "ai_key"),
    ("hf_" + X40[:34], "huggingface_token"),
    ("dop_v1_" + "0123456789abcdef" * 4, "digitalocean_token"),
    ("shpat_" + "0123456789abcdef" * 2, "shopify_token"),
    ("hvs." + X40, "vault_token"),
    ("glsa_" + X40, "grafana_token"),
]


@pytest.mark.parametrize(("secret", "kind"), TOKEN_CASES)
@pytest.mark.parametrize(
    "around", ["{}", "before {} after", "x={}", '"{}"', "({}),", "repr: '\\n{}\\n'", "<a>{}</a>", "é {} é"]
)
def test_a_token_goes_and_what_stands_around_it_stays(secret, kind, around):
    text = around.format(secret)
    assert redact_text(text) == (around.format(f"[redacted:{kind}]"), {kind: 1})
    literal = json.dumps({"note": text})
    assert redact_json(literal) == (
        json.dumps({"note": around.format(f"[redacted:{kind}]")}, ensure_ascii=False),
        {kind: 1},
    )


PASSWORD = "[redacted:password]"
SECRET = "[redacted:secret]"
PAIRS = [
    ("password=hunter2", f"password={PASSWORD}"),
    ("PASSWORD = hunter2", f"PASSWORD = {PASSWORD}"),
    ("Password: hunter2", f"Password: {PASSWORD}"),
    ("passwd:hunter2 ok", f"passwd:{PASSWORD} ok"),
    ("DB_PASSWORD=hunter2\nHOST=db", f"DB_PASSWORD={PASSWORD}\nHOST=db"),
    ("pwd=hunter2", f"pwd={PASSWORD}"),
    ("password=hunter2, user=bob", f"password={PASSWORD}, user=bob"),
    ("password=hunter2,user=bob", f"password={PASSWORD},user=bob"),
    ("password=a,b,c", f"password={PASSWORD}"),
    ("Server=db;Password=a<b)c;Timeout=5", f"Server=db;Password={PASSWORD};Timeout=5"),
    ("https://x/?password=a%20b&user=c", f"https://x/?password={PASSWORD}&user=c"),
    ('password="hunter 2" x', f"password={PASSWORD} x"),
    ("password='hunter 2' x", f"password={PASSWORD} x"),
    ("{'password': 'hunter2', 'user': 'bob'}", f"{{'password': {PASSWORD}, 'user': 'bob'}}"),
    ('{"password": "hun\\"ter2", "user": "bob"}', f'{{"password": {PASSWORD}, "user": "bob"}}'),
    ('{\\"password\\": \\"hunter2\\", \\"user\\": 1}', f'{{\\"password\\": {PASSWORD}, \\"user\\": 1}}'),
    ('{\\"password\\": \\"it\'s a\\\\nb\\", \\"user\\": 1}', f'{{\\"password\\": {PASSWORD}, \\"user\\": 1}}'),
    ("<password>hunter2</password>", f"<password>{PASSWORD}</password>"),
    ("password => 'hunter2'", f"password => {PASSWORD}"),
    ("client_secret=abc", f"client_secret={SECRET}"),
    ("secret: abc", f"secret: {SECRET}"),
    ("api_key=abc", f"api_key={SECRET}"),
    ("apikey: abc", f"apikey: {SECRET}"),
    ("X-Api-Key: abc", f"X-Api-Key: {SECRET}"),
    ("x-luota-key: wfmn1.short", f"x-luota-key: {SECRET}"),
    ("access_token=abc", f"access_token={SECRET}"),
    (f"aws_secret_access_key = {AWS_SECRET}", f"aws_secret_access_key = {SECRET}"),
    ("AccountKey=" + "x" * 86 + "==;Suffix=core.windows.net", f"AccountKey={SECRET};Suffix=core.windows.net"),
    ("token=abcd1234", f"token={SECRET}"),
    ("login --password hunter2 --host db", f"login --password {SECRET} --host db"),
    ("login --api-token abc123def", f"login --api-token {SECRET}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "clean"), PAIRS)
def test_the_value_of_a_password_like_pair_goes(text, clean):
    found, counts = redact_text(text)
    assert found == clean
    assert sum(counts.values()) == 1


BASIC = base64.b64encode(b"bob:hunter2").decode()
CONTEXT_CASES = [
    (f"Authorization: Bearer {X40}", "Authorization: Bearer [redacted:authorization]"),
    (f"authorization: basic {BASIC}", "authorization: basic [redacted:authorization]"),
    (f"{{'Authorization': 'Bearer {X40}'}}", "{'Authorization': 'Bearer [redacted:authorization]'}"),
    ("Authorization: abc12345", "Authorization: [redacted:authorization]"),
    (f"sent Bearer {X40}", "sent Bearer [redacted:bearer]"),
    (f"sent Basic {BASIC}", "sent Basic [redacted:basic]"),
    ("postgresql://bob:hunter2@db/x", "postgresql://bob:[redacted:url_password]@db/x"),
    ("redis://:hunter2@db:6379", "redis://:[redacted:url_password]@db:6379"),
    ("amqp://a:p@ss@host/v", "amqp://a:[redacted:url_password]@host/v"),
    (f"GET https://x.test/b?se=1&sig={X40}%3D HTTP", "GET https://x.test/b?se=1&sig=[redacted:signed_url] HTTP"),
    (f"{AWS_ID},{AWS_SECRET}", "[redacted:aws_key]"),
    (f"a {PEM} b", "a [redacted:private_key] b"),
    (PEM.replace("\n", "\\n") + " b", "[redacted:private_key] b"),
    (PEM[:44], "[redacted:private_key]"),
    (f"{PEM}\n{PEM}", "[redacted:private_key]\n[redacted:private_key]"),
    (f"{PEM[:44]}{PEM[:44]}", "[redacted:private_key][redacted:private_key]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "clean"), CONTEXT_CASES)
def test_what_its_surroundings_give_away_goes(text, clean):
    assert redact_text(text)[0] == clean


@pytest.mark.parametrize(
    "digits",
    ["4111111111111111", "5555555555554444", "2221000000000009", "378282246310005", "6011111111111117",
     "30569309025904", "3530111333300000", "6200000000000005"],
)  # fmt: skip
def test_a_card_number_goes_whichever_way_it_is_grouped(digits):
    forms = [digits]
    if len(digits) == 16:
        groups = [digits[i : i + 4] for i in range(0, 16, 4)]
        forms += [" ".join(groups), "-".join(groups), " ".join(groups) + " 12/29 123"]
    if len(digits) in {14, 15}:
        forms.append(f"{digits[:4]} {digits[4:10]} {digits[10:]}")
    for form in forms:
        text, counts = redact_text(f"paid with {form}.")
        assert "[redacted:card_number]" in text
        assert form not in text
        assert counts == {"card_number": 1}


INNOCENT = [
    "Backup of 14 tables finished in 12.4 s",
    UUID,
    UUID.upper(),
    "22222222-2222-4222-8222-222222222222",
    "41111111-1111-4111-8111-111111111111",
    "req-01HX3K9QZJ5V8W2N7R4T6Y0ABC",
    "d670460b4b4aece5915caf5c68d12f560a9fe3e4",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha512-" + "x" * 86 + "==",
    "2026-05-25T12:00:00.123Z 2026-05-25 12:00:00,456",
    "1748174400000 1748174400000000000",
    "1234567890123456",
    "4111111111111112",
    "0.4111111111111111",
    "4111111111111111.5",
    "4111-1111-1111-1111-1111",
    "order 9411111111111111",
    "tel. +49 170 1234567",
    "token_count: 5, tokens: 12345678",
    "unexpected token: expected ','",
    "Unexpected token < in JSON at position 0",
    "max_tokens=4096",
    "password: required",
    "password is wrong",
    "password=***",
    "password=${DB_PASSWORD}",
    "password=$DB_PASSWORD",
    "secret: null",
    'secret "db" not found',
    "secrets: 5",
    "PWD=/home/ci OLDPWD=/",
    "the key is missing; key=abc; primary key: id",
    "monkey: banana",
    "Basic authentication failed",
    "basic understanding",
    "bearer token missing",
    "Bearer authentication-required-here",
    "https://example.com:8080/path?mail=a@b.example",
    "git@github.com:luota/luota.git",
    "http://host:80?x=a@b",
    "scp a:b@c",
    "pypi-mirror-of-our-own-house",
    "task-runner-with-a-very-long-hyphenated-name-1-A",
    "eyJ.eyJ.x",
    "SK-II SG.x hf_model npm_config_registry",
    "asia-southeast1-docker.pkg.dev/project/image",
    "--token to authenticate",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays_the_same_object(text):
    assert redact_text(text) == (text, NOTHING)
    literal = json.dumps({"note": text, text: 1})
    clean, counts = redact_json(literal)
    assert clean is literal
    assert not counts


def test_counts_are_by_kind():
    text, counts = redact_text(f"password=a password=b {JWT} token={LUOTA[0]}")
    assert text == f"password={PASSWORD} password={PASSWORD} [redacted:jwt] token=[redacted:luota_token]"
    assert counts == {"password": 2, "jwt": 1, "luota_token": 1}


def test_redacting_twice_changes_nothing():
    for text, *_ in (*PAIRS, *CONTEXT_CASES, *TOKEN_CASES):
        once, _counts = redact_text(text)
        assert redact_text(once) == (once, NOTHING)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"password":"hunter2"}', f'{{"password":"{PASSWORD}"}}'),
        ('{"password" : "hunter2" , "a" : 1}', f'{{"password" : "{PASSWORD}" , "a" : 1}}'),
        ('{"dbPassword":"a b c","n":1}', f'{{"dbPassword":"{PASSWORD}","n":1}}'),
        ('{"secretAccessKey":"x"}', f'{{"secretAccessKey":"{SECRET}"}}'),
        ('{"X-Api-Key":["x","y"],"z":"y"}', f'{{"X-Api-Key":["{SECRET}","{SECRET}"],"z":"y"}}'),
        ('{"token":[],"z":"y"}', '{"token":[],"z":"y"}'),
        ('{"token":["x"],"z":["y","y"]}', f'{{"token":["{SECRET}"],"z":["y","y"]}}'),
        ('{"token":{"a":"b"}}', '{"token":{"a":"b"}}'),
        ('{"token":5,"a":"b"}', '{"token":5,"a":"b"}'),
        ('{"password":"","secret":"none","pwd":"/srv"}', '{"password":"","secret":"none","pwd":"/srv"}'),
        ('{"pass\\u0077ord":"x"}', f'{{"pass\\u0077ord":"{PASSWORD}"}}'),
        ('["\\u0041KIAIOSFODNN7EXAMPLE"]', '["[redacted:aws_key]"]'),
        ('["postgres:\\/\\/a:hunter2@db"]', '["postgres://a:[redacted:url_password]@db"]'),
        (f'{{"{AWS_ID}":"{AWS_ID}"}}', f'{{"{AWS_ID}":"[redacted:aws_key]"}}'),
        (f'{{"a": 1.10, "b": 1152921504606846976, "c": "é\\u00e9 {AWS_ID}"}}',
         '{"a": 1.10, "b": 1152921504606846976, "c": "éé [redacted:aws_key]"}'),
        ('"password=a\\"b"', f'"password={PASSWORD}\\"b"'),
        ('{"e":"{\\"password\\":\\"x\\"}"}', f'{{"e":"{{\\"password\\":{PASSWORD}}}"}}'),
        ('{"token_count":"5","n":4111111111111111}', '{"token_count":"5","n":4111111111111111}'),
        (f'"{AWS_ID}"', '"[redacted:aws_key]"'),
        ('{"password":"[redacted:password]"}', '{"password":"[redacted:password]"}'),
    ],
)  # fmt: skip
def test_json_changes_only_in_the_literals_that_hold_a_secret(text, clean):
    assert redact_json(text)[0] == clean


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([AWS_ID, "password=x", "4111111111111111"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["password", "token"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_values, st.booleans())
def test_json_stays_json_of_the_same_shape(value, escape):
    text = json.dumps(value, ensure_ascii=escape)
    clean, counts = redact_json(text)
    assert AWS_ID not in json.dumps(list(_strings(json.loads(clean))))
    assert (clean is text) is (not counts)
    assert _shape(json.loads(clean)) == _shape(value)


@given(st.text())
def test_any_text_can_be_redacted(text):
    redact_text(text)


def test_tags_lose_secrets_in_values_and_keep_their_keys():
    tags = {"env": "prod", "password": "hunter2", AWS_ID: "x", "note": f"see {AWS_ID}"}
    clean, counts = redact_tags(tags)
    assert clean == {"env": "prod", "password": PASSWORD, AWS_ID: "x", "note": "see [redacted:aws_key]"}
    assert counts == {"password": 1, "aws_key": 1}
    assert tags["password"] == "hunter2"


def test_clean_tags_stay_the_same_object():
    tags = {"env": "prod", "token_count": "5"}
    assert redact_tags(tags)[0] is tags


def test_the_first_look_covers_every_context():
    for shape in CONTEXTS:
        for hint in shape.hints:
            assert any(first in hint for first in redaction.CONTEXT_HINTS)


def test_every_token_case_stands_for_a_shape():
    assert {shape.kind for shape in TOKENS} == {kind for _, kind in TOKEN_CASES}


UNITS = [
    "a", "-", "eyJ", "eyJaaaaaaaa.", "eyJaaaaaaaa-", "eyJaaaaaaaa.eyJaaaaaaaa", "\\neyJaaaaaaaaa",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n-----END ", "-----BEGIN ", "://a:", "://a:@",
    "bearer ", "basic aaaa", "basic ", "password", "password=", "password=,", "password=,a", 'password="',
    'password=\\"', "password>", "password>aaaa", "password    ", "secret=\\", "token=1", "token: aaaaaaa", "--a-",
    "--a-b-c-secret ", "4", "4111 ", "4111-", "4111111111111111 ", "AKIAAAAAAAAAAAAAAAAA,", "sk-", "sk-1A",
    "SG.aaaaaaaaaaaaaaaaaaaa.", "[redacted:", "authorization: bearer ", "authorization: a1", "\\", '"', "'", '\\"',
    "&sig=a", '"",', '{"password":', "é", "İ",
]  # fmt: skip


@pytest.mark.parametrize("before", ["", 'password="', "token=://", "authorization: "])
@pytest.mark.parametrize("unit", UNITS)
def test_64_kib_of_hostile_text_costs_linear_time(before, unit):
    text = (before + unit * 65_536)[:65_536]
    literal = json.dumps(text, ensure_ascii=False)
    # Usually 1 to 35 ms; anything quadratic takes seconds. The better of two, for other work shares the machine.
    assert min(_seconds(redact_text, text) for _ in range(2)) < 0.25
    assert min(_seconds(redact_json, literal) for _ in range(2)) < 0.25


def _seconds(redact, text) -> float:
    started = time.perf_counter()
    redact(text)
    return time.perf_counter() - started


def _shape(value):
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    return "string" if isinstance(value, str) else value


def _strings(value):
    if isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value
