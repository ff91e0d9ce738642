"""What JSON text must be beyond its grammar."""

from __future__ import annotations

import json
import math
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.rules.json_text import DEPTH_MAX, check_json_text, check_payload, skippable

MIB = 1 << 20
BACKSLASH = b"\\"

GOOD = [
    b"{}",
    b'{"a":1152921504606846976,"b":0.1,"c":1e308,"d":-1.7976931348623157e308,"e":1e-999,"f":0.0}',
    b"9" * 308,
    b"1." + b"9" * 400,
    b"1" + b"0" * 400 + b"e-300",
    b"0e999",
    b'"1e999"',
    b'"' + b"9" * 400 + b'"',
    b'"a\\"1e999"',
    '"é 😀"'.encode(),
    b'"\\ud83d\\ude00 \\uD83D\\uDE00"',
    b'"' + BACKSLASH * 2 + b'u0000"',
    b'"' + BACKSLASH * 4 + b'ud800"',
    b'"\\u0001"',
    b"[" * DEPTH_MAX + b"]" * DEPTH_MAX,
    b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX,
    b"[" + b"[]," * 100 + b"{}]",
    b'["' + b"[{" * 100 + b'"]',
    b'["' + b'\\"[' * 100 + b'"]',
    b'["' + BACKSLASH * 2 + b'",' + b"[]," * 100 + b'""]',
]


@pytest.mark.parametrize("text", GOOD)
def test_sound_text_has_no_problem(text):
    assert check_json_text(text) is None
    assert check_payload(text) is None


BAD = [
    (b'{"a":"\xff"}', "UTF-8"),
    (b'{"unknown":"\xc0\x80"}', "UTF-8"),
    (b'"\xed\xa0\x80"', "surrogate"),
    (b'"\xed"', "UTF-8"),
    (b'{"\xf5":1}', "UTF-8"),
    (b'"a\x00b"', "U+0000"),
    (b'{"a":"\\u0000"}', "U+0000"),
    (b'{"\\u0000":1}', "U+0000"),
    (b'"' + BACKSLASH * 3 + b'u0000"', "U+0000"),
    (b'"\\ud800"', "surrogate"),
    (b'"\\uDFFF"', "surrogate"),
    (b'"\\ud800\\ud800\\udc00"', "surrogate"),
    (b'"\\ud83d\\ude00\\ude00"', "surrogate"),
    (b'"\\ud83dx\\ude00"', "surrogate"),
    (b'"\\ud83d' + BACKSLASH * 2 + b'\\ude00"', "surrogate"),
    (b'"\\udc00\\ud800"', "surrogate"),
    (b'{"a":1e999}', "number"),
    (b"[-1E+999]", "number"),
    (b"1.5e0309", "number"),
    (b"9" * 400, "number"),
    (b"1" + b"0" * 250 + b"e99", "number"),
    (b'{"e":"1e1","x":' + b"9" * 310 + b"}", "number"),
    (b"[" * 65 + b"]" * 65, "deep"),
    (b'{"a":' * 65 + b"1" + b"}" * 65, "deep"),
    (b'{"a":[' * 33 + b"1" + b"]}" * 33, "deep"),
    (b'["' + BACKSLASH * 2 + b'",' + b"[" * 64 + b"]" * 64 + b"]", "deep"),
    (b"[" * MIB, "deep"),
]


@pytest.mark.parametrize(("text", "word"), BAD)
def test_what_the_contract_refuses_is_named(text, word):
    problem = check_json_text(text)
    assert problem is not None
    assert word in problem
    assert check_payload(text) == problem


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"NaN", b"[Infinity]", b"-Infinity", b"{'a':1}", b"1 2", b"01", b"1.", b'"\n"', b'"\\q"', b'{"a":1,}',
     b"\xef\xbb\xbf{}", b"/**/1", b"tru", b"{", b'{"a"}'],
)  # fmt: skip
def test_a_payload_that_is_not_one_json_value_is_refused(text):
    assert check_payload(text) == "must be one JSON value"


def test_a_duplicate_key_is_no_problem():
    assert check_payload(b'{"a":1,"a":2}') is None


@pytest.mark.parametrize("text", [text for text, word in BAD if word in {"UTF-8", "U+0000", "number"}])
def test_the_gaps_of_the_decoder_are_the_ones_closed_here(text):
    # Should a newer decoder refuse less than this one did, the checks must grow.
    for syntax in (b"NaN", b"01", b'"\n"', b'"\\q"', b"[1,]", b'"\\ud800 "'):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(b'{"skipped":' + syntax + b"}", type=_Known)
    assert check_json_text(b'{"skipped":' + text + b"}") is not None


@pytest.mark.parametrize("text", [text for text, _ in BAD if text.count(b"\0") == 0 and text != b"[" * MIB])
def test_what_is_refused_can_be_skipped_and_is_refused_still_and_its_neighbours_are_as_before(text):
    for bad in (text, text.join([b"[" * 2_000, b"]" * 2_000])):
        skipped = skippable(b"[%b,%b,%b]" % (bad, GOOD[0], bad))
        before, good, after = msgspec.json.decode(skipped, type=list[msgspec.Raw])
        assert bytes(good) == GOOD[0]
        for raw in (before, after):
            assert len(bytes(raw)) == len(bad)
            assert check_json_text(bytes(raw)) is not None


@pytest.mark.parametrize("text", GOOD)
def test_what_is_sound_stays_as_it_is_among_what_is_skipped(text):
    deep = b"[" * 30 + text + b"]" * 30
    assert skippable(deep) == deep


class _Known(msgspec.Struct):
    known: int = 0


@given(st.binary(max_size=200))
def test_the_checks_never_raise(text):
    check_json_text(text)
    check_payload(text)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(_values, st.booleans())
def test_whatever_python_writes_as_json_is_judged_by_its_content(value, escape):
    text = json.dumps(value, ensure_ascii=escape)
    sound = "\0" not in _strings(value) and not any("\ud800" <= c <= "\udfff" for c in _strings(value))
    sound = sound and not _overflows(value)
    assert (check_payload(text.encode("utf-8", "surrogatepass")) is None) is sound


@given(st.lists(st.sampled_from(["\\\\", "\\ud83d", "\\ude00", "\\u0000", "\\u0041", "ud800", "\\n", '\\"', "x"])))
def test_escapes_are_judged_as_a_decoder_reads_them(parts):
    text = f'"{"".join(parts)}"'
    decoded = json.loads(text)
    sound = "\0" not in decoded and not any("\ud800" <= character <= "\udfff" for character in decoded)
    assert (check_json_text(text.encode()) is None) is sound


@given(st.lists(st.sampled_from(["[", "]", '"', '\\"', "\\\\", "{", "}", ":", ",", "1", " "]), max_size=300))
def test_the_decoder_never_sees_more_than_64_levels(parts):
    text = "".join(parts).encode()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    assert (check_json_text(text) is None) is (_deepest(value) <= DEPTH_MAX)


@pytest.mark.parametrize(
    "text",
    [b"[" * MIB, b"[]" * (MIB // 2), b'"' * MIB, BACKSLASH * MIB, b"\\u" * (MIB // 2), b"\\ud83d\\ude00" * (MIB // 12),
     b"9" * MIB, b"1e100," * (MIB // 6), b"9e999" + (b"9" * 199 + b",") * (MIB // 200), b"[" * 99 + b'"",' * (MIB // 3),
     b"9e999" + b"1." * (MIB // 2), b'{"' * (MIB // 2)],
    ids=lambda text: str(text[:8]),
)  # fmt: skip
def test_a_hostile_mebibyte_costs_linear_time(text):
    def seconds(part: bytes) -> float:
        started = time.perf_counter()
        check_json_text(part)
        return time.perf_counter() - started

    # Quadratic work on a mebibyte would take minutes; the bound leaves room for a busy machine.
    assert min(seconds(text) for _ in range(2)) < 1.0


def _strings(value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_strings, value))
    if isinstance(value, dict):
        return "".join(key + _strings(inner) for key, inner in value.items())
    return ""


def _overflows(value) -> bool:
    if isinstance(value, list):
        return any(map(_overflows, value))
    if isinstance(value, dict):
        return any(map(_overflows, value.values()))
    return isinstance(value, int) and not isinstance(value, bool) and math.isinf(float(str(value)))


def _deepest(value) -> int:
    if isinstance(value, list):
        return 1 + max(map(_deepest, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_deepest, value.values()), default=0)
    return 0
