"""Redaction, then truncation, of what a signal carries."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime

from luota_svc.model.runs import Note
from luota_svc.model.signals import Evidence
from luota_svc.rules.evidence import clean_evidence
from luota_svc.rules.truncation import KEPT_BYTES_MAX

TOKEN = "wfmn1.0197a2f4-1c3e-7b0a-9d2e-5f60718293a4." + "x" * 43


def test_clean_evidence_stays_the_same_object():
    evidence = Evidence(
        occurred_at=datetime(2026, 5, 25, tzinfo=UTC),
        summary="14 tables",
        exit_code=0,
        output="done\n",
        payload='{"rows":1.10}',
        deploy_sha="d670460b4b4aece5915caf5c68d12f560a9fe3e4",
        host="db-1",
        environment="production",
        tags={"team": "data"},
    )
    cleaned, notes = clean_evidence(evidence)
    assert cleaned is evidence
    assert notes == ()
    assert clean_evidence(Evidence()) == (Evidence(), ())


def test_every_free_field_is_redacted_and_every_other_one_is_left_alone():
    evidence = Evidence(
        summary=f"a {TOKEN} {TOKEN}",
        output=f"b {TOKEN} password=hunter2",
        payload=json.dumps({"c": TOKEN}),
        tags={"d": TOKEN},
        deploy_sha=TOKEN,
        host=TOKEN,
        environment=TOKEN,
    )
    cleaned, notes = clean_evidence(evidence)
    marker = "[redacted:luota_token]"
    assert cleaned.summary == f"a {marker} {marker}"
    assert cleaned.output == f"b {marker} password=[redacted:password]"
    assert cleaned.payload == json.dumps({"c": marker})
    assert cleaned.tags == {"d": marker}
    assert (cleaned.deploy_sha, cleaned.host, cleaned.environment) == (TOKEN, TOKEN, TOKEN)
    assert notes == (
        Note("summary", "redacted:luota_token", count=2),
        Note("output", "redacted:luota_token", count=1),
        Note("output", "redacted:password", count=1),
        Note("payload", "redacted:luota_token", count=1),
        Note("tags", "redacted:luota_token", count=1),
    )


def test_a_secret_at_the_edge_of_the_cut_is_redacted_first():
    head = 12 * 1024
    text = "x " * ((head - 20) // 2) + TOKEN + " y" * KEPT_BYTES_MAX
    cleaned, notes = clean_evidence(Evidence(output=text))
    assert cleaned.output is not None
    assert "wfmn1" not in cleaned.output
    assert [note.note for note in notes] == ["redacted:luota_token", "truncated"]


def test_too_long_fields_are_cut_with_a_note_each():
    evidence = Evidence(summary="s " * 1_000, output="o " * KEPT_BYTES_MAX, payload=json.dumps("p " * KEPT_BYTES_MAX))
    cleaned, notes = clean_evidence(evidence)
    assert [(note.field, note.note) for note in notes] == [
        ("summary", "truncated"),
        ("output", "truncated"),
        ("payload", "replaced_by_digest"),
    ]
    for field in fields(Evidence):
        value = getattr(cleaned, field.name)
        assert value is None or len(value.encode()) <= KEPT_BYTES_MAX


def test_cleaning_does_not_change_what_it_was_given():
    tags = {"password": "hunter2"}
    evidence = Evidence(tags=tags)
    cleaned, _ = clean_evidence(evidence)
    assert cleaned.tags == {"password": "[redacted:password]"}
    assert tags == {"password": "hunter2"}
