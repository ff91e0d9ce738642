"""What somebody changed, said in a few words: `changed grace from 10 min to 5 min`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from luota_svc.model.alerts import MadeChange
from luota_svc.rules.alert_words import one_line, when
from luota_svc.rules.durations import in_words
from luota_svc.rules.instants import instant_text

Fields = Mapping[str, Any]

_ACTOR_MOST: Final = 60
_NAMED_MOST: Final = 4
_VALUE_MOST: Final = 40
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COUNTED: Final = {"version"}
_WORDS: Final = {
    "monitor.create": "made the monitor",
    "monitor.pause": "paused the monitor",
    "monitor.resume": "ended the monitor's pause",
    "monitor.mute": "muted the monitor",
    "monitor.unmute": "ended the monitor's mute",
    "monitor.delete": "deleted the monitor",
    "ingest_key.create": "made an ingest key",
    "ingest_key.rotate": "replaced an ingest key",
    "ingest_key.revoke": "revoked an ingest key",
    "workspace.create": "made the workspace",
}
_UPDATES: Final = {"monitor.update": "changed", "workspace.update": "changed the workspace's"}


def change_words(change: MadeChange) -> str:
    """Return what was done, to be read after who did it; no values but short ones."""
    if (verb := _UPDATES.get(change.action)) is not None:
        return f"{verb} {_differences(change.before or {}, change.after or {})}"
    words = _WORDS.get(change.action, f"did {one_line(change.action, _ACTOR_MOST)}")
    name = (change.after or change.before or {}).get("name")
    return f"{words} ({_value(name)})" if change.action.startswith("ingest_key.") and name else words


def change_fields(change: MadeChange) -> dict[str, Any]:
    """Return a change as an alert's metadata has it."""
    return {
        "at": instant_text(change.at),
        "actor": one_line(change.actor, _ACTOR_MOST),
        "action": change.action,
        "what": change_words(change),
    }


def change_line(change: MadeChange, zone: str) -> str:
    """Return a change as a line of an alert's text."""
    return f"{when(change.at, zone)}: {one_line(change.actor, _ACTOR_MOST)} {change_words(change)}"


def _differences(before: Fields, after: Fields) -> str:
    found = list(_differing("", before, after))
    shown = ", ".join(found[:_NAMED_MOST])
    more = f" and {len(found) - _NAMED_MOST} more" if len(found) > _NAMED_MOST else ""
    return (shown or "nothing that is shown") + more


def _differing(prefix: str, before: Fields, after: Fields) -> Iterator[str]:
    for name in sorted({*before, *after} - _COUNTED):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differing(f"{name}.", old, new)
        else:
            yield _difference(f"{prefix}{name}", old, new)


def _difference(name: str, old: Any, new: Any) -> str:
    spoken = _HUMP.sub(" ", one_line(name, _VALUE_MOST).removeprefix("schedule.")).lower()
    if name.endswith("Seconds"):
        return f"{spoken.removesuffix(' seconds')} from {_span(old)} to {_span(new)}"
    if max(len(str(old)), len(str(new))) > _VALUE_MOST:
        return f"the {spoken}"
    return f"{spoken} from {_value(old)} to {_value(new)}"


def _span(value: Any) -> str:
    return in_words(value, exact=True) if isinstance(value, int) else "unset"


def _value(value: Any) -> str:
    if value is None or value == "":
        return "unset"
    return f'"{one_line(value, _VALUE_MOST)}"' if isinstance(value, str) else one_line(str(value), _VALUE_MOST)
