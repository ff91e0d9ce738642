"""Silence on the real process: a job that is killed is told of by itself, and our own absence is nobody's fault."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta

import psycopg
from tests.acceptance.processes import eventually
from tests.acceptance.services import serving

_JOB = """
import json, sys, time, urllib.request
url, key, monitor = sys.argv[1:]
body = json.dumps({"monitorId": monitor, "externalRunId": "nightly-1"}).encode()
request = urllib.request.Request(url + "/v1/runs/start", body, {"X-Luota-Key": key, "Content-Type": "application/json"})
print(urllib.request.urlopen(request).read().decode(), flush=True)
time.sleep(600)
"""


def test_a_job_that_is_killed_in_mid_run_opens_one_incident_by_itself(witness, database_url, redis_url):
    with serving(witness, database_url, redis_url) as service:
        workspace = service.admin.workspace("nightly")
        monitor = workspace.monitor(stuckAfterSeconds=2)
        job = subprocess.Popen(
            [sys.executable, "-c", _JOB, service.url, monitor.token, monitor.id], stdout=subprocess.PIPE, text=True
        )
        with job:
            started = json.loads(job.stdout.readline())
            job.kill()

        def incidents():
            return workspace.got(f"/v1/workspaces/{workspace.workspace_id}/incidents")["incidents"]

        (incident,) = eventually(incidents, 10, "an incident")

        assert (incident["kind"], incident["state"], incident["monitorId"]) == ("stuck", "open", monitor.id)
        assert incident["rootRunId"] == started["run"]["id"]
        opened_at = datetime.fromisoformat(incident["openedAt"])
        started_at = datetime.fromisoformat(started["run"]["startedAt"])
        # Two seconds of silence, one for what is in the queue, half of one between two looks.
        assert timedelta(seconds=3) <= opened_at - started_at < timedelta(seconds=6)
        # Whatever it opened stays one: nobody opens it again while the run is as silent as it was.
        assert len(incidents()) == 1
        assert workspace.got(f"/v1/monitors/{monitor.id}")["state"] == "failing"


def test_after_ten_minutes_without_us_no_incident_is_opened_for_our_own_silence(witness, database_url, redis_url):
    with serving(witness, database_url, redis_url) as service:
        admin = service.admin.workspace("absent")
        ours = admin.monitor("ours", "heartbeat", schedule={"intervalSeconds": 300}, graceSeconds=60)
        theirs = admin.monitor("theirs", "heartbeat", schedule={"intervalSeconds": 300}, graceSeconds=60)
        with psycopg.connect(database_url, autocommit=True) as database:
            eventually(lambda: database.execute("SELECT 1 FROM ingest_liveness").fetchone(), 10, "a beat")
    with psycopg.connect(database_url, autocommit=True) as database:
        # Ten minutes pass at once: what was written is that much older. One was heard right before, one long before.
        database.execute("UPDATE ingest_liveness SET last_seen_at = last_seen_at - interval '10 minutes'")
        for monitor, minutes in ((ours, 11), (theirs, 17)):
            database.execute(
                """
                UPDATE monitors SET last_heard_at = now() - %s * interval '1 minute', next_deadline_at = now(),
                       judged_from = now() - interval '1 hour', settled_until = now() - interval '1 hour' WHERE id = %s
                """,
                (minutes, monitor.id),
            )
        with serving(witness, database_url, redis_url, admin=service.admin) as again:
            found = eventually(
                lambda: database.execute("SELECT started_at, ended_at FROM ingest_gaps").fetchone(), 10, "a gap"
            )
            unjudged = "SELECT count(*) = 0 FROM monitors WHERE next_deadline_at <= now()"
            eventually(lambda: database.execute(unjudged).fetchone()[0], 10, "a look at both")
            listed = again.admin.got(f"/v1/workspaces/{admin.workspace_id}/incidents")
        assert found[1] - found[0] > timedelta(minutes=10)
        incidents = {incident["monitorId"]: incident["kind"] for incident in listed["incidents"]}
        assert incidents == {theirs.id: "missed"}
        (deadline,) = database.execute("SELECT next_deadline_at FROM monitors WHERE id = %s", (ours.id,)).fetchone()
        assert abs(deadline - found[1] - timedelta(minutes=6)) < timedelta(seconds=1)
