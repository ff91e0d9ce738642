"""Canonical JSON: the RFC's own examples, another hand's library, and the command beside it all say the same bytes."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from luota_cli import __main__ as cli
from luota_svc.rules.canonical_json import INTEGER_MAX, canonical_json, digest_of

# Names with characters of every length in UTF-8 and on both sides of the surrogates, where UTF-16 orders otherwise.
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)

# RFC 8785, 3.2.2 and 3.2.3: what it gives as input and output, without the fractions that packets never hold.
LITERALS = r"""
{
  "numbers": [333333333, 4, 0],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}
"""
LITERALS_OUT = r'{"literals":[null,true,false],"numbers":[333333333,4,0],"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
SORTED = r"""
{
  "\u20ac": "Euro Sign",
  "\r": "Carriage Return",
  "\ufb33": "Hebrew Letter Dalet With Dagesh",
  "1": "One",
  "\ud83d\ude00": "Emoji: Grinning Face",
  "\u0080": "Control",
  "\u00f6": "Latin Small Letter O With Diaeresis"
}
"""
SORTED_OUT = [
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
]


@pytest.mark.parametrize("canonical", [canonical_json, cli.canonical])
def test_the_rfcs_own_examples_come_out_as_it_says(canonical):
    assert canonical(json.loads(LITERALS)) == LITERALS_OUT
    assert list(json.loads(canonical(json.loads(SORTED))).values()) == SORTED_OUT


@given(VALUES)
def test_service_command_and_another_hand_write_the_same_bytes(value):
    text = canonical_json(value)
    assert text.encode() == rfc8785.dumps(value)
    assert cli.canonical(value) == text
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text
    assert digest_of(value).hex() == cli.digest_of(value) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "value",
    [1.5, 1.0, float("nan"), INTEGER_MAX + 1, -(2**53), "\ud800", {"\udc00": 1}, {1: 2}, b"x", {1, 2}, object()],
)
def test_what_has_no_exact_text_is_refused(value):
    with pytest.raises(ValueError, match=r".+"):
        canonical_json({"a": [value]})
