"""Two `serve` processes on one database and one Valkey are one Luota: the same facts, the same refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from tests.acceptance.calls import Answer, Caller, at_once

_ROUNDS = 200


@pytest.fixture
def doors(pair):
    """Return the same caller at both processes."""

    def at_both(caller: Caller, *, key: str = "", operator: str = "") -> list[Caller]:
        return [caller.seen_with(key=key, operator=operator, url=service.url) for service in pair[:2]]

    return at_both


def rows(url: str, query: str, *values: object) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(query, values).fetchall()


def test_50_starts_of_one_run_at_once_over_both_are_one_run_and_one_signal(pair, workspace, doors):
    monitor = workspace().monitor()
    one, two = doors(monitor.job, key=monitor.token)
    answers = at_once([partial(door.start, "job", "same") for door in (one, two) * 25])
    assert [answer.status for answer in answers] == [202] * 50
    assert len({answer.json["run"]["id"] for answer in answers}) == 1
    assert sorted(answer.json["duplicate"] for answer in answers) == [False] + [True] * 49
    assert len({answer.request_id for answer in answers}) == 50
    assert rows(pair[2], "SELECT count(*) FROM runs WHERE monitor_id = %s", monitor.id) == [(1,)]
    assert rows(pair[2], "SELECT count(*) FROM signals WHERE monitor_id = %s", monitor.id) == [(1,)]


@pytest.mark.faults
def test_of_success_and_failure_over_both_exactly_one_wins(pair, workspace, doors):
    monitor = workspace(monitorTokenMinute=0, monitorTokenHour=0).monitor()
    one, two = doors(monitor.job, key=monitor.token)
    won = []
    with ThreadPoolExecutor(2) as threads:
        for number in range(_ROUNDS):
            run = one.start("job", f"race-{number}").json["run"]["id"]
            gate = threading.Barrier(2, timeout=10)

            def close(door: Caller, word: str, run: str = run, gate: threading.Barrier = gate) -> Answer:
                gate.wait()
                return door.post(f"/v1/runs/{run}/{word}")

            first, second = (one, two) if number % 2 else (two, one)
            racing = [threads.submit(close, first, "success"), threads.submit(close, second, "fail")]
            success, fail = (racer.result() for racer in racing)
            assert sorted([success.status, fail.status]) == [202, 409]
            winner, loser = (success, fail) if success.status == 202 else (fail, success)
            won.append(winner.json["run"]["state"])
            assert loser.json == {
                "code": "run_conflict",
                "error": f"Run already {won[-1]}",
                "run": {"id": run, "state": won[-1]},
            }
    stored = rows(pair[2], "SELECT state FROM runs WHERE monitor_id = %s ORDER BY received_at, id", monitor.id)
    assert [state for (state,) in stored] == won
    closes = "SELECT count(*) FROM signals WHERE monitor_id = %s AND type IN ('success', 'fail')"
    assert rows(pair[2], closes, monitor.id) == [(_ROUNDS,)]


def test_failures_over_both_share_one_open_incident_and_count_every_one(pair, workspace, doors):
    monitor = workspace().monitor()
    one, two = doors(monitor.job, key=monitor.token)
    answers = at_once([partial(door.finish, "job", f"{n}", 1) for n, door in enumerate((one, two) * 10)])
    assert [answer.status for answer in answers] == [202] * 20
    assert len({answer.json["incident"]["id"] for answer in answers}) == 1
    found = rows(pair[2], "SELECT state, occurrence_count FROM incidents WHERE monitor_id = %s", monitor.id)
    assert found == [("open", 20)]


def test_a_rotated_key_is_refused_by_both_from_the_answer_on(workspace, doors):
    admin = workspace()
    monitor = admin.monitor()
    for door in doors(monitor.job, key=monitor.token):
        assert door.start("job", "before").status == 202
    new = admin.caller.post(f"/v1/keys/{monitor.key_id}:rotate", {"overlapSeconds": 0})
    assert new.status == 200, new.text
    for door in doors(monitor.job, key=monitor.token):
        refused = door.start("job", "after")
        assert (refused.status, refused.text) == (401, '{"error":"Invalid ingest key"}')
    for door in doors(monitor.job, key=new.json["token"]):
        assert door.start("job", "after").status == 202


def test_both_keys_of_a_rotation_are_accepted_during_its_overlap_and_revoking_ends_it(workspace, doors):
    admin = workspace()
    monitor = admin.monitor()
    new = admin.caller.post(f"/v1/keys/{monitor.key_id}:rotate", {"overlapSeconds": 60}).json
    for token in (monitor.token, new["token"]):
        for door in doors(monitor.job, key=token):
            assert door.start("job", "during").status == 202
    assert admin.caller.post(f"/v1/keys/{monitor.key_id}:revoke").status == 200
    for door in doors(monitor.job, key=monitor.token):
        assert door.start("job", "during").status == 401


def test_a_key_rotated_while_both_are_reported_to_is_never_accepted_after_the_answer(workspace, doors):
    admin = workspace(monitorTokenMinute=0, monitorTokenHour=0)
    monitor = admin.monitor()
    rotated, late = threading.Event(), []

    def report(door: Caller) -> int:
        accepted = 0
        while True:
            after = rotated.is_set()
            status = door.start("job", "mid-flight").status
            late.extend([status] if after and status == 202 else [])
            accepted += status == 202
            if status == 401:
                return accepted

    with ThreadPoolExecutor(4) as threads:
        reporters = [threads.submit(report, door) for door in doors(monitor.job, key=monitor.token) * 2]
        assert monitor.job.start("job", "mid-flight").status == 202
        assert admin.caller.post(f"/v1/keys/{monitor.key_id}:rotate", {"overlapSeconds": 0}).status == 200
        rotated.set()
        assert all(reporter.result(20) >= 0 for reporter in reporters)
    assert late == []


def test_a_revoked_operator_is_refused_by_both(workspace, doors):
    admin = workspace()
    made = admin.made("/v1/operatorTokens", {"name": "ann", "role": "viewer", "workspaceId": admin.workspace_id})
    path = f"/v1/workspaces/{admin.workspace_id}"
    for door in doors(admin.caller, operator=made["token"]):
        assert door.get(path).status == 200
        assert door.post(f"{path}/keys", {"name": "x"}).status == 403
    assert admin.caller.post(f"/v1/operatorTokens/{made['id']}:revoke").status == 200
    for door in doors(admin.caller, operator=made["token"]):
        refused = door.get(path)
        assert (refused.status, refused.json["error"]) == (401, "Invalid operator token")


def on_a_prompt_valkey(ask: Callable[[], list[Answer]], holds: Callable[[list[Answer]], bool]) -> list[Answer]:
    """Ask, and ask again on a fresh monitor where too many were let through: three times at most.

    A process whose Valkey is 50 ms late counts that call for itself, and on busy cores it may be late.
    """
    for _ in range(3):
        answers = ask()
        if holds(answers):
            break
    return answers


def accepted(answers: list[Answer]) -> int:
    return [answer.status for answer in answers].count(202)


def test_a_monitors_60_a_minute_are_60_over_both(workspace, doors):
    def ask() -> list[Answer]:
        monitor = workspace().monitor()
        one, two = doors(monitor.job, key=monitor.token)
        calls = [partial(door.start, "job", f"{n}") for n, door in enumerate((one, two) * 35)]
        return [answer for some in range(0, 70, 7) for answer in at_once(calls[some : some + 7])]

    answers = on_a_prompt_valkey(ask, lambda answers: accepted(answers) == 60)
    assert (accepted(answers), len(answers)) == (60, 70)
    refused = next(answer for answer in answers if answer.status != 202)
    assert refused.status == 429
    assert list(refused.json) == ["error", "policy", "retryAfterSeconds", "limit"]
    assert refused.json["error"] == "Rate limit exceeded"
    assert (refused.json["policy"], refused.json["limit"]) == ("ingest.monitor_token.minute", 60)
    assert refused.headers["retry-after"] == str(refused.json["retryAfterSeconds"])
    assert 0 < refused.json["retryAfterSeconds"] <= 72


def test_a_workspaces_own_limit_holds_over_both_from_its_first_signal_on(workspace, doors):
    def ask() -> list[Answer]:
        monitor = workspace(monitorTokenMinute=5).monitor()
        one, two = doors(monitor.job, key=monitor.token)
        return [door.start("job", f"{n}") for n, door in enumerate((one, two) * 4)]

    answers = on_a_prompt_valkey(ask, lambda answers: accepted(answers) == 5)
    assert [answer.status for answer in answers] == [202] * 5 + [429] * 3
    assert answers[-1].json["limit"] == 5
