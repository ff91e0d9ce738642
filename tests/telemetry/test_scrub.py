"""No secret of any shape survives, and ordinary words do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.telemetry.scrub import _SUSPICIOUS, Scrubber, scrub


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("refused wfmn1.abc.HUSH-hush_x", "HUSH"),
        ("key=wfws1.abc.HUSH, next", "HUSH"),
        ("'\\nwfop1.abc.HUSH'", "HUSH"),
        ("WFMN1.ABC.HUSH", "HUSH"),
        ("Authorization: Bearer HUSHHUSH", "HUSH"),
        ("authorization: Basic SFVTSEhVU0g=", "SFVTSE"),
        ("[(b'authorization', b'HUSHHUSH'), (b'host', b'x')]", "HUSH"),
        ('{"authorization":"HUSHHUSH"}', "HUSH"),
        ("x-luota-key: HUSHHUSH", "HUSH"),
        ("('x-watchflow-key', 'HUSHHUSH')", "HUSH"),
        ("X-Luota-Key=HUSHHUSH", "HUSH"),
        ("cannot reach postgresql://luota:HUSH@db/luota", "HUSH"),
        ("redis://:HUSH@cache:6379/0", "HUSH"),
        ("postgresql://luota:HUSH@HUSH/x@db/luota", "HUSH"),
        ("host=db password=HUSH user=x", "HUSH"),
        ("Bearer\tHUSHHUSH", "HUSH"),
    ],
)
def test_secrets_are_taken_out_by_their_shape(text, secret):
    assert secret not in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "ready on http://127.0.0.1:8080/docs",
        "postgresql://luota@db/luota is away",
        "the basic idea",
        "req-01HX0000000000000000000000",
        "monitor 22222222-2222-4222-8222-222222222222 of workspace x",
        "wfx1.abc is no token",
    ],
)
def test_ordinary_lines_stay_as_they_are(text):
    assert scrub(text) == text


def test_what_stands_around_a_secret_stays_readable():
    assert (
        scrub("cannot reach postgresql://luota:HUSH@db:5432/luota")
        == "cannot reach postgresql://luota:***@db:5432/luota"
    )
    assert scrub("key wfmn1.id.HUSH was refused") == "key [redacted:token] was refused"


def test_known_secrets_are_taken_out_whatever_their_shape():
    scrubber = Scrubber(["correct horse", "correct horse battery", "tiny"])
    assert scrubber.scrub("said 'correct horse battery' and tiny") == "said '***' and tiny"


@pytest.mark.parametrize(
    "unit", ["://a:b", "wfmn1.", "authorization: ", "bearer ", "password=", "x-luota-key'", "a" * 7, "basic  \t"]
)
def test_hostile_text_is_scrubbed_in_linear_time(unit):
    text = unit * (65_536 // len(unit))
    began = time.thread_time()
    scrub(text)
    assert time.thread_time() - began < 1.0


PARTS = ("wf", "mn", "wS", "oP", ":", "//", "Bear", "er", "ba", "SIC", "-K", "ey", "pa\u017f\u017fw", "-\u212aey", " ")


@given(st.lists(st.sampled_from(PARTS)))
def test_a_line_is_clean_only_where_no_text_of_it_could_change(parts):
    text = "".join(parts)
    assert Scrubber().is_clean(text) == (_SUSPICIOUS.search(text) is None)
