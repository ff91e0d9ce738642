"""Remembers every secret that a worker's tests use and everything that is said about them; finds one where none may be.

Secrets are noted where they are made (`secrets.token_urlsafe`, which Luota's clocks and the tests call) or first seen
(an answer's own `token`). Listened to are log lines, errors, answers, ended spans, the output of processes and the
servers' logs; searched is every row of each test's database before it is dropped.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc.aio
import psycopg
import pytest
from opentelemetry.sdk import trace as sdk
from psycopg import sql

from luota_svc.model.errors import LuotaError
from luota_svc.telemetry.logs import JsonFormatter
from luota_svc.telemetry.scrub import Scrubber
from luota_svc.telemetry.sink import LineSink

_TOKEN = re.compile(r"wf(?:mn|ws|op)1\.[0-9a-f-]{36}\.([\w-]{43})", re.ASCII)
# No name, id or hash in a line is as long, so that few lines are kept until the end. Looked for at the beginning of
# words alone: from each letter of each id on it would cost several times as much.
_LONG = re.compile(r"(?<![\w+/-])[\w+/-]{43,}", re.ASCII)
# How long a secret is as text, as its 32 bytes in hexadecimal digits, as its text's bytes in such.
_LENGTHS = (43, 64, 86)
# Those that have a page; the others have no rows, and are most of those in a test's database.
_TABLES = """
SELECT relname, coalesce(pg_partition_root(oid), oid)::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0 ORDER BY 1
"""


class Witness:
    """What one session of tests showed and heard. Lines are kept only as far as they may give a secret away."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._forms: set[str] = set()
        self._heard: list[tuple[str, str]] = []
        self.rows_searched = 0

    def uses(self, *texts: str) -> None:
        """Note the tokens in these texts: nothing may say them from now on, nor may it have said them before."""
        for text in texts:
            for secret in _TOKEN.findall(text):
                self.knows(secret)

    def knows(self, secret: str) -> None:
        """Note a secret of 32 bytes, and how it may stand in a column."""
        self._secrets.add(secret)
        raw = base64.urlsafe_b64decode(secret + "=")
        self._forms |= {secret, secret.encode().hex(), raw.hex(), base64.b64encode(raw).decode().rstrip("=")}

    def answered(self, what: str, status: int, text: str) -> None:
        """Hear an answer. Only a create or a rotation may hold a secret: its own `token`, or its webhook's `secret`."""
        if status < 300 and (token := _own_token(text)):
            self.uses(token)
            text = text.replace(token, "")
        if status < 300 and (secret := _own_secret(text)):
            text = text.replace(secret, "")
        self.hears(f"answer to {what}", [text])

    def hears(self, who: str, lines: Iterable[str]) -> None:
        """Keep lines until the end: a secret may become known after it was said."""
        self._heard.extend((who, line) for line in lines if _LONG.search(line))

    def given_away(self) -> list[str]:
        """Return who said a secret, and where."""
        return [f"{who}: {self._masked(line)}" for who, line in self._heard if self._holds(line)]

    def kept_in(self, database_url: str) -> list[str]:
        """Return every row of a database that holds a secret, in whatever column, as text or as bytes."""
        found = []
        with psycopg.connect(database_url, options="-c lock_timeout=5s") as connection:
            tables = connection.execute(_TABLES).fetchall()
            if not tables:
                return []
            each = sql.SQL("SELECT {}, row_to_json(t)::text FROM {} t")
            rows = [each.format(known_as, sql.Identifier(name)) for name, known_as in tables]
            for table, row in connection.execute(sql.SQL(" UNION ALL ").join(rows)):
                self.rows_searched += 1
                if self._holds(row):
                    found.append(f"{table}: {self._masked(row)}")
        return found

    def require_silence(self) -> None:
        """Fail, and say who did, if anybody said a secret."""
        said = self.given_away()
        assert not said, "\n".join(said)

    def require_none_in(self, database_url: str) -> None:
        """Fail, and show the rows, if a database holds a secret."""
        kept = self.kept_in(database_url)
        assert not kept, "\n".join(kept)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note what is made and hear what is said in this process, until the block ends."""
        with pytest.MonkeyPatch.context() as patch:

            def before(owner: Any, name: str, hear: Callable[..., None]) -> None:
                original = getattr(owner, name)

                def wrapped(*args: Any, **kwargs: Any) -> Any:
                    hear(*args, **kwargs)
                    return original(*args, **kwargs)

                patch.setattr(owner, name, wrapped)

            make = secrets.token_urlsafe
            patch.setattr(secrets, "token_urlsafe", lambda nbytes=None: self._made(make(nbytes)))
            # Where lines leave, in the sink's own thread: what a line costs its writer is measured by a test.
            before(
                LineSink, "_write_all", lambda _sink, data: self.hears("log", data.decode(errors="replace").split("\n"))
            )
            before(LuotaError, "__init__", lambda _error, *args: self.hears("error", map(str, args)))
            before(grpc.aio.AioRpcError, "__init__", lambda _e, *args, **more: self.hears("gRPC", [repr((args, more))]))
            before(sdk.Span, "end", lambda span, *_args: self.hears("span", [span.to_json(indent=None)]))
            # What tests without a log of their own say, as production would write it.
            ear = _Ear(self)
            logging.getLogger().addHandler(ear)
            try:
                yield
            finally:
                logging.getLogger().removeHandler(ear)

    def _made(self, secret: str) -> str:
        if len(secret) == _LENGTHS[0]:
            self.knows(secret)
        return secret

    def _holds(self, text: str) -> bool:
        # Each stretch of a secret's length is looked up: the cost does not grow with the number of secrets.
        return any(
            long[at : at + length] in self._forms
            for long in _LONG.findall(text)
            for length in _LENGTHS
            for at in range(len(long) - length + 1)
        )

    def _masked(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "<SECRET>")
        return text


class _Ear(logging.Handler):
    """Hears what a record would be as a line."""

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self._witness = witness
        self.setFormatter(JsonFormatter(Scrubber()))

    def emit(self, record: logging.LogRecord) -> None:
        self._witness.hears("log", [self.format(record)])


def _own_token(text: str) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        return ""
    token = content.get("token") if isinstance(content, dict) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""


def _own_secret(text: str) -> str:
    """Return a webhook's secret that an answer shows as its own; it was noted when it was made."""
    try:
        content = json.loads(text)
    except ValueError:
        return ""
    webhook = content.get("webhook") if isinstance(content, dict) else None
    secret = webhook.get("secret") if isinstance(webhook, dict) else None
    return secret if isinstance(secret, str) and secret.startswith("whsec_") else ""


# The one of this worker's session; others are for the tests of a witness.
WITNESS = Witness()
