"""A name is one line of printable characters, wherever it is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.routes import RouteKind, RouteSettings
from luota_svc.rules.monitor_settings import validate_settings
from luota_svc.rules.route_targets import settings_problems

MONITOR = MonitorSettings(slug="nightly-backup", name="Nightly backup", kind=MonitorKind.RUN)
ROUTE = RouteSettings("Pager", RouteKind.INBOX)
PROBLEM = ("name", "must be one line of printable characters")

REFUSED = {
    "a line end": "Backup\nnightly",
    "a header of its own": "Backup\r\nBcc: all@example.org",
    "a tab": "Backup\tnightly",
    "no text at all": "a\0b",
    "a cursor that moves": "Backup \x1b[2J",
    "a control of the second block": "Backup \x9b2J",
    "a line separator": "Backup\u2028nightly",
    "a direction overridden": "Backup \u202egnp.exe",
    "a direction isolated": "Backup \u2066x",
    "half a character": "Backup \ud83d",
}
TAKEN = ["Öinen varmistus", "夜间备份", "می‌خواهم", "Backup 👩‍💻", "Prix: 10\u00a0€"]


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_what_would_not_read_as_it_was_written_is_a_problem_of_the_name(name):
    for problems in (validate_settings(replace(MONITOR, name=name)), settings_problems(replace(ROUTE, name=name))):
        assert [(problem.field, problem.problem) for problem in problems] == [PROBLEM]


@pytest.mark.parametrize("name", TAKEN)
def test_names_of_every_script_are_taken(name):
    assert validate_settings(replace(MONITOR, name=name)) == []
    assert settings_problems(replace(ROUTE, name=name)) == []
