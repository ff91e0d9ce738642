"""Every statement of every catalogue is understood by PostgreSQL as it stands against the schema."""

import re
from importlib import resources

import psycopg
import pytest

import luota_svc.store
from luota_svc.store.catalogue import load_catalogue

NOUNS = sorted(
    entry.name.removesuffix(".sql")
    for entry in resources.files(luota_svc.store).iterdir()
    if entry.name.endswith(".sql")
)
PLACEHOLDER = re.compile(r"%(?:\((?P<name>\w+)\))?[sb]")


def numbered(statement: str) -> str:
    """Turn psycopg's placeholders into PostgreSQL's own, one number a name."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match["name"] or f"#{len(numbers)}"
        return f"${numbers.setdefault(name, len(numbers) + 1)}"

    return PLACEHOLDER.sub(number, statement).replace("%%", "%")


@pytest.mark.parametrize("noun", NOUNS)
def test_every_statement_prepares_against_the_schema(database_url, noun):
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name, statement in load_catalogue(noun).items():
            try:
                connection.execute(f"PREPARE {noun}_{name} AS {numbered(statement)}".encode())
            except psycopg.Error as error:
                pytest.fail(f"{noun}.sql {name}: {error}")
