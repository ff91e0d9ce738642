"""Draws a frozen alert as the HTML of an e-mail: one column, nothing from outside, every word escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_COLOURS: Final = {"critical": "#b3261e", "error": "#b3261e", "warning": "#9a6700", "info": "#1f5fa8"}
_GREEN: Final = "#1a7f37"
_GREY: Final = "#6e7781"
_LEADS: Final = {
    "reminder": "Reminder: this is still open.",
    "escalation": "Nobody has acknowledged this yet.",
    "drill": "This is a drill: somebody makes it fail on purpose, to see that the alert arrives.",
    "test": "This is a test alert. Nothing is wrong; it proves that this route reaches you.",
    "route_failure": "Another alert route does not deliver, so you are told in its place.",
}
_FIRST_WORD: Final = "You were not told of it before: this is the first word of it that reached this route."
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")
# Colours and cursor moves of a terminal, then every control character but line feed and tab: mail can't carry them.
_TERMINAL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Moment(NamedTuple):
    """One point of the drawn timeline; `colour` is how things stood from then on."""

    at: str
    words: str
    colour: str


def plain(text: object) -> str:
    """Return text without what mail can't carry: terminal codes, control characters, lone surrogates."""
    tidy = _TERMINAL.sub("", str(text)).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", tidy)


def safe_link(url: object) -> str | None:
    """Return an http(s) URL that may stand behind a link; None for anything else that an operator wrote."""
    if not isinstance(url, str) or not url.isprintable() or any(letter.isspace() for letter in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.netloc else None


def instant(text: object) -> str:
    """Return an RFC 3339 instant as people read it: `2026-05-25 02:05:00 UTC`."""
    found = _INSTANT.fullmatch(str(text))
    return f"{found[1]} {found[2]} UTC" if found else plain(text)


def render_html(alert: Mapping[str, Any]) -> str:
    """Draw the alert. The same alert gives the same text; well below 100 KB, where mail readers begin to cut."""
    metadata = alert["metadata"]
    reason = metadata["reason"]
    lead = _LEADS.get(reason)
    if reason == "resolved" and metadata["firstWord"]:
        lead = _FIRST_WORD
    return _TEMPLATE.render(
        alert=alert,
        # Alerts that were composed by an earlier version have none.
        to_do=metadata.get("whatToDo"),
        of_many=reason != "route_failure" and bool(metadata["furtherIncidents"]),
        metadata=metadata,
        run=metadata["run"],
        colour=_colour_of(metadata),
        standing=_standing(metadata),
        lead=lead,
        moments=_moments(metadata),
        facts=_facts(metadata),
        button=safe_link(metadata["links"]["packet"]) or safe_link(metadata["links"]["incident"]),
    )


def _colour_of(facts: Mapping[str, Any]) -> str:
    if facts["state"] == "resolved":
        return _GREEN
    if facts.get("reason") == "test":
        return _GREY
    return _COLOURS.get(facts["severity"], _GREY)


def _standing(metadata: Mapping[str, Any]) -> str:
    """Say in one line what the colour says: not everybody sees it."""
    reason = metadata["reason"]
    words = [metadata["severity"], metadata["state"] or "", reason.replace("_", " ")]
    if reason in {"opened", "resolved"}:
        words.pop()
    return " · ".join(word for word in words if word)


def _moments(metadata: Mapping[str, Any]) -> list[Moment]:
    """Put what is known in the order in which it happened."""
    colour = _COLOURS.get(metadata["severity"], _GREY)
    good, run = metadata["lastGoodSignal"], metadata["run"]
    found = []
    if good:
        found.append(Moment(good["receivedAt"], f"Last good signal: {good['type']}", _GREEN))
    found += [Moment(each["at"], f"{each['actor']}: {each['what']}", _GREY) for each in metadata["changes"]]
    if run and run["startedAt"]:
        found.append(Moment(run["startedAt"], "The run started", _GREY))
    if metadata["openedAt"]:
        found.append(Moment(metadata["openedAt"], "Incident opened", colour))
    if metadata["acknowledgedAt"]:
        found.append(Moment(metadata["acknowledgedAt"], "Acknowledged", colour))
    if metadata["resolvedAt"]:
        found.append(Moment(metadata["resolvedAt"], "Resolved", _GREEN))
    # Instants are written in one form, so their texts sort as they do; sorting keeps the order of equals.
    return sorted(found, key=lambda moment: moment.at)


def _facts(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name what is short enough for a line of its own."""
    run, monitor = metadata["run"] or {}, metadata["monitor"] or {}
    named = (
        ("Monitor", monitor.get("name")),
        ("Owner", monitor.get("owner")),
        ("Environment", monitor.get("environment") or run.get("environment")),
        ("Run", run.get("externalRunId")),
        ("Exit code", run.get("exitCode")),
        ("Host", run.get("host")),
        ("Deploy", run.get("deploySha")),
        ("Occurrences", metadata["occurrenceCount"]),
    )
    return [(name, str(value)) for name, value in named if value not in {None, ""}]


def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(plain=plain, instant=instant, link=safe_link, colour=_colour_of)
    return made


_TEMPLATE: Final = _environment().get_template("email_body.html")
