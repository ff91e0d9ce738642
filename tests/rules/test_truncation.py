"""What is too long to keep."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.runs import Note
from luota_svc.rules.truncation import KEPT_BYTES_MAX, truncate_output, truncate_payload, truncate_summary


@pytest.mark.parametrize("text", ["", "short", "x" * KEPT_BYTES_MAX, "é" * (KEPT_BYTES_MAX // 2)])
def test_output_of_32_kib_stays_the_same_object(text):
    kept, note = truncate_output(text)
    assert kept is text
    assert note is None


def test_longer_output_keeps_head_and_tail_and_says_what_is_missing():
    text = "first line\n" + "x" * KEPT_BYTES_MAX + "\nlast line"
    kept, note = truncate_output(text)
    assert kept.startswith("first line\n")
    assert kept.endswith("\nlast line")
    assert note is not None
    missing = re.search(r"\n\[\.\.\. (\d+) bytes not kept \.\.\.\]\n", kept)
    assert missing is not None
    assert note == Note("output", "truncated", original_bytes=len(text), kept_bytes=len(text) - int(missing[1]))


@given(st.text(min_size=1, max_size=40), st.integers(0, 3))
def test_kept_output_is_whole_characters_within_the_bound(unit, shift):
    text = "x" * shift + unit * (2 * KEPT_BYTES_MAX // len(unit.encode()) + 1)
    kept, note = truncate_output(text)
    assert note is not None
    assert len(kept.encode()) <= KEPT_BYTES_MAX
    head, _, rest = kept.rpartition("\n[... ")
    tail = rest.partition("...]\n")[2]
    assert text.startswith(head)
    assert text.endswith(tail)
    assert note.original_bytes == len(text.encode())
    assert note.kept_bytes == len(head.encode()) + len(tail.encode())


def test_a_payload_of_32_kib_stays_the_same_object():
    text = json.dumps("x" * (KEPT_BYTES_MAX - 2))
    kept, note = truncate_payload(text)
    assert kept is text
    assert note is None


def test_a_longer_payload_becomes_its_size_and_digest():
    text = json.dumps(["é" * KEPT_BYTES_MAX], ensure_ascii=False)
    size = len(text.encode())
    kept, note = truncate_payload(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert json.loads(kept) == {"truncated": True, "originalBytes": size, "sha256": digest}
    assert note == Note("payload", "replaced_by_digest", original_bytes=size, kept_bytes=0)


def test_a_summary_of_1000_characters_stays():
    assert truncate_summary("é" * 1_000) == ("é" * 1_000, None)


def test_a_longer_summary_ends_in_an_ellipsis():
    kept, note = truncate_summary("é" * 1_001)
    assert kept == "é" * 999 + "…"
    assert note == Note("summary", "truncated", original_bytes=2_002, kept_bytes=1_998)
