"""The bounds of everything that an operator sets on a monitor, relations included. All problems are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from luota_svc.model.errors import FieldProblem
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.packets import Promise
from luota_svc.rules.cron_text import cron_problem
from luota_svc.rules.names import line_problem
from luota_svc.rules.run_state import run_timeout_seconds

TAGS_MAX: Final = 16
TAG_KEY_MAX: Final = 64
TAG_VALUE_MAX: Final = 256

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# A slug may stand wherever a monitor's id may; one that reads as an id would never be found by its name.
_ID_LIKE: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_DAY: Final = 86_400
_MONTH: Final = 31 * _DAY
_YEAR: Final = 366 * _DAY
# Public spelling, attribute, least and greatest value; unset is always fine.
_NUMBERS: Final = (
    ("schedule.intervalSeconds", "interval_seconds", 30, _YEAR),
    ("graceSeconds", "grace_seconds", 0, _MONTH),
    ("earlyToleranceSeconds", "early_tolerance_seconds", 0, _MONTH),
    ("maxAgeSeconds", "max_age_seconds", 30, _YEAR),
    ("maxDurationSeconds", "max_duration_seconds", 1, _MONTH),
    ("minDurationSeconds", "min_duration_seconds", 1, _MONTH),
    ("stuckAfterSeconds", "stuck_after_seconds", 1, _MONTH),
    ("timeoutSeconds", "timeout_seconds", 1, 2 * _MONTH),
    ("failureThreshold", "failure_threshold", 1, 720),
    ("recoveryThreshold", "recovery_threshold", 1, 720),
    ("remindEverySeconds", "remind_every_seconds", 0, _MONTH),
)
# Public spelling, attribute, least and greatest length in characters.
_TEXTS: Final = (
    ("name", "name", 1, 100),
    ("owner", "owner", 0, 200),
    ("runbookUrl", "runbook_url", 0, 2_048),
    ("environment", "environment", 0, 64),
    ("promise", "promise", 0, 1_000),
)
_RUN_ONLY: Final = (
    ("maxDurationSeconds", "max_duration_seconds"),
    ("minDurationSeconds", "min_duration_seconds"),
    ("stuckAfterSeconds", "stuck_after_seconds"),
    ("timeoutSeconds", "timeout_seconds"),
)
_REMIND_EVERY_MIN: Final = 60


def validate_settings(settings: MonitorSettings, *, kind_said: bool = True) -> list[FieldProblem]:
    """Return every problem of a monitor's settings, in the order of the fields; none if they can be kept.

    Where nobody said of which kind it is, `settings.kind` is a stand-in, and what depends on it is not judged.
    """
    return [
        *slug_problems(settings.slug),
        *_text_problems(settings),
        *_schedule_problems(settings),
        *_number_problems(settings),
        *(_kind_problems(settings) if kind_said else ()),
        *_relation_problems(settings),
        *tag_problems(settings.tags or {}),
    ]


def schedule_problems(settings: MonitorSettings) -> list[FieldProblem]:
    """Return every problem of a schedule and its margins, where a monitor's other settings are fine or play no part."""
    return [*_schedule_problems(settings), *_number_problems(settings), *_relation_problems(settings)]


def plain_settings(settings: MonitorSettings | Promise) -> dict[str, Any]:
    """Return the numbers and texts of a monitor's settings in their public spelling; not its schedule."""
    named = (*((field, attribute) for field, attribute, _, _ in (*_NUMBERS, *_TEXTS)), ("slug", "slug"))
    return {field: getattr(settings, attribute) for field, attribute in named if "." not in field}


def effective_timeout_seconds(settings: MonitorSettings) -> int:
    """Return after how many seconds an open run expires that did not ask for a time of its own."""
    return run_timeout_seconds(
        None, settings.timeout_seconds, settings.max_duration_seconds, settings.stuck_after_seconds
    )


def slug_problems(slug: str) -> list[FieldProblem]:
    """Return the problems of a slug; monitors and workspaces have the same rule."""
    if _SLUG.fullmatch(slug) is None:
        problem = "must be 1 to 63 of a-z, 0-9 and hyphen, and not begin with a hyphen"
        return [FieldProblem("slug", problem)]
    return [FieldProblem("slug", "must not look like an id")] if _ID_LIKE.fullmatch(slug) else []


def tag_problems(tags: Mapping[str, str]) -> list[FieldProblem]:
    """Return the problems of a monitor's or a signal's tags: at most 16, keys of 1-64, values of at most 256."""
    if not tags:
        return []
    problems: list[FieldProblem] = []
    if len(tags) > TAGS_MAX:
        problems.append(FieldProblem("tags", f"must have at most {TAGS_MAX} entries"))
    for key, value in tags.items():
        if not 0 < len(key) <= TAG_KEY_MAX or "\0" in key:
            problems.append(FieldProblem("tags", f"must have keys of 1 to {TAG_KEY_MAX} characters without U+0000"))
            break
        if len(value) > TAG_VALUE_MAX or "\0" in value:
            problem = f"must be at most {TAG_VALUE_MAX} characters without U+0000"
            problems.append(FieldProblem(f"tags.{key}", problem))
    return problems


def _text_problems(settings: MonitorSettings) -> Iterator[FieldProblem]:
    for field, attribute, least, most in _TEXTS:
        text: str = getattr(settings, attribute)
        if not least <= len(text) <= most:
            yield FieldProblem(
                field, f"must be {least} to {most} characters" if least else f"must be at most {most} characters"
            )
        elif field == "name" and (problem := line_problem(text)):
            yield FieldProblem(field, problem)
        elif "\0" in text:
            yield FieldProblem(field, "must not contain U+0000")
        elif least and not text.strip():
            yield FieldProblem(field, "must not be blank")
    if settings.runbook_url and not _is_web_address(settings.runbook_url):
        yield FieldProblem("runbookUrl", "must be an http or https address")


def _schedule_problems(settings: MonitorSettings) -> Iterator[FieldProblem]:
    if settings.schedule_cron is not None:
        problem = cron_problem(settings.schedule_cron)
        if problem is not None:
            yield FieldProblem("schedule.cron", problem)
        if settings.interval_seconds is not None:
            yield FieldProblem("schedule", "must have a cron line or an interval, not both")
    if settings.schedule_timezone not in timezones():
        yield FieldProblem("schedule.timezone", "must be an IANA time zone such as Europe/Helsinki")


def _number_problems(settings: MonitorSettings) -> Iterator[FieldProblem]:
    for field, attribute, least, most in _NUMBERS:
        number: int | None = getattr(settings, attribute)
        if number is not None and not least <= number <= most:
            yield FieldProblem(field, f"must be {least} to {most}")
    if 0 < settings.remind_every_seconds < _REMIND_EVERY_MIN:
        yield FieldProblem("remindEverySeconds", f"must be 0 or at least {_REMIND_EVERY_MIN}")


def _kind_problems(settings: MonitorSettings) -> Iterator[FieldProblem]:
    """Refuse settings that would have no effect on this kind: somebody would rely on them."""
    if settings.kind is MonitorKind.FRESHNESS:
        if settings.max_age_seconds is None:
            yield FieldProblem("maxAgeSeconds", "must be set on a freshness monitor")
    elif settings.max_age_seconds is not None:
        yield FieldProblem("maxAgeSeconds", "must be set on a freshness monitor only")
    if settings.kind is not MonitorKind.RUN:
        for field, attribute in _RUN_ONLY:
            if getattr(settings, attribute) is not None:
                yield FieldProblem(field, "must be set on a run monitor only")
        if settings.failure_threshold != 1:
            yield FieldProblem("failureThreshold", "must be 1 where there are no runs that fail")


def _relation_problems(settings: MonitorSettings) -> Iterator[FieldProblem]:
    shortest, longest = settings.min_duration_seconds, settings.max_duration_seconds
    if shortest is not None and longest is not None and shortest >= longest:
        yield FieldProblem("minDurationSeconds", "must be less than maxDurationSeconds")
    if settings.timeout_seconds is not None and settings.timeout_seconds < effective_timeout_seconds(settings):
        problem = "must be at least twice maxDurationSeconds and at least stuckAfterSeconds"
        yield FieldProblem("timeoutSeconds", problem)
    early, interval = settings.early_tolerance_seconds, settings.interval_seconds
    if early is not None and interval is not None and early >= interval:
        yield FieldProblem("earlyToleranceSeconds", "must be less than schedule.intervalSeconds")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    # Without blanks and control characters; urlsplit would drop some of them silently.
    return parts.scheme in {"http", "https"} and bool(host) and text.isprintable() and " " not in text


@lru_cache(maxsize=1)
def timezones() -> frozenset[str]:
    """Return the names of the installed time zones; reading them takes milliseconds, once."""
    return frozenset(available_timezones())
