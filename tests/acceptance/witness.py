"""Remembers every secret that the tests use and everything that is said about them, and finds one where none may be."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable

import psycopg
from psycopg import sql

_TOKEN = re.compile(r"wf(?:mn|ws|op)1\.[0-9a-f-]{36}\.([\w-]{43})")
_COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns JOIN pg_class ON relname = table_name
WHERE table_schema = 'public' AND NOT relispartition AND data_type IN ('text', 'jsonb', 'json', 'bytea', 'ARRAY')
"""


class Witness:
    """What one session of tests showed and heard. Lines are kept only as far as they gave a secret away."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._heard: list[tuple[str, str]] = []
        self.columns_searched = 0

    def uses(self, *texts: str) -> None:
        """Note the tokens in these texts: nothing may say them from now on, nor may it have said them before."""
        for text in texts:
            self._secrets.update(_TOKEN.findall(text))

    def answered(self, what: str, status: int, text: str) -> None:
        """Hear an answer. Only a create or a rotation may hold a token, and only in its own `token`."""
        if status < 300 and (token := _own_token(text)):
            self.uses(token)
            text = text.replace(token, "")
        self.hears(f"answer to {what}", [text])

    def hears(self, who: str, lines: Iterable[str]) -> None:
        """Keep lines until the end: a secret may become known after it was said."""
        self._heard.extend((who, line) for line in lines)

    def given_away(self) -> list[str]:
        """Return who said a secret, and where."""
        found = []
        for who, line in self._heard:
            found += [f"{who}: {line.replace(secret, '<SECRET>')}" for secret in self._secrets if secret in line]
        return found

    def kept_in(self, database_url: str) -> list[str]:
        """Return every text, JSON, array and bytea column of a database that holds a secret, as text or as bytes."""
        if not self._secrets:
            return []
        words = [form for secret in self._secrets for form in _forms(secret)]
        pattern = "|".join(words)
        found = []
        with psycopg.connect(database_url) as connection:
            for table, column in connection.execute(_COLUMNS).fetchall():
                self.columns_searched += 1
                query = sql.SQL("SELECT count(*) FROM {} WHERE {}::text ~ %s").format(
                    sql.Identifier(table), sql.Identifier(column)
                )
                row = connection.execute(query, (pattern,)).fetchone()
                if row and row[0]:
                    found.append(f"{table}.{column}: {row[0]} rows")
        return found

    @property
    def secrets(self) -> int:
        """How many are known."""
        return len(self._secrets)


def _own_token(text: str) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        return ""
    token = content.get("token") if isinstance(content, dict) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""


def _forms(secret: str) -> list[str]:
    """How one secret may stand in a column: as text, as that text's bytes, as the 32 bytes themselves."""
    return [secret, secret.encode().hex(), base64.urlsafe_b64decode(secret + "=").hex()]
