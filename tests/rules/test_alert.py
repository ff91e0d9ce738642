"""An alert's shape and bounds: always valid, never too large, never a secret, the same bytes for the same facts."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules.alert_facts import MONITOR, at, facts, failure, id_of, incident, missed_backup, packet, promise
from tests.rules.told_texts import alert

from luota_svc.model.alerts import EarlierWords, Ending, FailedRoute, MadeChange
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentKind, IncidentReason, IncidentState
from luota_svc.model.monitors import Severity
from luota_svc.rules.alert import ALONE_BYTES_MAX, BYTES_MAX, compose_alert
from luota_svc.rules.canonical_json import canonical_json
from luota_svc.rules.durations import in_words

METADATA = {
    *("format", "reason", "deliveryId", "sequence", "workspaceId", "requestId", "kind", "state", "severity"),
    *("openedAt", "acknowledgedAt", "resolvedAt", "durationSeconds", "occurrenceCount", "firstWord", "brokenPromise"),
    "whatToDo",
    *("lastGoodSignal", "monitor", "run", "changes", "links", "evidenceDigest", "route", "failedRoute"),
    *("furtherIncidents", "furtherIncidentsOmitted"),
}
SECRETS = (
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "Bearer abcdefghijklmnop0123456789",
    "postgres://app:hunter2hunter2@db/app",
)


def failed(**words):
    made = incident(IncidentKind.FAILED, opened_at=at("25 00:07:41"))
    return facts(made, packet=packet(made, **failure(**words)))


@pytest.mark.parametrize("reason", list(DeliveryReason))
@pytest.mark.parametrize("with_incident", [True, False])
def test_every_member_is_always_there(reason, with_incident):
    late, frozen = missed_backup()
    made = facts(late, reason, packet=frozen) if with_incident else facts(None, reason)
    document = alert(made)
    assert set(document) == {"incidentId", "subject", "text", "monitorName", "metadata"}
    assert set(document["metadata"]) == METADATA
    assert document["metadata"]["reason"] == reason
    assert document["subject"]
    assert document["text"].endswith("\n")


def test_what_to_do_is_told_to_programs_in_the_words_of_the_text():
    stands = alert(failed())
    assert stands["metadata"]["whatToDo"] == (
        "Mend why it failed, then run it again on backup-7c9d8. The next success ends this."
    )
    assert f"What to do   {stands['metadata']['whatToDo']}\n" in stands["text"]
    made = incident(IncidentKind.FAILED, opened_at=at("25 00:07:41"))
    drill = alert(facts(made, DeliveryReason.DRILL, packet=packet(made, **failure())))
    assert drill["metadata"]["whatToDo"] == "Nothing, for it is a drill."
    gone = alert(facts(made, DeliveryReason.ROUTE_FAILURE))["metadata"]["whatToDo"]
    assert gone.startswith("Tell those who read there")
    assert gone.endswith("send a test alert through it.")


def test_what_is_over_a_test_and_what_is_kept_no_more_ask_nothing():
    made = incident(
        IncidentKind.FAILED, opened_at=at("25 00:07:41"), state=IncidentState.RESOLVED, resolved_at=at("25 01:00")
    )
    over = facts(made, DeliveryReason.RESOLVED, ending=Ending("", None))
    for told in (over, facts(None, DeliveryReason.TEST), facts(None, DeliveryReason.OPENED)):
        assert alert(told)["metadata"]["whatToDo"] is None


def test_what_a_program_reads_is_what_the_facts_say():
    about = alert(failed())["metadata"]
    assert about["run"] == {
        "id": str(id_of(0xE1)),
        "externalRunId": "backup-2026-05-25",
        "state": "failed",
        "startedAt": "2026-05-24T23:00:03.000Z",
        "summary": "Upload stopped after 41 of 96 GiB",
        "exitCode": 1,
        "outputTail": "23:58:02 part 412 of 960 sent\n23:58:40 part 413: 403 Forbidden <AccessDenied>",
        "deploySha": "9f2c41d",
        "host": "backup-7c9d8",
        "environment": "production",
    }
    assert about["lastGoodSignal"] == {
        "type": "success",
        "receivedAt": "2026-05-23T23:12:09.000Z",
        "requestId": "req-01JZ0000000000000000000000",
    }
    assert about["monitor"]["tags"] == {"team": "data"}
    assert about["links"] == {
        "incident": f"https://luota.example.org/incidents/{id_of(0xA1)}",
        "packet": f"https://luota.example.org/v1/incidents/{id_of(0xA1)}/packet",
        "runbook": "https://wiki.example.org/runbooks/nightly-backup",
    }
    assert about["route"] == {"id": str(id_of(0xF1)), "name": "On-call by e-mail"}
    assert len(about["evidenceDigest"]) == 64


def test_an_incident_from_before_packets_is_told_all_the_same():
    document = alert(facts(incident(IncidentKind.FAILED, reason="")))
    assert document["text"].startswith("Failed: a run reported a failure.\n")
    assert (document["metadata"]["evidenceDigest"], document["metadata"]["run"]) == (None, None)
    assert "Last good" not in document["text"]


def test_an_acknowledgement_that_ended_counts_no_more():
    again = incident(IncidentKind.LATE, acknowledged_at=at("24 23:10"), acknowledged_by="Olga")
    assert alert(facts(again))["metadata"]["acknowledgedAt"] is None


def test_of_long_output_the_last_whole_lines_are_told():
    document = alert(failed(output="".join(f"line {number:06}\n" for number in range(2_000))))
    tail = document["metadata"]["run"]["outputTail"]
    assert tail.startswith("line ")
    assert tail.endswith("line 001999")
    assert 1_900 < len(tail) <= 2_000
    assert "The end of its output (all of it is in the evidence):\n  | line 0" in document["text"]


def test_output_is_shown_without_terminal_codes_and_broken_by_force():
    document = alert(failed(output="\x1b[31mred\x1b[0m\r\nbell\x07\t\u202eevil" + "x" * 300))
    assert document["metadata"]["run"]["outputTail"].startswith("red\nbell    evilxxx")
    assert max(len(line) for line in document["text"].splitlines()) == 100


def test_a_link_is_never_broken():
    url = "https://wiki.example.org/" + "x" * 150
    document = alert(facts(incident(IncidentKind.LATE, monitor=MONITOR._replace(runbook_url=url))))
    assert f"Runbook      {url}\n" in document["text"]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_told_whoever_wrote_it(secret):
    hostile = MONITOR._replace(
        name=secret,
        owner=secret,
        promise=secret,
        environment=secret,
        tags={"a": secret},
        runbook_url=f"https://x/{secret}",
    )
    made = incident(
        IncidentKind.FAILED, monitor=hostile, acknowledged_by=secret, state=IncidentState.ACKNOWLEDGED,
        acknowledged_at=at("25 00:00"),
    )  # fmt: skip
    document = facts(
        made,
        DeliveryReason.ROUTE_FAILURE,
        packet=packet(made, **failure(summary=secret, output=secret, host=secret, deploy_sha=secret)),
        changes=(MadeChange(at("24 14:20"), secret, "monitor.update", {"owner": secret}, {"owner": "x"}),),
        failed_route=FailedRoute(id_of(0xF2), secret, "webhook", f"said {secret}", None, broken=False, usable=True),
        further=(made,),
    )
    over = made._replace(state=IncidentState.RESOLVED, resolved_at=at("25 01:00"), resolution="by_hand")
    resolved = document._replace(incident=over, ending=Ending(secret, secret))
    kept = secret.removeprefix("Bearer ").replace("postgres://app:", "")[:12]
    for reason in DeliveryReason:
        for told in (document, resolved):
            content = compose_alert(told._replace(delivery=told.delivery._replace(reason=reason)))
            assert kept.encode() not in content


WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
LONG = st.builds(lambda text, times: text * times, WORDS, st.integers(1, 80))


@settings(max_examples=60)
@given(
    kind=st.sampled_from(IncidentKind),
    reason=st.sampled_from(["", *IncidentReason]),
    state=st.sampled_from(IncidentState),
    delivery=st.sampled_from(DeliveryReason),
    words=st.lists(LONG, min_size=8, max_size=8),
    tags=st.dictionaries(WORDS, LONG, max_size=16),
    output=st.builds(lambda text, times: text * times, WORDS, st.integers(0, 600)),
    frozen=st.booleans(),
    further=st.integers(0, 200),
)
def test_an_alert_is_valid_bounded_and_the_same_for_the_same_facts(
    kind, reason, state, delivery, words, tags, output, frozen, further
):
    name, owner, runbook, words_of_promise, summary, host, error, actor = words
    monitor = MONITOR._replace(
        name=name[:100], owner=owner[:200], runbook_url=runbook[:2_048], promise=words_of_promise[:1_000], tags=tags
    )
    resolved_at = at("25 01:18:30") if state is IncidentState.RESOLVED else None
    made = incident(
        kind, reason=reason, state=state, monitor=monitor, resolved_at=resolved_at, expected_at=at("24 23:00")
    )
    broke = failure(summary=summary[:1_000], output=output, host=host[:200])
    changes = (MadeChange(at("24 14:20"), actor, "monitor.update", {"owner": owner}, {"owner": host}),) * 5
    composed = facts(
        made,
        delivery,
        packet=packet(made, promise(), **broke) if frozen else None,
        changes=changes,
        further=(made,) * further,
        failed_route=FailedRoute(id_of(0xF2), name, "webhook", error, at("24 23:05"), broken=True, usable=True),
    )
    content = compose_alert(composed)
    assert content == compose_alert(composed)
    document = json.loads(content)
    assert canonical_json(document).encode() == content
    assert len(content) <= (BYTES_MAX if further else ALONE_BYTES_MAX)
    about = document["metadata"]
    assert len(about["furtherIncidents"]) + about["furtherIncidentsOmitted"] == further
    assert "\n" not in document["subject"]
    assert len(document["subject"]) <= 300
    for line in document["text"].splitlines():
        assert len(line) <= 100 or line.startswith(("Runbook", "Incident", "Evidence"))


def test_what_finds_no_room_is_counted():
    wide = MONITOR._replace(name="\N{STEAM LOCOMOTIVE}" * 100)
    late, frozen = missed_backup()
    one = incident(IncidentKind.MISSED, severity=Severity.ERROR, monitor=wide)
    further = tuple(one._replace(id=id_of(number)) for number in range(200))
    document = alert(facts(late, packet=frozen, further=further, further_omitted=50))
    about = document["metadata"]
    assert 50 < len(about["furtherIncidents"]) < 200
    omitted = 250 - len(about["furtherIncidents"])
    assert about["furtherIncidentsOmitted"] == omitted
    assert document["subject"].startswith("[critical] 251 incidents: nightly-backup and 250 more")
    assert document["text"].endswith(f"\n- and {omitted} more that found no room here\n")


def test_the_first_word_is_told_as_such():
    late, frozen = missed_backup()
    made = facts(late, packet=frozen)
    assert alert(made)["metadata"]["firstWord"] is True
    assert alert(made._replace(earlier=EarlierWords(delivered=True, failed=False)))["metadata"]["firstWord"] is False


@pytest.mark.parametrize(
    ("seconds", "words", "exact"),
    [
        (0, "0 s", "0 s"),
        (-5, "0 s", "0 s"),
        (45.4, "45 s", "45 s"),
        (90, "1 min 30 s", "1 min 30 s"),
        (605, "10 min", "10 min 5 s"),
        (8_009, "2 h 13 min", "2 h 13 min 29 s"),
        (86_700, "1 d", "1 d 5 min"),
        (180_000, "2 d 2 h", "2 d 2 h"),
    ],
)
def test_a_span_is_said_in_two_units_at_most(seconds, words, exact):
    assert in_words(timedelta(seconds=seconds)) == in_words(seconds) == words
    assert in_words(seconds, exact=True) == exact


@pytest.mark.parametrize("letter", ["x", '"', "\N{STEAM LOCOMOTIVE}", "<"])
@pytest.mark.parametrize("reason", list(DeliveryReason))
def test_an_alert_in_which_everything_is_as_long_as_it_may_be_keeps_its_bound(letter, reason):
    tags = {f"{number:02}{letter * 62}": letter * 256 for number in range(16)}
    monitor = MONITOR._replace(
        name=letter * 100,
        owner=letter * 200,
        runbook_url="https://wiki.example.org/" + "x" * 2_000,
        environment=letter * 64,
        promise=letter * 1_000,
        tags=tags,
    )
    made = incident(
        IncidentKind.FAILED,
        monitor=monitor,
        state=IncidentState.ACKNOWLEDGED,
        acknowledged_at=at("25 00:00"),
        acknowledged_by=letter * 200,
    )
    route = FailedRoute(id_of(0xF2), letter * 100, "webhook", letter * 2_000, None, broken=False, usable=True)
    output = f"{letter * 50}\n" * 600
    broke = failure(summary=letter * 1_000, output=output, host=letter * 200, deploy_sha=letter * 200)
    change = MadeChange(at("24 14:20"), letter * 200, "monitor.update", dict.fromkeys("abcd", letter), {})
    composed = facts(made, reason, packet=packet(made, **broke), changes=(change,) * 5, failed_route=route)
    content = compose_alert(composed)
    assert len(content) <= ALONE_BYTES_MAX
    assert json.loads(content)["metadata"]["brokenPromise"] == "Failed: run backup-2026-05-25 ended with exit code 1."
