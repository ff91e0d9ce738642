"""The bounds of a monitor's settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from luota_svc.model.errors import FieldProblem
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.rules.monitor_settings import effective_timeout_seconds, tag_problems, validate_settings

RUN = MonitorSettings(slug="nightly-backup", name="Nightly backup", kind=MonitorKind.RUN)
HEARTBEAT = replace(RUN, kind=MonitorKind.HEARTBEAT)
FRESHNESS = replace(RUN, kind=MonitorKind.FRESHNESS, max_age_seconds=3_600)
DAY = 86_400


def problem_fields(settings: MonitorSettings) -> list[str]:
    return [problem.field for problem in validate_settings(settings)]


@pytest.mark.parametrize(
    "settings",
    [
        RUN,
        HEARTBEAT,
        FRESHNESS,
        replace(HEARTBEAT, interval_seconds=30, grace_seconds=0, early_tolerance_seconds=29),
        replace(HEARTBEAT, schedule_cron="0 3 * * *", schedule_timezone="Europe/Helsinki", grace_seconds=31 * DAY),
        replace(RUN, min_duration_seconds=1, max_duration_seconds=60, stuck_after_seconds=90, timeout_seconds=120),
        replace(RUN, failure_threshold=720, recovery_threshold=720, remind_every_seconds=60),
        replace(HEARTBEAT, recovery_threshold=3),
        replace(RUN, slug="a", name="é", runbook_url="https://wiki.example/x?y#z", tags={"k" * 64: "v" * 256}),
        replace(RUN, slug="0" * 63, runbook_url="http://localhost:8080"),
        replace(RUN, tags={str(number): "" for number in range(16)}),
        replace(RUN, owner="o" * 200, environment="e" * 64, promise="p" * 1_000),
    ],
)
def test_settings_within_the_bounds_have_no_problem(settings):
    assert validate_settings(settings) == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (replace(RUN, slug=""), "slug"),
        (replace(RUN, slug="-a"), "slug"),
        (replace(RUN, slug="Backup"), "slug"),
        (replace(RUN, slug="a_b"), "slug"),
        (replace(RUN, slug="a\n"), "slug"),
        (replace(RUN, slug="a" * 64), "slug"),
        (replace(RUN, slug="22222222-2222-4222-8222-222222222222"), "slug"),
        (replace(RUN, slug="2" * 32), "slug"),
        (replace(RUN, name=""), "name"),
        (replace(RUN, name="   "), "name"),
        (replace(RUN, name="x" * 101), "name"),
        (replace(RUN, name="a\0b"), "name"),
        (replace(RUN, owner="x" * 201), "owner"),
        (replace(RUN, promise="\0"), "promise"),
        (replace(RUN, environment="x" * 65), "environment"),
        (replace(RUN, runbook_url="ftp://x"), "runbookUrl"),
        (replace(RUN, runbook_url="javascript:alert(1)"), "runbookUrl"),
        (replace(RUN, runbook_url="https://"), "runbookUrl"),
        (replace(RUN, runbook_url="https://x y"), "runbookUrl"),
        (replace(RUN, runbook_url="https://x\n.example"), "runbookUrl"),
        (replace(RUN, runbook_url="https://[::1"), "runbookUrl"),
        (replace(RUN, runbook_url="https://x:99999"), "runbookUrl"),
        (replace(RUN, schedule_cron="61 * * * *"), "schedule.cron"),
        (replace(RUN, schedule_timezone="Mars/Olympus"), "schedule.timezone"),
        (replace(RUN, schedule_timezone=""), "schedule.timezone"),
        (replace(RUN, schedule_timezone="../etc/passwd"), "schedule.timezone"),
        (replace(RUN, interval_seconds=29), "schedule.intervalSeconds"),
        (replace(RUN, interval_seconds=367 * DAY), "schedule.intervalSeconds"),
        (replace(RUN, interval_seconds=60, schedule_cron="* * * * *"), "schedule"),
        (replace(RUN, grace_seconds=-1), "graceSeconds"),
        (replace(RUN, grace_seconds=31 * DAY + 1), "graceSeconds"),
        (replace(RUN, interval_seconds=60, early_tolerance_seconds=60), "earlyToleranceSeconds"),
        (replace(FRESHNESS, max_age_seconds=None), "maxAgeSeconds"),
        (replace(FRESHNESS, max_age_seconds=0), "maxAgeSeconds"),
        (replace(RUN, max_age_seconds=60), "maxAgeSeconds"),
        (replace(HEARTBEAT, max_duration_seconds=60), "maxDurationSeconds"),
        (replace(HEARTBEAT, min_duration_seconds=60), "minDurationSeconds"),
        (replace(FRESHNESS, stuck_after_seconds=60), "stuckAfterSeconds"),
        (replace(HEARTBEAT, timeout_seconds=60), "timeoutSeconds"),
        (replace(HEARTBEAT, failure_threshold=2), "failureThreshold"),
        (replace(RUN, failure_threshold=0), "failureThreshold"),
        (replace(RUN, failure_threshold=721), "failureThreshold"),
        (replace(RUN, recovery_threshold=0), "recoveryThreshold"),
        (replace(RUN, remind_every_seconds=59), "remindEverySeconds"),
        (replace(RUN, remind_every_seconds=-1), "remindEverySeconds"),
        (replace(RUN, min_duration_seconds=60, max_duration_seconds=60), "minDurationSeconds"),
        (replace(RUN, max_duration_seconds=60, timeout_seconds=119), "timeoutSeconds"),
        (replace(RUN, stuck_after_seconds=60, timeout_seconds=59), "timeoutSeconds"),
        (replace(RUN, tags={str(number): "" for number in range(17)}), "tags"),
        (replace(RUN, tags={"": "x"}), "tags"),
        (replace(RUN, tags={"k" * 65: "x"}), "tags"),
        (replace(RUN, tags={"k\0": "x"}), "tags"),
        (replace(RUN, tags={"team": "v" * 257}), "tags.team"),
        (replace(RUN, tags={"team": "\0"}), "tags.team"),
    ],
)
def test_a_setting_outside_its_bounds_is_named_as_the_public_spells_it(settings, field):
    assert problem_fields(settings) == [field]


def test_every_problem_is_told_at_once():
    settings = replace(HEARTBEAT, slug="", name="", interval_seconds=1, timeout_seconds=5, tags={"": ""})
    assert problem_fields(settings) == ["slug", "name", "schedule.intervalSeconds", "timeoutSeconds", "tags"]


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        (RUN, DAY),
        (replace(RUN, timeout_seconds=600), 600),
        (replace(RUN, max_duration_seconds=60), DAY),
        (replace(RUN, max_duration_seconds=DAY), 2 * DAY),
        (replace(RUN, stuck_after_seconds=3 * DAY, max_duration_seconds=DAY), 3 * DAY),
    ],
)
def test_an_open_run_expires_no_sooner_than_the_other_limits_need(settings, seconds):
    assert effective_timeout_seconds(settings) == seconds


def test_a_hostile_map_of_tags_yields_a_bounded_answer():
    problems = tag_problems({"k" * 64 + str(number): "" for number in range(10_000)})
    assert problems[0] == FieldProblem("tags", "must have at most 16 entries")
    assert len(problems) == 2
