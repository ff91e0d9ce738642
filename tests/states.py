"""The states as docs/states.md draws them: what is drawn there is walked by tests, and everything else refused."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = (Path(__file__).parent.parent / "docs" / "states.md").read_text()


class Edge(NamedTuple):
    """One edge of a table: from a state, by a word, to a state; both ends the same where something stays as it is."""

    machine: str
    before: str
    word: str
    after: str

    def __str__(self) -> str:
        return f"{self.machine} {self.before} -{self.word}-> {self.after}"


def section(title: str) -> str:
    """Return the text below one heading, up to the next of any level."""
    (_, _, rest) = PAGE.partition(f" {title}\n")
    assert rest, title
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str, first: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this head."""
    lines = text.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = takewhile(lambda line: line.startswith("|"), lines[begin + 2 :])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def edges(machine: str) -> list[Edge]:
    """Return every edge of a machine's table."""
    found = []
    for edge, word, *_ in table(section(machine), "edge"):
        before, after = edge.split(" -> ")
        found.append(Edge(machine, before, word.strip("`"), after))
    return found


def arrows(machine: str) -> set[tuple[str, str]]:
    """Return what the picture says, ends left out; a machine begins with nothing."""
    found = re.findall(r"^ +(\S+) --> (\w+|\[\*\])", section(machine), flags=re.MULTILINE)
    return {(before, after) for before, after in found if after != "[*]"}


def words(text: str) -> set[str]:
    """Return what stands as a word of code in a text."""
    return set(re.findall(r"`([a-z_]+)`", text))


RUN, INCIDENT, MONITOR = (edges(machine) for machine in ("Run", "Incident", "Monitor"))
DELIVERY, ROUTE = (edges(machine) for machine in ("Delivery", "Route"))


class Kind(NamedTuple):
    """A kind of incident, with the reasons for which it opens."""

    name: str
    reasons: tuple[str, ...]


def kinds() -> list[Kind]:
    """Return the kinds of incident with their reasons."""
    rows = table(section("Kinds"), "kind")
    return [Kind(row[0].strip("`"), tuple(re.findall(r"`([a-z_]+)`(?=[,:])", row[1]))) for row in rows]


def messages() -> list[tuple[str, str, str]]:
    """Return what each message is to a run in each state: message, state, decision."""
    text = section("Run")
    head = next(line for line in text.splitlines() if line.startswith("| message |"))
    states = [cell.strip() for cell in head.strip("|").split("|")][1:]
    return [
        (row[0], state, cell.strip("*`"))
        for row in table(text, "message")
        for state, cell in zip(states, row[1:], strict=True)
    ]
