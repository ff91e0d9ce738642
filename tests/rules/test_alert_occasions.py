"""What a tired person reads when it is over, of many at once, of a route that fails, and of what is only a test."""

from datetime import timedelta

import pytest
from tests.rules.alert_facts import MONITOR, at, facts, id_of, incident, missed_backup
from tests.rules.told_texts import TOLD, alert, told

from luota_svc.model.alerts import EarlierWords, Ending, FailedRoute
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentKind, IncidentState
from luota_svc.model.monitors import Severity

PAGER = FailedRoute(
    id=id_of(0xF2),
    name="Pager of the night shift",
    kind="webhook",
    error="pager.example.org answered 503 Service Unavailable",
    since=at("24 23:05:02"),
    broken=False,
    usable=True,
)


OVER = {"state": IncidentState.RESOLVED, "resolved_at": at("25 01:18:30"), "sequence": 2}


def test_a_resolve_says_how_long_it_lasted_and_what_it_was():
    late, frozen = missed_backup(resolution="recovered", **OVER)
    document = alert(facts(late, DeliveryReason.RESOLVED, packet=frozen, now=at("25 01:18:31"), earlier=TOLD))
    assert document["subject"] == "[resolved] nightly-backup: late for 2 h 13 min"
    assert (
        document["text"]
        == """\
Over after 2 h 13 min: the monitor keeps its promise again.

Runbook      https://wiki.example.org/runbooks/nightly-backup
Owner        Data platform, +358 40 123 4567
Monitor      nightly-backup
Incident     https://luota.example.org/incidents/0197b2c4-0000-7000-8000-0000000000a1

What broke   Never started: due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min
Since        2026-05-25 02:05 Europe/Helsinki (2026-05-24 23:05 UTC)
Until        2026-05-25 04:18 Europe/Helsinki (01:18 UTC)
Last good    2026-05-24 02:12 Europe/Helsinki (2026-05-23 23:12 UTC), success, 23 h 52 min earlier
Environment  production
Promise      Every night by 03:00 the database stands in cold storage.
Evidence     https://luota.example.org/v1/incidents/0197b2c4-0000-7000-8000-0000000000a1/packet
"""
    )
    assert (document["metadata"]["durationSeconds"], document["metadata"]["firstWord"]) == (8_009, False)


@pytest.mark.parametrize(
    ("resolution", "ending", "earlier", "lines"),
    [
        (
            "by_hand",
            Ending("Olga", "Restarted the scheduler"),
            EarlierWords(delivered=False, failed=True),
            [
                "Over after 2 h 13 min: Olga resolved it by hand: Restarted the scheduler.",
                "You were not told before: this route was not reachable.",
            ],
        ),
        ("by_hand", Ending("Olga", "by_hand"), TOLD, ["Over after 2 h 13 min: Olga resolved it by hand."]),
        (
            "monitor_deleted",
            None,
            EarlierWords(delivered=False, failed=False),
            [
                "Over after 2 h 13 min: its monitor was deleted.",
                "You were not told before: it was over before your turn came.",
            ],
        ),
    ],
)
def test_a_resolve_says_who_ended_it_and_whether_it_is_the_first_word(resolution, ending, earlier, lines):
    late, frozen = missed_backup(resolution=resolution, **OVER)
    made = facts(late, DeliveryReason.RESOLVED, packet=frozen, earlier=earlier, ending=ending)
    assert told(made)[1].splitlines() == lines


def storm(count):
    names = (f"import-of-customer-{number:03}" for number in range(1, count))
    return tuple(
        incident(
            IncidentKind.MISSED,
            0x1000 + number,
            severity=Severity.ERROR,
            monitor=MONITOR._replace(name=name),
            opened_at=at("24 23:05:01") + timedelta(seconds=number / 5),
        )
        for number, name in enumerate(names)
    )


def test_a_storm_names_every_incident_and_asks_for_one_cause():
    late, frozen = missed_backup()
    document = alert(facts(late, packet=frozen, further=storm(200)))
    assert document["subject"] == "[critical] 200 incidents: nightly-backup and 199 more"
    lines = document["text"].splitlines()
    assert lines[:4] == [
        "200 incidents: 1 critical, 199 error. They opened within 40 s: look for a cause that they share.",
        "The gravest of them:",
        "",
        "Never started: due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min.",
    ]
    assert lines[-199:][0] == "- [error] import-of-customer-001: no ping (missed)"
    further = document["metadata"]["furtherIncidents"]
    assert [each["monitorName"] for each in further] == [f"import-of-customer-{number:03}" for number in range(1, 200)]
    assert further[0] == {
        "incidentId": str(id_of(0x1000)),
        "monitorName": "import-of-customer-001",
        "kind": "missed",
        "severity": "error",
        "state": "open",
        "subject": "[error] import-of-customer-001: no ping (missed)",
        "openedAt": "2026-05-24T23:05:01.000Z",
        "resolvedAt": None,
        "url": f"https://luota.example.org/incidents/{id_of(0x1000)}",
    }


def test_a_storm_that_is_over_says_how_long_each_lasted():
    late, frozen = missed_backup(resolution="recovered", **OVER)
    ended = tuple(each._replace(**OVER) for each in storm(3))
    document = alert(facts(late, DeliveryReason.RESOLVED, packet=frozen, further=ended, earlier=TOLD))
    assert document["subject"] == "[resolved] 3 incidents: nightly-backup and 2 more"
    assert document["text"].startswith("3 incidents are over.\nThe gravest of them:\n\nOver after 2 h 13 min: ")
    assert "\n- [resolved] import-of-customer-001: missed for 2 h 13 min\n" in document["text"]


def test_a_route_that_does_not_deliver_is_told_with_what_it_should_have_told():
    late, frozen = missed_backup()
    made = facts(late, DeliveryReason.ROUTE_FAILURE, packet=frozen, failed_route=PAGER, further=storm(2))
    document = alert(made)
    assert document["subject"] == (
        '[critical] Alert route "Pager of the night shift" does not deliver news of nightly-backup and 1 more'
    )
    assert (
        document["text"]
        == """\
Alert route "Pager of the night shift" does not deliver, so you are told in its place.
It has failed since 2026-05-25 02:05 Europe/Helsinki (2026-05-24 23:05 UTC): pager.example.org
answered 503 Service Unavailable.

What to do   Tell those who read there, or take the incidents yourself.
             Repair the route, then send a test alert through it; Luota goes on trying meanwhile.

It was to tell of these 2 incidents:
- [critical] nightly-backup: never started (late)
- [error] import-of-customer-001: no ping (missed)

The first of them:
Never started: due 02:00 Europe/Helsinki (23:00 UTC), grace 5 min.
Since        2026-05-25 02:05 Europe/Helsinki (2026-05-24 23:05 UTC)
Owner        Data platform, +358 40 123 4567
Runbook      https://wiki.example.org/runbooks/nightly-backup
Incident     https://luota.example.org/incidents/0197b2c4-0000-7000-8000-0000000000a1
Evidence     https://luota.example.org/v1/incidents/0197b2c4-0000-7000-8000-0000000000a1/packet
"""
    )
    assert document["metadata"]["failedRoute"] == {
        "id": str(PAGER.id),
        "name": "Pager of the night shift",
        "kind": "webhook",
        "error": "pager.example.org answered 503 Service Unavailable",
        "since": "2026-05-24T23:05:02.000Z",
    }
    broken = alert(made._replace(failed_route=PAGER._replace(broken=True)))["text"]
    assert "through it; nothing more is tried until then." in broken
    switched_off = alert(made._replace(failed_route=PAGER._replace(usable=False)))["text"]
    assert "Make or enable a route for them" in switched_off


def test_a_test_says_plainly_that_nothing_is_wrong():
    document = alert(facts(None, DeliveryReason.TEST))
    assert document["subject"] == '[test] Luota reaches "On-call by e-mail"'
    assert (
        document["text"]
        == """\
This is a test. Nothing is wrong, and there is nothing to do. It shows that the route "On-call by
e-mail" works.
If you did not expect it, somebody has just sent it to see whether alerts reach you.
"""
    )
    about = document["metadata"]
    assert (about["severity"], about["kind"], about["state"], document["incidentId"]) == ("info", None, None, None)


def test_a_drill_says_plainly_that_nothing_is_wrong():
    late, frozen = missed_backup()
    subject, text = told(facts(late, DeliveryReason.DRILL, packet=frozen))
    assert subject == "[drill] nightly-backup: never started (late)"
    assert text.startswith(
        "This is a drill: it was made to fail on purpose, to see that you are told. Nothing is wrong.\n"
    )
    assert text.endswith("What to do   Nothing, for it is a drill.")
