"""What a signal carries is cleaned once, at the door, before it joins a batch: redaction, then truncation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from luota_svc.model.runs import Note
from luota_svc.model.signals import Evidence
from luota_svc.rules.redaction import Counts, redact_json, redact_tags, redact_text
from luota_svc.rules.truncation import truncate_output, truncate_payload, truncate_summary


def clean_evidence(evidence: Evidence) -> tuple[Evidence, tuple[Note, ...]]:
    """Return evidence without secrets and within the kept sizes, and what was done to it.

    Redaction comes first: half a secret at the edge of a cut would no longer be recognised. Summary, output, payload
    and tag values are looked at; host, deploy SHA and environment never. The same object comes back when there was
    nothing to do. `payload` must be valid JSON.
    """
    changes: dict[str, Any] = {}
    notes: list[Note] = []
    if evidence.summary is not None:
        clean, counts = redact_text(evidence.summary)
        clean, cut = truncate_summary(clean)
        _record("summary", evidence.summary, clean, counts, cut, changes, notes)
    if evidence.output is not None:
        clean, counts = redact_text(evidence.output)
        clean, cut = truncate_output(clean)
        _record("output", evidence.output, clean, counts, cut, changes, notes)
    if evidence.payload is not None:
        clean, counts = redact_json(evidence.payload)
        clean, cut = truncate_payload(clean)
        _record("payload", evidence.payload, clean, counts, cut, changes, notes)
    if evidence.tags:
        tags, counts = redact_tags(evidence.tags)
        _record("tags", evidence.tags, tags, counts, None, changes, notes)
    return (replace(evidence, **changes), tuple(notes)) if changes else (evidence, ())


def _record(
    field: str,
    before: Any,
    after: Any,
    counts: Counts,
    cut: Note | None,
    changes: dict[str, Any],
    notes: list[Note],
) -> None:
    """Keep what changed in one field, and one note for each kind of secret and for the cut."""
    if after is before:
        return
    changes[field] = after
    notes.extend(Note(field, f"redacted:{kind}", count=count) for kind, count in sorted(counts.items()))
    if cut is not None:
        notes.append(cut)
