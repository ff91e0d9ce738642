"""What an incident froze when it opened stays, byte for byte; what is told of it since is told as it stands."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from tests.builders import World, close, finish, ping
from tests.usecases import sweeping

from luota_cli import __main__ as cli
from luota_svc.model.batch import Wanted, Writes
from luota_svc.model.errors import NotFound
from luota_svc.model.incidents import IncidentKind, IncidentReason
from luota_svc.model.signals import SignalType
from luota_svc.rules.canonical_json import canonical_json
from luota_svc.rules.incident_policy import Verdict
from luota_svc.rules.packet import FROZEN
from luota_svc.store.ingest import ingest_transaction
from luota_svc.usecases.incident_ledger import Cause, IncidentLedger
from luota_svc.usecases.incidents import resolve_incident
from luota_svc.usecases.monitors import delete_monitor, update_monitor
from luota_svc.usecases.packets import get_packet
from luota_svc.usecases.telling import load_tellable


@pytest.fixture
def world(database_url, installation):
    world = World(database_url, clock=installation.clock)
    yield world
    world.close()


time = sweeping.time


@pytest.fixture
def monitor(world):
    return world.monitor(
        "nightly",
        owner="data@example.com",
        runbook_url="https://wiki.example/nightly",
        promise="Numbers by 8",
        tags='{"team": "data"}',
    )


@pytest.fixture
def packet(house):
    """Read a packet as the instance's admin, or somebody else."""

    async def packet(incident, caller=None):
        return (await get_packet(house.installation, (caller or house.root).call(), incident.id)).document

    return packet


def verify(document, tmp_path):
    file = tmp_path / "packet.json"
    file.write_text(json.dumps(document, indent=2))
    return cli.main(["packets", "verify", str(file)])


def only_packet(world):
    (row,) = world.rows("SELECT frozen, digest FROM incident_packets")
    return row["frozen"], bytes(row["digest"])


async def test_a_failure_freezes_promise_last_good_signal_and_the_signal_itself(
    world, process, monitor, packet, tmp_path
):
    good = await process.finish(monitor, "good", 0)
    world.clock.advance(60)
    started = await process.start(monitor, "bad", deploy_sha="abc123", host="db-1", tags={"zone": "a"})
    world.clock.advance(7)
    failed = await process.fail(
        monitor, "bad", summary="Disk full", exit_code=3, output="…\n no space\n", payload='{"n":1152921504606846976}'
    )
    document = await packet(failed.incident)
    identity = document["identity"]
    assert (identity["incidentId"], identity["kind"], identity["reason"]) == (
        str(failed.incident.id),
        "failed",
        "failures",
    )
    assert identity["requestId"] == world.one("SELECT request_id FROM signals WHERE type = 'fail'")
    promise = document["promise"]
    assert (promise["slug"], promise["graceSeconds"], promise["owner"]) == ("nightly", 300, "data@example.com")
    assert (promise["tags"], promise["schedule"]) == ({"team": "data"}, None)
    assert promise["why"] == "Failures in a row reached failureThreshold 1"
    healthy = document["healthySignal"]
    assert (healthy["runId"], healthy["type"]) == (str(good.run.id), "finish")
    assert healthy["requestId"] == world.one("SELECT request_id FROM signals WHERE run_id = %s", good.run.id)
    bad = document["badDaySignal"]
    signal, run = bad["signal"], bad["run"]
    assert (bad["what"], signal["summary"], signal["exitCode"]) == ("signal", "Disk full", 3)
    assert (signal["output"], signal["payload"]) == ("…\n no space\n", '{"n":1152921504606846976}')
    assert (run["id"], run["state"], run["durationMs"]) == (str(started.run.id), "failed", 7_000)
    # What the start said and what the close said, together.
    assert (run["deploySha"], run["host"], run["tags"]) == ("abc123", "db-1", {"zone": "a"})
    assert (run["exitCode"], run["externalRunId"]) == (3, "bad")
    assert verify(document, tmp_path) == 0


async def test_what_is_frozen_is_the_canonical_text_and_the_digest_its_sha256(world, process, monitor, packet):
    failed = await process.finish(monitor, "r", 1, summary='Käse "€" 😀\n', tags={"\ufb33": "1", "😀": "2"})
    frozen, digest = only_packet(world)
    assert canonical_json(json.loads(frozen)) == frozen
    assert hashlib.sha256(frozen.encode()).digest() == digest
    document = await packet(failed.incident)
    assert canonical_json({name: document[name] for name in FROZEN}) == frozen
    assert document["evidenceDigest"] == digest.hex()


async def test_the_good_signal_is_the_one_before_even_within_one_batch(world, process, monitor, packet):
    reports = [finish(monitor, "a", 0), finish(monitor, "b", 1), finish(monitor, "c", 0), finish(monitor, "d", 1)]
    answers = await process.send_many(reports)
    first, second = answers[1].incident, answers[3].incident
    assert first.id != second.id
    assert (await packet(first))["healthySignal"]["runId"] == str(answers[0].run.id)
    document = await packet(second)
    assert document["healthySignal"]["runId"] == str(answers[2].run.id)
    assert document["identity"]["previousIncidentId"] == str(first.id)


@pytest.mark.parametrize(("seconds", "kind", "reason"), [(90, "slow", "too_long"), (1, "fast", "too_short")])
async def test_a_success_out_of_bounds_is_not_its_own_healthy_signal(world, process, packet, seconds, kind, reason):
    monitor = world.monitor("bounded", max_duration_seconds=60, min_duration_seconds=5)
    await process.start(monitor, "good")
    world.clock.advance(10)
    good = await process.success(monitor, "good")
    await process.start(monitor, "odd")
    world.clock.advance(seconds)
    odd = await process.success(monitor, "odd")
    assert odd.incident.kind == kind
    document = await packet(odd.incident)
    assert document["healthySignal"]["runId"] == str(good.run.id)
    assert document["identity"]["reason"] == reason
    assert document["badDaySignal"]["run"]["durationMs"] == seconds * 1_000


async def test_a_monitor_that_was_never_healthy_says_so(world, process, monitor, packet):
    failed = await process.finish(monitor, "r", 1)
    document = await packet(failed.incident)
    assert document["healthySignal"] is None
    assert document["evidenceDigest"] is not None


async def test_starts_successes_pings_and_repeats_freeze_nothing(world, process, monitor):
    heart = world.monitor("heart", kind="heartbeat")
    await process.send_many([finish(monitor, "a", 0), ping(heart), ping(heart, "key"), ping(heart, "key")])
    assert world.count("incident_packets") == 0
    await process.finish(monitor, "b", 1)
    before = only_packet(world)
    await process.finish(monitor, "b", 1)
    await process.finish(monitor, "c", 1)
    assert only_packet(world) == before


async def test_nothing_that_happens_later_changes_what_was_frozen(installation, house, world, process, monitor, packet):
    failed = await process.finish(monitor, "r", 1, summary="Boom", occurred_at=world.clock.now())
    before = await packet(failed.incident)
    stored = only_packet(world)
    world.clock.advance(60)
    changes = {"name": "Renamed", "grace_seconds": 7, "owner": "else@example.com"}
    await update_monitor(installation, house.root.call(), monitor, changes, None)
    await resolve_incident(installation, house.root.call(), failed.incident.id, note="Seen", version=None)
    world.rows("DELETE FROM signals")
    world.rows("DELETE FROM runs")
    world.clock.advance(1)
    await delete_monitor(installation, house.root.call(), monitor)
    after = await packet(failed.incident)
    assert {name: after[name] for name in FROZEN} == {name: before[name] for name in FROZEN}
    assert after["evidenceDigest"] == before["evidenceDigest"]
    assert only_packet(world) == stored
    # What is told beside it is told as it stands now.
    assert after["exportDigest"] != before["exportDigest"]
    assert after["ownerRoute"]["owner"] == "else@example.com"
    assert after["incident"]["state"] == "resolved"
    trail = after["auditTrail"]
    assert [entry["event"] for entry in trail["timeline"]] == ["opened", "resolved"]
    assert trail["timeline"][1]["detail"] == "Seen"
    assert [change["action"] for change in trail["changes"]] == ["monitor.update", "monitor.delete"]
    update = trail["changes"][0]
    assert (update["before"]["graceSeconds"], update["after"]["graceSeconds"]) == (300, 7)
    assert "slug" not in update["after"]


async def test_a_packet_is_for_those_who_may_see_its_workspace(house, world, process, monitor, packet):
    failed = await process.finish(monitor, "r", 1)
    with pytest.raises(NotFound):
        await packet(failed.incident, house.charlie)


async def test_an_incident_from_before_packets_has_the_rest(world, process, monitor, packet, tmp_path, capsys):
    failed = await process.finish(monitor, "r", 1)
    world.rows("DELETE FROM incident_packets")
    document = await packet(failed.incident)
    assert [document[name] for name in (*FROZEN, "evidenceDigest")] == [None] * 5
    assert document["incident"]["kind"] == "failed"
    assert verify(document, tmp_path) == 1
    assert "opened before Luota kept packets" in capsys.readouterr().out


async def test_without_a_route_it_says_that_nobody_was_told_and_what_to_do(world, process, monitor, packet):
    failed = await process.finish(monitor, "r", 1)
    document = await packet(failed.incident)
    assert document["alertState"] == document["ownerRoute"]["alertState"] == "no_route"
    assert document["ownerRoute"]["routes"] == []
    assert "nobody was told: make one and send a test alert" in document["ownerRoute"]["nextAction"]
    assert document["ownerRoute"]["runbookUrl"] == "https://wiki.example/nightly"


@pytest.mark.parametrize(
    ("state", "alert_state", "words"),
    [
        ("delivered", "delivered", "Keep the provider id and incident id in the packet."),
        (
            "failed_retrying",
            "retrying",
            "Fix the route if the destination is wrong; otherwise watch the next attempt time.",
        ),
        ("failed_terminal", "blocked", "Repair the destination and send a test alert before trusting the monitor."),
    ],
)
async def test_each_route_says_how_far_it_came_in_the_contracts_words(
    world, process, monitor, packet, state, alert_state, words
):
    route = world.route(
        name="On call", kind="webhook", target=b"s3cret-target", target_mask="https://hooks.example/s3c"
    )
    other = world.route(name="Other workspace", workspace_id=world.workspace())
    failed = await process.finish(monitor, "r", 1)
    delivery = world.one("SELECT id FROM deliveries")
    now = world.clock.now()
    waits = state == "failed_retrying"
    world.rows(
        "UPDATE deliveries SET state = %s, attempt_count = 1, first_failed_at = %s, next_attempt_at = %s,"
        " settled_at = %s, provider_id = 'p-1'",
        state,
        now if state != "delivered" else None,
        now + timedelta(seconds=30) if waits else None,
        None if waits else now,
    )
    world.rows(
        "INSERT INTO delivery_attempts (delivery_id, number, started_at, ended_at, outcome, http_status, error, worker)"
        " VALUES (%s, 1, %s, %s, 'failed', 503, 'refused: Authorization: Bearer abcdefghijklmnop0123456789', 'w')",
        delivery,
        now,
        now + timedelta(milliseconds=1_234),
    )
    document = await packet(failed.incident)
    assert document["alertState"] == alert_state
    assert document["ownerRoute"]["nextAction"] == words
    (told,) = document["ownerRoute"]["routes"]
    assert (told["id"], told["name"], told["nextAction"]) == (str(route), "On call", words)
    (duty,) = told["deliveries"]
    taken_as = "p-1" if state == "delivered" else None
    assert (duty["reason"], duty["state"], duty["providerId"]) == ("opened", state, taken_as)
    assert (duty["nextAttemptAt"] is not None) == waits
    (attempt,) = duty["attempts"]
    assert (attempt["number"], attempt["httpStatus"], attempt["durationMs"]) == (1, 503, 1_234)
    text = json.dumps(document)
    assert "abcdefghijklmnop" not in text
    assert "s3c" not in text
    assert str(other) not in text


async def silence(world, process, monitor_id, kind, reason, **words):
    """Open an incident as whoever judges silence does: no signal, perhaps a run."""
    async with ingest_transaction(process.database) as transaction:
        wanted = Wanted(monitors={(monitor_id, world.workspace_id)})
        loaded = await transaction.load(wanted)
        ledger = IncidentLedger(loaded.incidents, loaded.monitors, world.clock)
        cause = Cause(world.clock.now(), None, None, words.pop("run_id", None), None, reason, **words)
        opened = ledger.apply(Verdict.OPEN, loaded.monitors[monitor_id], kind, cause)
        out = Writes()
        ledger.write(out, await load_tellable(transaction, ledger.changes()))
        await transaction.commit(out, world.clock.now())
    return opened


async def test_silence_freezes_what_was_expected_what_was_heard_last_and_when_we_did_not_listen(
    world, process, packet, tmp_path
):
    monitor = world.monitor("cron", schedule_cron="0 3 * * *", schedule_timezone="Europe/Helsinki")
    world.rows("INSERT INTO ingest_gaps VALUES (now() - interval '9 years', now() - interval '8 years')")
    heard = await process.finish(monitor, "r", 0)
    started_at = world.clock.now() + timedelta(hours=1)
    world.rows("INSERT INTO ingest_gaps VALUES (%s, %s)", started_at, started_at + timedelta(seconds=40))
    world.clock.advance(86_400)
    expected_at = world.clock.now() - timedelta(seconds=301)
    deadline_at = expected_at + timedelta(seconds=300)
    opened = await silence(
        world,
        process,
        monitor,
        IncidentKind.LATE,
        IncidentReason.NO_SIGNAL,
        expected_at=expected_at,
        deadline_at=deadline_at,
    )
    document = await packet(opened)
    assert document["identity"]["requestId"] is None
    why = document["promise"]["why"]
    assert "by cron 0 3 * * * in Europe/Helsinki; with graceSeconds 300 the deadline was" in why
    assert document["promise"]["deadlineAt"] in why
    bad = document["badDaySignal"]
    assert (bad["what"], bad["run"], bad["expectedAt"]) == ("silence", None, document["promise"]["expectedAt"])
    assert bad["lastSignal"]["runId"] == str(heard.run.id) == document["healthySignal"]["runId"]
    assert len(bad["gaps"]) == 1
    assert verify(document, tmp_path) == 0


async def test_a_run_without_a_sign_of_life_is_frozen_as_it_stood(world, process, monitor, packet):
    started = await process.start(monitor, "r", host="db-1")
    world.clock.advance(3_600)
    opened = await silence(
        world, process, monitor, IncidentKind.STUCK, IncidentReason.NO_SIGN_OF_LIFE, run_id=started.run.id
    )
    bad = (await packet(opened))["badDaySignal"]
    assert (bad["what"], bad["run"]["state"], bad["run"]["host"]) == ("silence", "running", "db-1")
    failed = await process.send(close(SignalType.FAIL, monitor, "r", summary="late"))
    assert failed.incident is not None
    assert (await packet(opened))["badDaySignal"] == bad


@pytest.mark.parametrize("kind", list(IncidentKind))
async def test_every_kind_has_a_sentence_of_its_own(world, process, monitor, packet, kind):
    opened = await silence(world, process, monitor, kind, IncidentReason.NEVER_REPORTED)
    why = (await packet(opened))["promise"]["why"]
    assert (why.startswith("Failures in a row")) == (kind is IncidentKind.FAILED)
    assert why.endswith("and nothing has ever been heard") == (kind in {"missed", "late", "stale"})


async def test_whatever_the_sweep_opens_is_frozen_too(time):
    ends = {
        "missed": (time.monitor(kind="heartbeat"), None),
        "late": (time.monitor(schedule_cron="0 * * * *"), None),
        "stale": (time.monitor(kind="freshness", max_age_seconds=600), None),
        "stuck": (time.monitor(stuck_after_seconds=900, timeout_seconds=86_400), "r"),
        "slow": (time.monitor(max_duration_seconds=60, stuck_after_seconds=80_000), "r"),
    }
    for monitor, run in ends.values():
        if run:
            await time.process.start(monitor, run, host="db-1")
    await time.passes(hours=3)
    for kind, (monitor, run) in ends.items():
        (row,) = time.world.rows(
            "SELECT i.id, p.frozen, p.digest FROM incidents i JOIN incident_packets p ON p.incident_id = i.id"
            " WHERE i.monitor_id = %s AND i.kind = %s",
            monitor,
            kind,
        )
        assert hashlib.sha256(row["frozen"].encode()).digest() == bytes(row["digest"])
        frozen = json.loads(row["frozen"])
        assert (frozen["identity"]["kind"], frozen["identity"]["requestId"]) == (kind, None)
        bad = frozen["badDaySignal"]
        assert bad["what"] == ("still_running" if kind == "slow" else "silence")
        assert bad["deadlineAt"] == frozen["promise"]["deadlineAt"] is not None
        assert "None" not in frozen["promise"]["why"]
        assert (bad["run"] and bad["run"]["host"]) == (run and "db-1")
    assert time.world.count("incidents") == time.world.count("incident_packets")


async def test_an_expired_run_is_frozen_as_it_ended(time):
    monitor = time.monitor(stuck_after_seconds=1_800, timeout_seconds=3_600)
    await time.process.start(monitor, "r")
    await time.passes(hours=2)
    frozen = json.loads(time.world.one("SELECT frozen FROM incident_packets"))
    assert (frozen["identity"]["kind"], frozen["identity"]["reason"]) == ("stuck", "expired")
    run = frozen["badDaySignal"]["run"]
    assert (run["state"], run["finishedAt"], run["durationMs"]) == ("expired", run["timeoutAt"], 3_600_000)
    assert run["timeoutAt"] in frozen["promise"]["why"]
