"""`luota packets verify`: the file and the pipe, what is said when something does not hold, and the exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from luota_cli import __main__ as cli

FROZEN = {
    "identity": {
        "format": "luota.packet/1",
        "incidentId": "i-1",
        "kind": "failed",
        "openedAt": "2026-05-25T12:00:00.000Z",
    },
    "promise": {"graceSeconds": 300, "name": "Nightly Ünïcode 😀"},
    "healthySignal": None,
    "badDaySignal": {"what": "signal", "signal": {"payload": '{"n":1152921504606846976}'}},
}


def packet(**changes):
    """A packet as Luota would write it, and then changed."""
    document = {**FROZEN, "auditTrail": {"timeline": []}, "alertState": "no_route"}
    document["evidenceDigest"] = cli.digest_of(FROZEN)
    document["exportDigest"] = cli.digest_of(document)
    return {**document, **changes}


def verify(tmp_path, document, *options):
    text = document if isinstance(document, (str, bytes)) else json.dumps(document, indent=2)
    file = tmp_path / "packet.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return cli.main(["packets", "verify", str(file), *options])


def test_what_luota_wrote_is_valid_however_it_is_laid_out(tmp_path, capsys):
    document = packet()
    for text in (
        json.dumps(document),
        json.dumps(document, indent=4, sort_keys=True, ensure_ascii=False),
        json.dumps(document).replace("300", "300.0"),
        json.dumps(document).encode("utf-8-sig"),
    ):
        assert verify(tmp_path, text) == 0
    said = capsys.readouterr().out
    assert "valid: incident i-1 (failed), opened 2026-05-25T12:00:00.000Z" in said
    assert document["evidenceDigest"] in said
    assert document["exportDigest"] in said


def test_a_changed_frozen_part_is_named(tmp_path, capsys):
    document = packet(promise={**FROZEN["promise"], "graceSeconds": 301})
    assert verify(tmp_path, document) == 1
    said = capsys.readouterr().out
    assert said.startswith("NOT VALID: the frozen evidence")
    assert document["evidenceDigest"] in said
    assert "valid: incident" not in said


def test_a_change_elsewhere_is_told_apart_from_one_of_the_evidence(tmp_path, capsys):
    assert verify(tmp_path, packet(alertState="delivered")) == 1
    said = capsys.readouterr().out
    assert "the frozen evidence" not in said
    assert "changed after it was exported" in said


def test_a_digest_from_elsewhere_unmasks_a_packet_that_was_made_anew(tmp_path, capsys):
    document = packet()
    digest = document["evidenceDigest"]
    assert verify(tmp_path, document, "--evidence-digest", digest.upper()) == 0
    assert verify(tmp_path, document, "--evidence-digest", "0" * 64) == 1
    assert "not that of the digest you gave" in capsys.readouterr().out


def test_an_incident_from_before_packets_is_not_called_valid(tmp_path, capsys):
    document = {**dict.fromkeys(FROZEN), "evidenceDigest": None}
    document["exportDigest"] = cli.digest_of(document)
    assert verify(tmp_path, document) == 1
    assert capsys.readouterr().out.startswith("NOT VALID: nothing was frozen")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"error":"Not found"}',
        b"\xff\xfe\x00",
        '{"a":1,"a":2}',
        '{"a":NaN}',
        '{"a":1.5}',
        '{"a":9007199254740992}',
        '{"a":1e999}',
        '{"a":' + "9" * 5_000 + "}",
        '{"a":"\\ud800"}',
        "[" * 100_000,
        json.dumps(packet(identity={})),
        json.dumps(packet(identity=[])),
        json.dumps(packet(identity={**FROZEN["identity"], "format": "luota.packet/9"})),
    ],
    ids=range(17),
)
def test_what_is_no_packet_ends_with_two_and_one_line(tmp_path, capsys, text):
    assert verify(tmp_path, text) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("luota: ")
    assert said.err.count("\n") == 1


def test_a_file_that_is_not_there_and_wrong_usage_end_with_two(tmp_path, capsys):
    assert cli.main(["packets", "verify", str(tmp_path / "none.json")]) == 2
    assert "No such file" in capsys.readouterr().err
    for words in ([], ["packets"], ["packets", "verify"], ["packets", "burn", "x"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == 2


def test_a_dash_reads_standard_input(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(packet()).encode())))
    assert cli.main(["packets", "verify", "-"]) == 0
    assert capsys.readouterr().out.startswith("valid: ")


def test_the_one_file_runs_where_nothing_else_is_installed(tmp_path):
    file = tmp_path / "luota.py"
    file.write_bytes(Path(cli.__file__).read_bytes())
    outcome = subprocess.run(
        [sys.executable, "-I", "-S", file, "packets", "verify", "-"],
        input=json.dumps(packet()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_the_example_of_the_document_is_a_packet_that_luota_wrote(tmp_path):
    document = Path(__file__).resolve().parents[2] / "docs" / "packet.md"
    example = document.read_text().split("```json\n")[1].split("```")[0]
    assert verify(tmp_path, example) == 0
