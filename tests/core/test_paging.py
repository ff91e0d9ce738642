"""Page tokens: they lead through the list they were made for, and through no other."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from luota.v1 import incident_service_pb2, monitor_service_pb2, workspace_service_pb2
from luota_svc.core.paging import newest_ask, next_token, slug_ask
from luota_svc.model.errors import InvalidRequest
from luota_svc.model.pages import Newest

PLACE = Newest(datetime(2026, 5, 25, 12, 0, 0, 123456, UTC), UUID(int=7))
LIST = monitor_service_pb2.ListRunsRequest(monitor_id="m", state=1)


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (1_000, 1_000), (1_001, 1_000), (2**31 - 1, 1_000)])
def test_a_page_size_is_bounded(asked, size):
    assert newest_ask(monitor_service_pb2.ListRunsRequest(page_size=asked)).size == size


def test_a_negative_page_size_is_refused():
    with pytest.raises(InvalidRequest, match="pageSize: must not be negative"):
        slug_ask(workspace_service_pb2.ListWorkspacesRequest(page_size=-1))


def test_a_token_leads_to_the_place_it_was_made_at_whatever_the_page_size():
    token = next_token(LIST, PLACE)
    again = monitor_service_pb2.ListRunsRequest(monitor_id="m", state=1, page_size=7, page_token=token)
    assert newest_ask(again).after == PLACE
    slugs = workspace_service_pb2.ListWorkspacesRequest()
    slugs.page_token = next_token(slugs, "ours")
    assert slug_ask(slugs).after == "ours"


def test_the_last_page_has_no_token():
    assert next_token(LIST, None) == ""


TOKEN = next_token(LIST, PLACE)


@pytest.mark.parametrize(
    "request_",
    [
        monitor_service_pb2.ListRunsRequest(monitor_id="other", state=1, page_token=TOKEN),
        monitor_service_pb2.ListRunsRequest(monitor_id="m", page_token=TOKEN),
        monitor_service_pb2.ListSignalsRequest(monitor_id="m", page_token=TOKEN),
        incident_service_pb2.ListIncidentsRequest(workspace_id="m", page_token=TOKEN),
        *(
            monitor_service_pb2.ListRunsRequest(monitor_id="m", state=1, page_token=token)
            for token in ("x", "é", "=", TOKEN[:-4], TOKEN + "A", "bnVsbA", "W10", "W1tdXQ", "A" * 10_000, "e30")
        ),
    ],
)
def test_a_token_of_another_list_and_any_other_text_are_refused(request_):
    with pytest.raises(InvalidRequest, match="pageToken: is none of this list"):
        newest_ask(request_)


def test_a_forged_place_is_refused_and_is_no_fault_of_ours():
    import base64
    import json

    arguments = json.loads(base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4)))[0]
    for place in ([1e400, "x"], [10**30, str(PLACE.id)], ["a", "b"], [1], [1, 2], [1, str(PLACE.id), 3], [None, None]):
        token = base64.urlsafe_b64encode(json.dumps([arguments, *place]).encode()).decode()
        request = monitor_service_pb2.ListRunsRequest(monitor_id="m", state=1, page_token=token)
        with pytest.raises(InvalidRequest):
            newest_ask(request)


@pytest.mark.parametrize("place", ["\ud800", "caf\u00e9", "a\0", "", 1, None])
def test_a_forged_slug_is_refused_and_is_no_fault_of_ours(place):
    import base64
    import json

    request = workspace_service_pb2.ListWorkspacesRequest()
    token = next_token(request, "ours")
    arguments = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))[0]
    request.page_token = base64.urlsafe_b64encode(json.dumps([arguments, place]).encode()).decode()
    with pytest.raises(InvalidRequest, match="pageToken: is none of this list"):
        slug_ask(request)
