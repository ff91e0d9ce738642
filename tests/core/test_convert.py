"""Values between messages and model words: ids, instants, words, masks, NUL."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from luota.v1 import monitor_service_pb2, monitors_pb2, workspace_service_pb2, workspaces_pb2
from luota_svc.core.convert import (
    NOBODY,
    body_id,
    instant,
    masked_paths,
    path_id,
    refuse_nul,
    request_hash,
    timestamp,
    word_of,
)
from luota_svc.model.errors import InvalidRequest
from luota_svc.model.monitors import MonitorKind

TEXT = "0196f0a0-1111-7abc-8def-0123456789AB"
NO_IDS = ["", "x", TEXT[:-1], TEXT + "0", "{" + TEXT + "}", "urn:uuid:" + TEXT, TEXT.replace("-", ""), TEXT + "\n"]


def test_an_id_may_have_any_case():
    assert path_id(TEXT) == body_id(TEXT, "f") == UUID(TEXT.lower())


@pytest.mark.parametrize("text", NO_IDS)
def test_a_malformed_id_in_a_path_names_nothing_and_in_a_body_is_refused(text):
    assert path_id(text) == NOBODY
    with pytest.raises(InvalidRequest, match="workspaceId: must be a UUID"):
        body_id(text, "workspaceId")


def test_instants_go_both_ways_to_the_microsecond():
    at = datetime(2026, 5, 25, 12, 0, 0, 123456, UTC)
    message = monitor_service_pb2.PauseMonitorRequest(until=timestamp(at))
    assert instant(message, "until", "until") == at
    assert instant(monitor_service_pb2.PauseMonitorRequest(), "until", "until") is None
    assert timestamp(None) is None


@pytest.mark.parametrize("seconds", [-(10**11), 10**12, 2**62])
def test_an_instant_that_no_calendar_has_is_refused(seconds):
    message = monitor_service_pb2.PauseMonitorRequest(until=Timestamp(seconds=seconds))
    with pytest.raises(InvalidRequest, match="until: must be an instant"):
        instant(message, "until", "until")


def test_a_number_of_an_enum_is_its_word_and_a_foreign_one_is_refused():
    def word(number):
        return word_of(monitors_pb2.MonitorKind, "MONITOR_KIND", number, MonitorKind, "kind")

    assert (word(0), word(2)) == (None, MonitorKind.RUN)
    with pytest.raises(InvalidRequest, match="kind: must be one of heartbeat, run, freshness"):
        word(99)


KNOWN = {"name": ("name",), "schedule": ("cron", "interval"), "schedule.cron": ("cron",)}


@pytest.mark.parametrize(
    ("paths", "covered"),
    [
        (["name"], {"name"}),
        (["schedule"], {"cron", "interval"}),
        (["schedule.cron", "name"], {"cron", "name"}),
        (["*"], {"name", "cron", "interval"}),
        (["id", "name"], {"name"}),
        (["id"], set()),
    ],
)
def test_a_mask_covers_what_it_names_and_derived_fields_change_nothing(paths, covered):
    assert masked_paths(FieldMask(paths=paths), KNOWN, frozenset({"id"})) == covered


@pytest.mark.parametrize(("paths", "words"), [(["grace_secs"], "graceSecs: is no field"), ([], "updateMask: names no")])
def test_an_unknown_field_is_named_and_an_empty_mask_is_refused(paths, words):
    with pytest.raises(InvalidRequest, match=words):
        masked_paths(FieldMask(paths=paths), KNOWN, frozenset())


def test_a_refusal_does_not_repeat_a_path_that_no_field_has():
    with pytest.raises(InvalidRequest) as refused:
        masked_paths(FieldMask(paths=["x" * 100_000]), KNOWN, frozenset())
    assert str(refused.value) == "updateMask: names a field that is not known"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (workspace_service_pb2.GetWorkspaceRequest(workspace_id="a\0"), "workspaceId"),
        (
            workspace_service_pb2.CreateWorkspaceRequest(workspace=workspaces_pb2.Workspace(name="a\0")),
            "workspace",
        ),
        (monitor_service_pb2.CreateMonitorRequest(monitor=monitors_pb2.Monitor(tags={"a": "\0"})), "monitor"),
        (monitor_service_pb2.CreateMonitorRequest(monitor=monitors_pb2.Monitor(tags={"\0": "a"})), "monitor"),
        (workspace_service_pb2.UpdateWorkspaceRequest(update_mask=FieldMask(paths=["a", "\0"])), "updateMask"),
    ],
)
def test_nul_is_refused_wherever_it_stands(request_, field):
    with pytest.raises(InvalidRequest, match=f"{field}: must not contain U"):
        refuse_nul(request_)


def test_zero_bytes_of_numbers_are_no_nul():
    refuse_nul(monitor_service_pb2.CreateMonitorRequest(monitor=monitors_pb2.Monitor(grace_seconds=0, name="fine")))


def test_a_requests_hash_knows_its_kind_and_all_but_what_is_left_out():
    one = workspace_service_pb2.GetWorkspaceRequest(workspace_id="a")
    assert request_hash(one) != request_hash(monitor_service_pb2.GetMonitorRequest(monitor_id="a"))
    first = workspace_service_pb2.CreateWorkspaceRequest(idempotency_key="a")
    second = workspace_service_pb2.CreateWorkspaceRequest(idempotency_key="b")
    assert request_hash(first, "idempotency_key") == request_hash(second, "idempotency_key")
    assert request_hash(first) != request_hash(second)
