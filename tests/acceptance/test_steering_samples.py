"""The lines that docs/api.md prints for operators, as a shell runs them against the real process."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from tests.acceptance.processes import environment
from tests.acceptance.test_jobs_that_run_again import sample, sh

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="needs curl and sh")


@pytest.fixture
def shell(workspace) -> dict[str, str]:
    """An incident that stands, and what the lines are to know of it."""
    admin = workspace()
    monitor = admin.monitor("backup")
    incident = monitor.job.finish("backup", "r", 1).json["incident"]["id"]
    return {"LUOTA": monitor.job.url, "OPERATOR": admin.token, "ws": admin.workspace_id, "incident": incident}


def test_an_incident_is_found_taken_given_written_about_ended_and_read(shell):
    said = sh(sample("## Incidents").replace("curl -sS", "curl -sS -w '\\n'"), **shell)
    queue, read, taken, given, noted, ended, timeline = map(json.loads, said.split("\n")[:-1])
    assert [incident["id"] for incident in queue["incidents"]] == [read["id"]] == [shell["incident"]]
    assert (taken["state"], taken["version"]) == ("acknowledged", 2)
    assert given["assignee"] == "Olga"
    assert noted["eventCount"] == 4
    assert (ended["state"], ended["resolution"]) == ("resolved", "by_hand")
    events = [(event["event"], event["detail"]) for event in timeline["events"]]
    assert events == [
        ("opened", None),
        ("acknowledged", "On it"),
        ("assigned", "Olga"),
        ("note", "The disk was full"),
        ("resolved", "Space was made"),
    ]


def test_watching_prints_what_happens_as_events(shell):
    watch = sample("### Watching").strip()
    with subprocess.Popen(
        ["sh", "-c", f"exec {watch}"], env=environment(shell), stdout=subprocess.PIPE, text=True
    ) as curl:
        try:
            assert curl.stdout is not None
            assert curl.stdout.readline() == ": keep-alive\n"
            assert curl.stdout.readline().startswith("id: ")
            sh(sample("## Incidents"), **shell)
            lines = [curl.stdout.readline() for _ in range(4)]
        finally:
            curl.terminate()
    assert (lines[0], lines[2]) == ("\n", "event: incident\n")
    told = json.loads(lines[3].removeprefix("data: "))
    assert lines[1] == f"id: {told['cursor']}\n"
    assert told["event"]["event"] == "acknowledged"
    assert told["incident"]["id"] == shell["incident"]
