"""Tokens as text."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.keys import KeyFacts
from luota_svc.rules import ingest_key

KEY_ID = UUID("0197a2f4-1c3e-7b0a-9d2e-5f60718293a4")
SECRET = "aA0_-" * 8 + "xyz"


@pytest.mark.parametrize("prefix", [ingest_key.MONITOR, ingest_key.WORKSPACE, ingest_key.OPERATOR])
def test_a_formatted_token_parses_into_what_it_was_made_of(prefix):
    token = ingest_key.parse_token(ingest_key.format_token(prefix, KEY_ID, SECRET))
    assert token is not None
    assert (token.prefix, token.key_id, token.secret) == (prefix, KEY_ID, SECRET)


def test_the_id_may_have_any_case():
    token = ingest_key.parse_token(f"wfmn1.{str(KEY_ID).upper()}.{SECRET}")
    assert token is not None
    assert token.key_id == KEY_ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wfws1.redacted",
        f"wfmn2.{KEY_ID}.{SECRET}",
        f"WFMN1.{KEY_ID}.{SECRET}",
        f"wfmn1.{KEY_ID.hex}.{SECRET}",
        f"wfmn1.{{{KEY_ID}}}.{SECRET}",
        f"wfmn1.{KEY_ID}.{SECRET[:-1]}",
        f"wfmn1.{KEY_ID}.{SECRET}x",
        f"wfmn1.{KEY_ID}.{SECRET[:-1]}=",
        f"wfmn1.{KEY_ID}.{SECRET[:-1]}é",
        f"wfmn1.{KEY_ID}.{SECRET}.",
        f" wfmn1.{KEY_ID}.{SECRET}",
        f"wfmn1.{KEY_ID}.{SECRET}\n",
        f"wfmn1.\N{ARABIC-INDIC DIGIT ZERO}{str(KEY_ID)[1:]}.{SECRET}",
        f"Bearer wfmn1.{KEY_ID}.{SECRET}",
    ],
)
def test_any_other_text_is_no_token(text):
    assert ingest_key.parse_token(text) is None


@given(st.text(max_size=200))
def test_parsing_never_raises(text):
    ingest_key.parse_token(text)


def test_only_the_secret_matches_its_hash():
    secret_hash = ingest_key.hash_secret(SECRET)
    assert len(secret_hash) == 32
    assert ingest_key.secret_matches(SECRET, secret_hash)
    assert not ingest_key.secret_matches(SECRET[:-1] + "0", secret_hash)
    assert not ingest_key.secret_matches(SECRET, ingest_key.DUMMY_HASH)


@pytest.mark.parametrize(
    ("prefix", "monitor_id", "agrees"),
    [("wfmn1", KEY_ID, True), ("wfws1", None, True), ("wfws1", KEY_ID, False), ("wfmn1", None, False)],
)
def test_a_prefix_that_is_not_the_keys_scope_is_a_mismatch(prefix, monitor_id, agrees):
    token = ingest_key.parse_token(f"{prefix}.{KEY_ID}.{SECRET}")
    assert token is not None
    assert ingest_key.prefix_agrees(token, KeyFacts(KEY_ID, KEY_ID, monitor_id, bytes(32))) is agrees


def test_an_operator_token_agrees_with_no_ingest_key():
    token = ingest_key.parse_token(f"wfop1.{KEY_ID}.{SECRET}")
    assert token is not None
    for monitor_id in (None, KEY_ID):
        assert not ingest_key.prefix_agrees(token, KeyFacts(KEY_ID, KEY_ID, monitor_id, bytes(32)))


@pytest.mark.parametrize(
    ("credentials", "chosen"),
    [((), None), (("a",), "a"), (("a", "a"), "a"), (("a", "b"), None), (("a", "a", "b"), None), (("", "a"), None)],
)
def test_credentials_that_differ_choose_nothing(credentials, chosen):
    assert ingest_key.choose_credential(credentials) == chosen
