"""What `dev` proves to a newcomer: the first alert stands in the inbox, and the deliberate drill tells three facts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from tests.acceptance.calls import Caller
from tests.acceptance.processes import LUOTA, eventually, running
from tests.acceptance.test_dev import Dev, command, developing, paste
from tests.servers import folder_for_servers, free_port


@pytest.fixture(scope="module")
def dev(witness) -> Iterator[Dev]:
    """A `dev` whose public URL leads to it, for its worker tells itself."""
    with folder_for_servers() as folder:
        argv = command(folder / "state", free_port(), free_port())
        with developing(witness, folder / "state", argv) as dev:
            yield dev


def page_of(dev: Dev) -> str:
    with urlopen(f"{dev.facts['httpUrl']}/inbox", timeout=5) as answer:
        return str(answer.read().decode())


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines to paste are for curl")
def test_the_pasted_failure_stands_in_the_inbox_within_five_seconds(dev):
    assert "No alert yet" in page_of(dev)
    failed = json.loads(paste(next(line for line in dev.curl_lines if "exitCode" in line)))
    page = eventually(lambda: (page := page_of(dev)) and "card error" in page and page, 5, "the alert")
    assert failed["incident"]["id"] in page
    assert failed["requestId"] in page
    assert "disk full" in page
    assert any(f"inbox  {dev.facts['httpUrl']}/inbox" in line for line in dev.process.out)


def test_a_drill_shows_the_three_facts_as_they_come_true(witness, dev):
    with running([*LUOTA, "drill", "--state-dir", str(dev.state_dir)]) as drill:
        assert drill.wait(60) == 0, drill.said()
    said = "\n".join(drill.out)
    witness.hears("drill", drill.out)
    facts = [line.split(maxsplit=2)[1] for line in drill.out if re.match(r"  \d ", line)]
    assert facts == ["landed", "opened", "told"]
    assert re.search(r"not told  the packet says: retrying\. Fix the route", said)
    assert re.search(r"is failed_retrying, attempt 1: overloaded 503\n +next attempt 20\S+Z", said)
    assert re.search(r"3 told +the packet says: delivered\. Keep the provider id", said)
    assert re.search(r"provider id req-\w{26}", said)
    assert "removed   monitor and route" in said
    incident = re.search(r"2 opened +incident (\S+), failed", said)[1]
    operator = Caller(dev.facts["httpUrl"], witness, operator=dev.facts["operatorToken"])
    # The evidence stays; nobody but the drill was told, and no monitor is left.
    packet = operator.get(f"/v1/incidents/{incident}/packet").json
    assert (packet["alertState"], packet["incident"]["resolution"]) == ("delivered", "monitor_deleted")
    told = [route for route in packet["ownerRoute"]["routes"] if route["deliveries"]]
    assert [(route["name"], route["enabled"]) for route in told] == [("Drill", False)]
    assert {delivery["reason"] for delivery in told[0]["deliveries"]} == {"drill"}
    assert incident not in page_of(dev)
    listed = operator.get(f"/v1/workspaces/{dev.facts['workspaceId']}/monitors").json["monitors"]
    assert not [monitor for monitor in listed if monitor["slug"].startswith("drill-")]
