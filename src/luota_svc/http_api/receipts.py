"""What an accepted signal is answered with: receipts of luota.v1 as JSON, keys in the published order."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from luota.v1.incidents_pb2 import DESCRIPTOR as INCIDENTS
from luota.v1.ingest_service_pb2 import IncidentRef, PingReceipt, RunReceipt
from luota.v1.runs_pb2 import DESCRIPTOR as RUNS
from luota.v1.runs_pb2 import Note
from luota_svc.http_api.json_words import enum_words, instant_text

_RUN_STATES: Final = enum_words(RUNS.enum_types_by_name["RunState"])
_INCIDENT_KINDS: Final = enum_words(INCIDENTS.enum_types_by_name["IncidentKind"])
_INCIDENT_STATES: Final = enum_words(INCIDENTS.enum_types_by_name["IncidentState"])


class RunBody(Struct, rename="camel", omit_defaults=True):
    """A run as an answer shows it."""

    id: str
    monitor_id: str
    external_run_id: str
    state: str
    started_at: str
    finished_at: str | None = None
    duration_ms: int | None = None


class IncidentBody(Struct):
    """The incident that was opened, joined or resolved."""

    id: str
    kind: str
    state: str
    url: str


class NoteBody(Struct, rename="camel", omit_defaults=True):
    """What Luota did to what was sent."""

    field: str
    note: str
    original_bytes: int | None = None
    kept_bytes: int | None = None
    count: int | None = None


class RunReceiptBody(Struct, rename="camel", omit_defaults=True):
    """The answer to a run's signal."""

    run: RunBody
    duplicate: bool
    request_id: str
    incident: IncidentBody | None = None
    notes: list[NoteBody] | None = None


class SignalBody(Struct, rename="camel"):
    """A kept ping."""

    id: str
    monitor_id: str
    received_at: str


class PingReceiptBody(Struct, rename="camel", omit_defaults=True):
    """The answer to a ping."""

    signal: SignalBody
    duplicate: bool
    request_id: str
    incident: IncidentBody | None = None
    notes: list[NoteBody] | None = None


def run_receipt_body(receipt: RunReceipt, request_id: str) -> RunReceiptBody:
    """Return the answer's body; `incident` only where one is meant, `notes` only where there are any."""
    run = receipt.run
    body = RunBody(run.id, run.monitor_id, run.external_run_id, _RUN_STATES[run.state], instant_text(run.started_at))
    if run.HasField("finished_at"):
        body.finished_at = instant_text(run.finished_at)
    if run.HasField("duration_ms"):
        body.duration_ms = run.duration_ms
    return RunReceiptBody(body, receipt.duplicate, request_id, _incident_body(receipt), _note_bodies(receipt))


def ping_receipt_body(receipt: PingReceipt, request_id: str) -> PingReceiptBody:
    """Return the answer's body, as for a run."""
    signal = receipt.signal
    body = SignalBody(signal.id, signal.monitor_id, instant_text(signal.received_at))
    return PingReceiptBody(body, receipt.duplicate, request_id, _incident_body(receipt), _note_bodies(receipt))


def _incident_body(receipt: RunReceipt | PingReceipt) -> IncidentBody | None:
    if not receipt.HasField("incident"):
        return None
    incident: IncidentRef = receipt.incident
    return IncidentBody(incident.id, _INCIDENT_KINDS[incident.kind], _INCIDENT_STATES[incident.state], incident.url)


def _note_bodies(receipt: RunReceipt | PingReceipt) -> list[NoteBody] | None:
    notes = receipt.notes
    return [_note_body(note) for note in notes] if notes else None


def _note_body(note: Note) -> NoteBody:
    return NoteBody(
        note.field,
        note.note,
        note.original_bytes if note.HasField("original_bytes") else None,
        note.kept_bytes if note.HasField("kept_bytes") else None,
        note.count if note.HasField("count") else None,
    )
