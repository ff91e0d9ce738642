"""Every bound of an ingest request, through both doors' calls: what is said becomes a report, or an InvalidRequest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota.v1 import ingest_service_pb2 as pb
from luota.v1.signals_pb2 import Evidence
from luota_svc.core.instants import from_timestamp, to_timestamp
from luota_svc.core.reports import close_report, finish_report, ping_report, start_report
from luota_svc.model import signals
from luota_svc.model.call import Call, Door
from luota_svc.model.errors import InvalidRequest
from luota_svc.model.signals import SignalType

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
MONITOR = "01977a3f-0000-7000-8000-0000000000aB"
KEY = pb.RunKey(monitor_id=MONITOR, external_run_id="r")


@pytest.fixture(params=[Door.HTTP, Door.GRPC])
def call(request):
    return Call(
        door=request.param,
        method="test",
        request_id="req-1",
        received_at=NOW,
        expires_at=1.0,
        source_address="192.0.2.1",
    )


def problem_of(read) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        read()
    first = refused.value.problems[0]
    return first.field, first.problem


def ping(call, **evidence):
    return ping_report(call, pb.PingRequest(monitor_id=MONITOR, evidence=Evidence(**evidence)))


@pytest.mark.parametrize(("sent", "kept"), [(MONITOR.upper(), MONITOR.lower()), ("Nightly-1", "Nightly-1")])
def test_a_pings_key_is_one_id_in_any_case_or_the_callers_word_to_the_letter(call, sent, kept):
    assert ping_report(call, pb.PingRequest(monitor_id=MONITOR, signal_id=sent)).signal_key == kept


def test_a_start_says_what_it_says(call):
    report = start_report(call, pb.StartRunRequest(run_key=KEY, timeout_seconds=60))
    assert report == signals.Report(
        SignalType.START, signals.Evidence(), monitor_id=UUID(MONITOR), external_run_id="r", timeout_seconds=60
    )


def test_a_close_names_its_run_by_our_id_or_by_the_jobs_own(call):
    by_id = close_report(call, SignalType.FAIL, pb.FailRunRequest(run_id=MONITOR.upper()))
    assert (by_id.run_id, by_id.monitor_id, by_id.external_run_id) == (UUID(MONITOR), None, None)
    by_key = close_report(call, SignalType.SUCCESS, pb.SucceedRunRequest(run_key=KEY))
    assert (by_key.run_id, by_key.monitor_id, by_key.external_run_id) == (None, UUID(MONITOR), "r")


@pytest.mark.parametrize(
    ("name", "monitor_id", "slug"),
    [
        (MONITOR, UUID(MONITOR), None),
        (MONITOR.upper(), UUID(MONITOR), None),
        ("nightly-backup", None, "nightly-backup"),
        ("0", None, "0"),
        ("a" * 63, None, "a" * 63),
    ],
)
def test_a_monitor_is_named_by_id_in_any_case_or_by_slug(call, name, monitor_id, slug):
    report = ping_report(call, pb.PingRequest(monitor_id=name))
    assert (report.monitor_id, report.monitor) == (monitor_id, slug)


@pytest.mark.parametrize(
    "name", ["Nightly", "a_b", "-a", "a" * 64, "a b", "a\x00", "é", f"{{{MONITOR}}}", MONITOR[:-1] + "\n"]
)
def test_what_can_be_no_monitors_name_is_invalid(call, name):
    assert problem_of(lambda: ping_report(call, pb.PingRequest(monitor_id=name))) == (
        "monitorId",
        "must be a monitor's id or slug",
    )


@pytest.mark.parametrize(
    ("request_", "field", "problem"),
    [
        (pb.StartRunRequest(), "monitorId", "is required"),
        (pb.StartRunRequest(run_key=pb.RunKey(monitor_id="m")), "externalRunId", "is required"),
        (
            pb.StartRunRequest(run_key=pb.RunKey(monitor_id="m", external_run_id="x" * 201)),
            "externalRunId",
            "must be 1 to 200 characters",
        ),
        (
            pb.StartRunRequest(run_key=pb.RunKey(monitor_id="m", external_run_id="a\x00b")),
            "externalRunId",
            "must be 1 to 200 characters",
        ),
        (pb.StartRunRequest(run_key=KEY, timeout_seconds=0), "timeoutSeconds", "must be 1 to 31622400"),
        (pb.StartRunRequest(run_key=KEY, timeout_seconds=-1), "timeoutSeconds", "must be 1 to 31622400"),
        (pb.StartRunRequest(run_key=KEY, timeout_seconds=31_622_401), "timeoutSeconds", "must be 1 to 31622400"),
    ],
)
def test_a_start_that_breaks_a_bound_says_which(call, request_, field, problem):
    assert problem_of(lambda: start_report(call, request_)) == (field, problem)


def test_the_longest_names_are_taken_in_any_alphabet(call):
    longest = "😀" * 200
    key = pb.RunKey(monitor_id=MONITOR, external_run_id=longest)
    assert start_report(call, pb.StartRunRequest(run_key=key)).external_run_id == longest
    assert ping_report(call, pb.PingRequest(monitor_id="m", signal_id=longest)).signal_key == longest


@pytest.mark.parametrize("run_id", ["", "r", MONITOR + "0", MONITOR.replace("-", "")])
def test_a_run_id_that_is_none_is_invalid(call, run_id):
    assert problem_of(lambda: close_report(call, SignalType.FAIL, pb.FailRunRequest(run_id=run_id)))[0] == "runId"


def test_a_close_that_names_no_run_is_invalid(call):
    assert problem_of(lambda: close_report(call, SignalType.FAIL, pb.FailRunRequest()))[1] == "is required"


def test_a_finish_needs_its_exit_code_and_takes_zero_as_one(call):
    assert problem_of(lambda: finish_report(call, pb.FinishRunRequest(run_key=KEY))) == ("exitCode", "is required")
    report = finish_report(call, pb.FinishRunRequest(run_key=KEY, evidence=Evidence(exit_code=0)))
    assert (report.type, report.evidence.exit_code) == (SignalType.FINISH, 0)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"signal_id": ""}, "signalId"),
        ({"signal_id": "x" * 201}, "signalId"),
        ({"signal_id": "\x00"}, "signalId"),
        ({"workspace_id": "w"}, "workspaceId"),
        ({"workspace_id": ""}, "workspaceId"),
    ],
)
def test_a_ping_that_breaks_a_bound_says_which(call, words, field):
    assert problem_of(lambda: ping_report(call, pb.PingRequest(monitor_id="m", **words)))[0] == field


def test_a_ping_without_a_key_has_none_and_the_paths_workspace_is_kept(call):
    report = ping_report(call, pb.PingRequest(monitor_id="m", workspace_id=MONITOR.upper()))
    assert (report.signal_key, report.workspace_id) == (None, UUID(MONITOR))


@pytest.mark.parametrize(
    ("said", "kept", "clamped"),
    [
        (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC), False),
        (NOW + timedelta(minutes=5), NOW + timedelta(minutes=5), False),
        (NOW + timedelta(minutes=5, microseconds=1), NOW, True),
        (datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC), NOW, True),
    ],
)
def test_an_instant_is_kept_or_clamped_with_a_note(call, said, kept, clamped):
    report = ping(call, occurred_at=to_timestamp(said))
    assert report.evidence.occurred_at == kept
    assert [note.field for note in report.notes] == (["occurredAt"] if clamped else [])


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(946_684_799, 999_999_999), (0, 0), (-(2**62), 0), (2**62, 0), (253_402_300_800, 0), (946_684_800, -1_000)],
)
def test_an_instant_outside_the_years_2000_to_9999_is_invalid(call, seconds, nanos):
    evidence = {"occurred_at": {"seconds": seconds, "nanos": nanos}}
    assert problem_of(lambda: ping(call, **evidence))[0] == "occurredAt"


@pytest.mark.parametrize(
    ("evidence", "field"),
    [
        ({"summary": "a\x00"}, "summary"),
        ({"output": "\x00"}, "output"),
        ({"host": "\x00"}, "host"),
        ({"deploy_sha": "\x00"}, "deploySha"),
        ({"environment": "\x00"}, "environment"),
        ({"tags": {"k": "\x00"}}, "tags.k"),
        ({"tags": {"\x00": "v"}}, "tags"),
        ({"tags": {"": "v"}}, "tags"),
        ({"tags": {"k" * 65: "v"}}, "tags"),
        ({"tags": {"k": "v" * 257}}, "tags.k"),
        ({"tags": {str(n): "" for n in range(17)}}, "tags"),
    ],
)
def test_evidence_that_breaks_a_bound_says_which_field_in_its_public_spelling(call, evidence, field):
    assert problem_of(lambda: ping(call, **evidence))[0] == field


def test_the_widest_tags_are_taken(call):
    tags = {f"{n:064}": "v" * 256 for n in range(16)}
    assert ping(call, tags=tags).evidence.tags == tags


def test_a_label_that_is_too_long_is_cut_with_a_note_and_loses_nobodys_failure(call):
    request = pb.FailRunRequest(run_key=KEY, evidence=Evidence(host="é" * 300, deploy_sha="a" * 256))
    report = close_report(call, SignalType.FAIL, request)
    assert (report.evidence.host, report.evidence.deploy_sha) == ("é" * 256, "a" * 256)
    (note,) = report.notes
    assert (note.field, note.note, note.original_bytes, note.kept_bytes) == ("host", "truncated", 600, 512)


def test_evidence_is_redacted_before_it_joins_a_batch_and_external_run_ids_never_are(call):
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    key = pb.RunKey(monitor_id=MONITOR, external_run_id=secret)
    evidence = Evidence(summary=f"token {secret}", output=secret, payload=f'{{"t":"{secret}"}}'.encode(), host=secret)
    report = finish_report(
        call,
        pb.FinishRunRequest(
            run_key=key, evidence=Evidence(exit_code=1, **{field.name: value for field, value in evidence.ListFields()})
        ),
    )
    kept = report.evidence
    for text in (kept.summary, kept.output, kept.payload):
        assert secret not in text
        assert "[redacted:" in text
    assert (report.external_run_id, kept.host) == (secret, secret)
    assert {note.field for note in report.notes} == {"summary", "output", "payload"}


def test_a_payload_is_kept_as_the_text_that_was_sent(call):
    text = (
        '{"n": 1152921504606846976, "e": 1.0e400000, "s": "é"}'
        if call.door is Door.HTTP
        else '{"n": 1152921504606846976}'
    )
    assert ping(call, payload=text.encode()).evidence.payload == text


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b'"\\u0000"', b"NaN", b"[" * 100 + b"]" * 100, b"1 2"])
def test_a_payload_in_bytes_is_checked_as_a_body_would_be(payload):
    call = Call(Door.GRPC, "test", "req-1", NOW, 1.0, "192.0.2.1")
    assert problem_of(lambda: ping(call, payload=payload))[0] == "payload"


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_an_instant_survives_the_way_through_a_message_to_the_microsecond(instant):
    assert from_timestamp(to_timestamp(instant)) == instant


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_no_timestamp_that_a_message_can_carry_is_a_fault(seconds, nanos):
    from google.protobuf.timestamp_pb2 import Timestamp

    assert from_timestamp(Timestamp(seconds=seconds, nanos=nanos)).tzinfo is UTC
