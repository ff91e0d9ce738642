"""Jobs as they are in the field: the very lines that the documentation prints, failing first and run again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
import uuid
from pathlib import Path

import pytest
from tests.acceptance.processes import environment

_DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="needs curl and sh")


def sample(heading: str) -> str:
    """Return the block of code that stands below a line of docs/api.md."""
    text = (_DOCS / "api.md").read_text()
    block = text[text.index(heading) :].split("```", 2)[1]
    return block.partition("\n")[2]


def sh(script: str, **env: str) -> str:
    done = subprocess.run(
        ["sh", "-c", script], env=environment(env), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def incidents(workspace):
    """Make a monitor by the name that a sample uses; return its job's environment and a look at its incidents."""

    def make(slug: str):
        admin = workspace()
        monitor = admin.monitor(slug)
        path = f"/v1/workspaces/{admin.workspace_id}/incidents?monitorId={monitor.id}"
        job = {"LUOTA": monitor.job.url, "LUOTA_API_BASE_URL": monitor.job.url, "TOKEN": monitor.token}
        return job, lambda: [(found["kind"], found["state"]) for found in admin.got(path)["incidents"]]

    return make


def test_a_workflow_that_is_run_again_heals_the_incident_of_its_first_attempt(incidents):
    job, found = incidents("release")
    block = sample("GitHub Actions, with a workspace key in a secret")
    run = re.search(r"RUN: (.*)", block)[1]
    start, finish = re.findall(r"- run: \|\n(.*?)(?=\n  - )|    run: \|\n(.*)", block, re.DOTALL)
    script = textwrap.dedent(start[0]) + "\n" + textwrap.dedent(finish[1])

    def attempt(number: int, status: str) -> str:
        values = {
            "github.run_id": "9182736450",
            "github.run_attempt": str(number),
            "secrets.LUOTA_INGEST_TOKEN": job["TOKEN"],
            "job.status == 'success' && '0' || '1'": "0" if status == "success" else "1",
        }

        def evaluated(text: str) -> str:
            return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: values[match[1]], text)

        return sh(evaluated(script), **job, RUN=evaluated(run), GITHUB_SHA="4f2a9c1")

    attempt(1, "failure")
    assert found() == [("failed", "open")]
    said = attempt(2, "success")
    assert '"state":"succeeded"' in said
    assert found() == [("failed", "resolved")]


def test_a_kubernetes_jobs_second_pod_heals_the_incident_of_its_first(incidents, tmp_path):
    job, found = incidents("report")
    script = textwrap.dedent(sample("Kubernetes, the pod's own UID").partition("- |\n")[2])
    report = tmp_path / "report"

    def pod(code: int) -> str:
        report.write_text(f"#!/bin/sh\nexit {code}\n")
        report.chmod(0o755)
        own = script.replace("/app/report", str(report)).replace("exit $code", 'test "$code" = ' + str(code))
        return sh(own, **job, LUOTA_INGEST_TOKEN=job["TOKEN"], LUOTA_RUN=str(uuid.uuid4()))

    assert '"state":"failed"' in pod(3)
    assert found() == [("failed", "open")]
    assert '"state":"succeeded"' in pod(0)
    assert found() == [("failed", "resolved")]


def test_a_second_pod_under_the_first_ones_id_is_told_that_a_re_run_needs_another(workspace):
    job = workspace().monitor("report").job
    assert job.finish("report", "the-jobs-name", 3).status == 202
    again = job.start("report", "the-jobs-name")
    assert (again.status, again.json["duplicate"], again.json["run"]["state"]) == (202, True, "failed")
    assert "externalRunId" in again.text.partition('"notes"')[2]
    assert job.finish("report", "the-jobs-name", 0).status == 409


def test_the_line_for_cron_reports_what_the_job_ended_with(incidents):
    job, found = incidents("backup")
    line = sample("cron:\n").strip()
    command = line.removeprefix("17 3 * * * ").replace("\\%", "%")
    for code, state in ((4, "open"), (0, "resolved")):
        own = command.replace("/usr/local/bin/backup", f"(exit {code})")
        sh(own, **job, KEY=job["TOKEN"], PATH=os.environ["PATH"])
        assert found() == [("failed", state)]
