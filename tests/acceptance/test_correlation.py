"""One id from the answer to the row, the log and the support record; and a collector that hangs, which harms nobody."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.rows import dict_row
from tests.acceptance.conftest import UNLIMITED
from tests.acceptance.processes import eventually
from tests.acceptance.services import serving


def logged(service, request_id: str) -> dict:
    """Return the one access line of a request."""

    def lines() -> list[dict]:
        return [line for line in service.log("access") if line["request_id"] == request_id]

    eventually(lines, 5, f"an access line of {request_id}")
    [line] = lines()
    return line


def test_the_request_id_of_an_answer_is_on_its_row_its_log_line_and_its_record(pair, workspace):
    service, _, url = pair
    admin = workspace()
    monitor = admin.monitor()
    answer = monitor.job.post(
        "/v1/runs/start", {"monitorId": "job", "externalRunId": "1"}, {"X-Request-Id": "job-7f3a"}
    )
    request_id = answer.json["requestId"]
    assert answer.request_id == request_id

    with psycopg.connect(url, row_factory=dict_row) as connection:
        [row] = connection.execute("SELECT * FROM signals WHERE monitor_id = %s", (monitor.id,)).fetchall()
        [run] = connection.execute("SELECT * FROM runs WHERE monitor_id = %s", (monitor.id,)).fetchall()
    assert row["request_id"] == run["request_id"] == request_id
    assert row["caller_request_id"] == "job-7f3a"

    line = logged(service, request_id)
    assert (line["method"], line["status"], line["caller_request_id"]) == ("POST /v1/runs/start", "202", "job-7f3a")
    trace_id = row["traceparent"].split("-")[1]
    assert line["trace_id"] == trace_id

    for known in (request_id, "job-7f3a"):
        [record] = admin.got(f"/v1/requests/{known}")["requests"]
        assert record["requestId"] == request_id
        assert record["callerRequestId"] == "job-7f3a"
        assert record["traceId"] == trace_id
        assert record["monitorId"] == monitor.id


def test_a_refusal_is_found_by_its_request_id_too(pair, workspace):
    admin = workspace()
    monitor = admin.monitor()
    stranger = monitor.job.seen_with(key=monitor.token[:-1] + ("A" if monitor.token[-1] != "A" else "B"))
    refused = stranger.start("job", "1")
    assert refused.status == 401
    lost = monitor.job.post("/v1/runs/01900f4e-0000-7000-8000-000000000000/success")
    assert lost.status == 404
    for answer in (refused, lost):
        assert logged(pair[0], answer.request_id)["status"] == str(answer.status)
        path = f"/v1/requests/{answer.request_id}"
        [record] = eventually(lambda path=path: admin.got(path)["requests"], 5, "the record of a refusal")
        assert record["requestId"] == answer.request_id
        assert str(answer.status) in json.dumps(record)


@contextmanager
def collector_that_never_answers() -> Iterator[tuple[int, list[bytes]]]:
    """Take connections and all that is sent on them; say nothing until the end."""
    taken: list[bytes] = []
    open_connections: list[socket.socket] = []

    def take(connection: socket.socket) -> None:
        with suppress(OSError):
            while chunk := connection.recv(65_536):
                taken.append(chunk)

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                open_connections.append(connection)
                threading.Thread(target=take, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        try:
            yield server.getsockname()[1], taken
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in open_connections:
                connection.close()


def test_a_collector_that_never_answers_slows_neither_answers_nor_the_stop(witness, database_url, redis_url):
    with collector_that_never_answers() as (port, taken):
        env = UNLIMITED | {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_TRACES_SAMPLER": "always_on",
        }
        with serving(witness, database_url, redis_url, env) as service:
            job = service.admin.workspace("first").monitor().job
            ids, slowest = [], 0.0

            def report_until_taken() -> bool:
                nonlocal slowest
                began = time.monotonic()
                answer = job.start("job", f"{len(ids)}")
                slowest = max(slowest, time.monotonic() - began)
                assert answer.status == 202
                ids.append(answer.request_id)
                return b"/v1/traces" in b"".join(taken)

            eventually(report_until_taken, 20, "an export")
            for _ in range(50):
                report_until_taken()
            began = time.monotonic()
            assert service.process.stop() == 0
            stopped_in = time.monotonic() - began
        # An export waits 2.5 s for its answer; whoever waited for an export would have waited as long.
        assert slowest < 2.0
        assert stopped_in < 8
        sent = b"".join(taken)
        assert ids[0].encode() in sent
        witness.hears("spans", [sent.decode(errors="replace")])
