"""How a case is written: one request in two spellings, and what each door must answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# What stands in an answer's place where each run differs.
_WILD = {
    "<id>": "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "<at>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "<n>": r"\d+",
    "<req>": "req-[0-9A-HJKMNP-TV-Z]{26}",
    "<text>": r'[^"\\]+',
    "<rest>": ".*",
}


@dataclass(frozen=True)
class Case:
    """One thing that may happen at a door.

    `{word}` is filled from the scene, `<word>` matches what differs. `before` names acts (tests/doors/acts.py) that
    the scene has been through. `token` is shown as x-luota-key, `bearer` as an operator shows theirs. No `http` or no
    `rpc`: the other door knows no such thing.
    """

    name: str
    # --- what is asked
    http: str | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    rpc: str | None = None
    message: Mapping[str, Any] | bytes = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    bearer: str | None = None
    before: tuple[str, ...] = ()
    # --- what HTTP answers
    status: int = 202
    answer: str = ""
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    # --- what gRPC answers
    code: str = "OK"
    reply: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    reason: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    # --- what both leave
    signals: int | None = None


def pattern(template: str) -> str:
    """Turn a filled template into the regular expression of the whole text."""
    return "".join(_WILD.get(part, re.escape(part)) for part in re.split("(<[a-z]+>)", template))


def matches(template: str, text: str) -> bool:
    """Tell whether a text is what a filled template says."""
    return re.fullmatch(pattern(template), text, re.DOTALL) is not None
