"""What a tired person reads: golden texts, one for each kind and reason. Read them before you change them."""

import json
from pathlib import Path

import pytest
from tests.rules.alert_facts import (
    MONITOR,
    at,
    facts,
    failure,
    incident,
    missed_backup,
    packet,
    promise,
    run,
    signal,
)
from tests.rules.told_texts import TOLD, alert, told

from luota_svc.model.alerts import EarlierWords, MadeChange
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentKind, IncidentReason, IncidentState
from luota_svc.rules.alert_changes import change_words


def test_a_run_that_never_started_is_told_whole():
    late, frozen = missed_backup()
    olga = MadeChange(
        at("24 14:20"),
        "Olga",
        "monitor.update",
        {"graceSeconds": 600, "version": 1},
        {"graceSeconds": 300, "version": 2},
    )
    alice = MadeChange(at("24 13:00"), "Alice", "ingest_key.revoke", {"name": "ci"}, {"name": "ci", "revokedAt": "x"})
    document = alert(facts(late, packet=frozen, changes=(olga, alice)))
    assert document["subject"] == "[critical] nightly-backup: never started (late)"
    assert (
        document["text"]
        == """\
Never started: due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min.

What to do   See why nothing starts it (scheduler, host, key), or start it by hand: that ends this.
Runbook      https://wiki.example.org/runbooks/nightly-backup
Owner        Data platform, +358 40 123 4567
Monitor      nightly-backup
Incident     https://luota.example.org/incidents/0197b2c4-0000-7000-8000-0000000000a1

Since        2026-05-25 02:05 Europe/Helsinki (2026-05-24 23:05 UTC)
Last good    2026-05-24 02:12 Europe/Helsinki (2026-05-23 23:12 UTC), success, 23 h 52 min earlier
Environment  production
Promise      Every night by 03:00 the database stands in cold storage.
Evidence     https://luota.example.org/v1/incidents/0197b2c4-0000-7000-8000-0000000000a1/packet

Changed since the last good signal:
- 2026-05-24 17:20 Europe/Helsinki (14:20 UTC): Olga changed grace from 10 min to 5 min
- 2026-05-24 16:00 Europe/Helsinki (13:00 UTC): Alice revoked an ingest key ("ci")
"""
    )


def test_a_failure_is_told_with_its_own_words_at_the_end():
    failed = incident(IncidentKind.FAILED, opened_at=at("25 00:07:41"), occurrence_count=4)
    document = alert(facts(failed, packet=packet(failed, **failure())))
    assert document["subject"] == "[critical] nightly-backup: failed with exit code 1"
    assert (
        document["text"]
        == """\
Failed: run backup-2026-05-25 ended with exit code 1.
It said: Upload stopped after 41 of 96 GiB

What to do   Mend why it failed, then run it again on backup-7c9d8. The next success ends this.
Runbook      https://wiki.example.org/runbooks/nightly-backup
Owner        Data platform, +358 40 123 4567
Monitor      nightly-backup
Incident     https://luota.example.org/incidents/0197b2c4-0000-7000-8000-0000000000a1

Since        2026-05-25 03:07 Europe/Helsinki (00:07 UTC)
Last good    2026-05-24 02:12 Europe/Helsinki (2026-05-23 23:12 UTC), success, 1 d earlier
Happened     4 times so far
Run          backup-2026-05-25, started 2026-05-25 02:00 Europe/Helsinki (2026-05-24 23:00 UTC)
Host         backup-7c9d8
Deploy       9f2c41d
Environment  production
Promise      Every night by 03:00 the database stands in cold storage.
Evidence     https://luota.example.org/v1/incidents/0197b2c4-0000-7000-8000-0000000000a1/packet

Its output:
  | 23:58:02 part 412 of 960 sent
  | 23:58:40 part 413: 403 Forbidden <AccessDenied>
"""
    )


NEVER = IncidentReason.NEVER_REPORTED


HOUR = promise(max_duration_seconds=3_600)


TOOK_LONG = run(state="succeeded", finished_at=at("25 01:07:41"), duration_ms=7_658_000)


TOOK_NO_TIME = run(state="succeeded", finished_at=at("24 23:00:06"), duration_ms=3_000)


FRESH = promise(kind="freshness", schedule_cron=None, max_age_seconds=21_600)


DUE = {"expected_at": at("24 23:00")}


BY = {"deadline_at": at("24 23:05")}


# Kind, incident, its packet's settings and facts; then what a subject says, the first sentence, what to do.
KINDS = {
    "failed often": (
        (IncidentKind.FAILED, {}, promise(failure_threshold=3, recovery_threshold=2), failure(exit_code=None)),
        "failed 3 times in a row",
        "Failed 3 times in a row: run backup-2026-05-25 reported a failure.",
        "Mend why it failed, then run it again on backup-7c9d8. 2 successes in a row end this.",
    ),
    "missed": (
        (IncidentKind.MISSED, DUE, promise(schedule_cron=None, interval_seconds=90), BY),
        "no ping (missed)",
        "No ping: due 02:00 Europe/Helsinki (23:00 UTC), one every 1 min 30 s, grace 5 min.",
        "See whether the sender lives and reaches Luota (network, key). A ping ends this.",
    ),
    "missed, never heard": (
        (IncidentKind.MISSED, {**DUE, "reason": NEVER}, None, {**BY, "good_signal": None}),
        "never heard (missed)",
        "Never heard: no ping has ever come; the first was due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min.",
        "See whether the sender lives and reaches Luota (network, key). A ping ends this.",
    ),
    "late, never heard": (
        (IncidentKind.LATE, {**DUE, "reason": NEVER}, None, {**BY, "good_signal": None}),
        "never started (late)",
        "Never started: no run has ever come; the first was due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min.",
        "See why nothing starts it (scheduler, host, key), or start it by hand: that ends this.",
    ),
    "slow, still running": (
        (IncidentKind.SLOW, {"opened_at": at("25 00:00:04")}, HOUR, {"deadline_at": at("25 00:00:03"), "run": run()}),
        "takes too long (slow)",
        "Slow: run backup-2026-05-25 is still running after the 1 h that it may take.",
        "See what it waits for on backup-7c9d8. The next run that is in time ends this.",
    ),
    "slow, at its end": (
        (IncidentKind.SLOW, {}, HOUR, {"bad_signal": signal(type="success"), "run": TOOK_LONG}),
        "took too long (slow)",
        "Slow: run backup-2026-05-25 took 2 h 7 min, at most 1 h is allowed.",
        "See what took it so long on backup-7c9d8. The next run that is in time ends this.",
    ),
    "fast": (
        (
            IncidentKind.FAST,
            {},
            promise(min_duration_seconds=600),
            {"bad_signal": signal(type="success"), "run": TOOK_NO_TIME},
        ),
        "finished too soon (fast)",
        "Fast: run backup-2026-05-25 took only 3 s, at least 10 min is plausible.",
        "See whether it did its work on backup-7c9d8. The next run of a plausible length ends this.",
    ),
    "stuck": (
        (IncidentKind.STUCK, {"opened_at": at("25 00:00:04")}, None, {"deadline_at": at("25 00:00:03"), "run": run()}),
        "no sign of life (stuck)",
        "Stuck: no sign of life from run backup-2026-05-25 since 02:00 Europe/Helsinki (23:00 UTC), 1 h is allowed.",
        "See whether it still runs on backup-7c9d8; else start it again. Its next word, or a success, ends this.",
    ),
    "stuck, expired": (
        (
            IncidentKind.STUCK,
            {"opened_at": at("25 23:00:04"), "reason": IncidentReason.EXPIRED},
            None,
            {"deadline_at": at("25 23:00:03"), "run": run(state="expired")},
        ),
        "ran out of time (stuck)",
        (
            "Stuck: run backup-2026-05-25 never ended: it started 2026-05-25 02:00 Europe/Helsinki"
            " (2026-05-24 23:00 UTC); 1 d was allowed."
        ),
        "See whether it still runs on backup-7c9d8; else start it again. Its next word, or a success, ends this.",
    ),
    "stale": (
        (IncidentKind.STALE, {"opened_at": at("25 05:12:10")}, FRESH, {"deadline_at": at("25 05:12:09")}),
        "no fresh data (stale)",
        "Stale: nothing newer than 02:12 Europe/Helsinki (23:12 UTC); at most 6 h old is allowed.",
        "See why no new data comes, or why nobody reports it. A fresh enough ping ends this.",
    ),
    "stale, never heard": (
        (
            IncidentKind.STALE,
            {"opened_at": at("25 05:12:10"), "reason": NEVER},
            FRESH,
            {"deadline_at": at("25 05:12:09"), "good_signal": None},
        ),
        "no fresh data (stale)",
        "Stale: no data has ever come; the first was due 08:12 Europe/Helsinki (05:12 UTC).",
        "See why no new data comes, or why nobody reports it. A fresh enough ping ends this.",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_and_reason_has_sentences_of_its_own(name):
    (kind, words, settings, frozen), brief, sentence, step = KINDS[name]
    broken = incident(kind, **words)
    document = alert(facts(broken, packet=packet(broken, settings, **frozen)))
    assert document["subject"] == f"[critical] nightly-backup: {brief}"
    assert document["metadata"]["brokenPromise"] == sentence
    spoken = " ".join(document["text"].split())
    assert spoken.startswith(sentence)
    assert f"What to do {step}" in spoken
    assert max(len(line) for line in document["text"].splitlines()) <= 100


def test_utc_and_another_day_are_told_without_a_riddle():
    utc = MONITOR._replace(timezone="UTC")
    late = incident(IncidentKind.LATE, monitor=utc, **DUE)
    assert alert(facts(late, packet=packet(late, **BY)))["metadata"]["brokenPromise"] == (
        "Never started: due 23:00 UTC, grace 5 min."
    )
    next_day = late._replace(opened_at=at("25 00:30"))
    assert "due 2026-05-24 23:00 UTC" in alert(facts(next_day, packet=packet(next_day, **BY)))["text"]
    gone = incident(IncidentKind.LATE, monitor=MONITOR._replace(timezone="Mars/Olympus"), **DUE)
    assert "due 23:00 UTC" in alert(facts(gone, packet=packet(gone, **BY)))["text"]


def test_a_reminder_says_how_long_and_the_how_manieth():
    late, frozen = missed_backup(sequence=4)
    made = facts(late, DeliveryReason.REMINDER, packet=frozen, now=at("25 03:15:20"), earlier=TOLD)
    subject, text = told(made)
    assert subject == "[critical] nightly-backup: never started (late), still open after 4 h 10 min"
    assert text.splitlines()[:2] == [
        "Never started: due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min.",
        "Still open after 4 h 10 min, and nobody has acknowledged it. This is reminder 3.",
    ]
    unheard = made._replace(earlier=EarlierWords(delivered=False, failed=True))
    assert "You were not told before: no earlier alert about it reached this route." in alert(unheard)["text"]


def test_an_escalation_says_that_nobody_has_acknowledged():
    late, frozen = missed_backup()
    subject, text = told(facts(late, DeliveryReason.ESCALATION, packet=frozen, now=at("24 23:35:05")))
    assert subject == "[critical] nightly-backup: never started (late), not acknowledged for 30 min"
    assert "\nNobody has acknowledged it for 30 min, so you are told. Acknowledge it if you take it.\n" in text


def test_a_word_that_comes_late_says_so():
    late, frozen = missed_backup()
    assert (
        "It opened 3 h ago; you are told only now." in alert(facts(late, packet=frozen, now=at("25 02:05:01")))["text"]
    )


def test_what_somebody_took_says_who():
    late, frozen = missed_backup(
        state=IncidentState.ACKNOWLEDGED, acknowledged_at=at("24 23:10"), acknowledged_by="Olga"
    )
    assert (
        "Olga acknowledged it at 2026-05-25 02:10 Europe/Helsinki (2026-05-24 23:10 UTC)."
        in told(facts(late, packet=frozen))[1]
    )


@pytest.mark.parametrize(
    ("action", "before", "after", "words"),
    [
        ("monitor.update", {"graceSeconds": 600}, {"graceSeconds": 90}, "changed grace from 10 min to 1 min 30 s"),
        ("monitor.update", {"maxAgeSeconds": None}, {"maxAgeSeconds": 60}, "changed max age from unset to 1 min"),
        (
            "monitor.update",
            {"schedule": {"cron": "0 3 * * *", "timezone": "UTC"}},
            {"schedule": {"cron": "0 2 * * *", "timezone": "UTC"}},
            'changed cron from "0 3 * * *" to "0 2 * * *"',
        ),
        ("monitor.update", {"promise": ""}, {"promise": "x" * 60}, "changed the promise"),
        (
            "monitor.update",
            dict.fromkeys("abcdef", 1),
            dict.fromkeys("abcdef", 2),
            "changed a from 1 to 2, b from 1 to 2, c from 1 to 2, d from 1 to 2 and 2 more",
        ),
        ("monitor.pause", {}, {}, "paused the monitor"),
        ("ingest_key.revoke", {"name": "ci"}, {"name": "ci"}, 'revoked an ingest key ("ci")'),
        ("delivery.replay", None, {}, "did delivery.replay"),
    ],
)
def test_a_change_is_said_in_words(action, before, after, words):
    assert change_words(MadeChange(at("24 14:20"), "Olga", action, before, after)) == words


def test_the_sample_in_the_documents_is_what_is_composed():
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    text, document = (page.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("text", "json"))
    failed = incident(IncidentKind.FAILED, opened_at=at("25 00:07:41"))
    change = MadeChange(at("24 14:20"), "Olga", "monitor.update", {"timeoutSeconds": 7_200}, {"timeoutSeconds": 86_400})
    made = alert(facts(failed, packet=packet(failed, **failure()), changes=(change,)))
    assert made["text"] == text
    assert {**made, "text": "…"} == json.loads(document)
