"""An alert as Slack draws it: blocks within Slack's bounds, and the same in words for whoever draws none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from luota_svc.providers.mentions import call_no_room

Alert = dict[str, Any]
Block = dict[str, Any]

# Slack's bounds (docs.slack.dev: Block Kit). Of a whole message it publishes none and refuses somewhere above 13,000.
_BLOCKS_MOST: Final = 50
_HEADER_MOST: Final = 150
_SECTION_MOST: Final = 3_000
_FIELD_MOST: Final = 2_000
_FIELDS_MOST: Final = 10
_MESSAGE_MOST: Final = 11_500
# Above 40,000 Slack cuts a text itself.
_PLAIN_MOST: Final = 35_000
# Mattermost draws no blocks and takes 16,383.
_TEXT_MOST: Final = 15_000
_OUTPUT_MOST: Final = 2_000
_LINKED_MOST: Final = 20
_CHANGES_MOST: Final = 5

_MARKS: Final = {"critical": "🔴", "error": "🟠", "warning": "🟡", "info": "🔵"}


def message_of(alert: Alert) -> dict[str, Any]:
    """Return the message with blocks; `text` is what a notification and a host without blocks show."""
    return {
        "text": _cut(_escape(f"{_mark(alert)} {alert['subject']}\n{alert['text']}"), _TEXT_MOST),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": _within_bounds(list(_blocks(alert)), alert),
    }


def plain_message_of(alert: Alert) -> dict[str, Any]:
    """Return the same without blocks."""
    blocks = list(_blocks(alert))[1:]
    parts = ["\n".join(text["text"].replace("*\n", "* ") for text in _texts(block)) for block in blocks]
    parts.insert(0, f"*{_escape(alert['subject'])}*")
    return {"text": _cut("\n\n".join(parts), _PLAIN_MOST), "unfurl_links": False, "unfurl_media": False}


def _blocks(alert: Alert) -> Iterator[Block]:
    about = alert["metadata"]
    heading = _cut(f"{_mark(alert)} {alert['subject']}", _HEADER_MOST)
    yield {"type": "header", "text": {"type": "plain_text", "text": heading, "emoji": False}}
    yield _section(_first_section(alert))
    if failed := about["failedRoute"]:
        since = _instant(failed["since"])
        yield _section(f"*Route {_escape(failed['name'])}* has not delivered since {since}: {_escape(failed['error'])}")
    if fields := _fields(about):
        yield {"type": "section", "fields": fields}
    if links := _links(about["links"]):
        yield _section(links)
    if run := about["run"]:
        yield from _run(run)
    if about["changes"]:
        yield _section("*Changed lately*\n" + "\n".join(_changes(about["changes"])))
    yield from _further(about["furtherIncidents"])
    marks = [about["requestId"], about["deliveryId"], about["route"]["name"]]
    told = " · ".join(f"{name} {_escape(mark)}" for name, mark in zip(_CONTEXT, marks, strict=True) if mark)
    yield {"type": "context", "elements": [_words(_cut(told, _FIELD_MOST))]}


_CONTEXT: Final = ("Request", "Delivery", "Route")


def _first_section(alert: Alert) -> str:
    """Return the first words and what to do; alerts that were composed by an earlier version don't say that."""
    about, words = alert["metadata"], _escape(_first_words(alert))
    to_do = about.get("whatToDo")
    if not to_do or about["brokenPromise"] is None:
        # Without a promise the words are the whole text, which says it.
        return words
    many = about["furtherIncidents"] and about["reason"] != "route_failure"
    return f"{words}\n*What to do{' about the gravest' if many else ''}*: {_escape(to_do)}"


def _first_words(alert: Alert) -> str:
    """Return what a reader must know at once: the broken promise, or what there is to say in its place."""
    about = alert["metadata"]
    words: str = about["brokenPromise"] or alert["text"]
    if about["reason"] == "resolved":
        words = f"It is over. {words}"
        if about["firstWord"]:
            words += "\nThis is the first word about it that reached this channel."
    elif about["state"] == "acknowledged":
        words += "\nSomebody has acknowledged it."
    return words


def _fields(about: dict[str, Any]) -> list[dict[str, Any]]:
    monitor, run, good = about["monitor"] or {}, about["run"] or {}, about["lastGoodSignal"]
    fields = {
        "Owner": _escape(monitor.get("owner") or ""),
        "Since": _instant(about["openedAt"]),
        "Last good signal": f"{_escape(good['type'])}, {_instant(good['receivedAt'])}" if good else "",
        "Ended": _instant(about["resolvedAt"]),
        "Lasted": _span(about["durationSeconds"]),
        "Times": str(about["occurrenceCount"]) if (about["occurrenceCount"] or 0) > 1 else "",
        "Environment": _escape(run.get("environment") or monitor.get("environment") or ""),
        "Host": _escape(run.get("host") or ""),
        "Deploy": _escape(run.get("deploySha") or ""),
        "Promise": _escape(monitor.get("promise") or ""),
    }
    shown = [_words(_cut(f"*{name}*\n{value}", _FIELD_MOST)) for name, value in fields.items() if value]
    return shown[:_FIELDS_MOST]


def _links(links: dict[str, str | None]) -> str:
    names = {"incident": "Open the incident", "packet": "Evidence packet", "runbook": "Runbook"}
    return " · ".join(_link(url, names[key]) for key in names if (url := links[key]))


def _run(run: dict[str, Any]) -> Iterator[Block]:
    ended = run["state"] or ""
    if run["exitCode"] is not None:
        ended += f", exit code {run['exitCode']}"
    name = _escape(run["externalRunId"] or run["id"])
    summary = f"\n{_escape(run['summary'])}" if run["summary"] else ""
    yield _section(f"*Run {name}*: {_escape(ended)}{summary}")
    if output := (run["outputTail"] or "").strip("\n"):
        # The end is what says why. A fence within would end ours.
        tail = _escape(output[-_OUTPUT_MOST:].replace("```", "'''"))
        yield _section(f"```{_cut_front(tail, _SECTION_MOST - 6)}```")


def _changes(changes: list[dict[str, Any]]) -> Iterator[str]:
    for change in changes[:_CHANGES_MOST]:
        yield f"• {_instant(change['at'])}: {_escape(change['actor'] or '')} {_escape(change['what'])}"
    if (more := len(changes) - _CHANGES_MOST) > 0:
        yield f"• and {more} more, in the evidence packet"


def _further(incidents: list[dict[str, Any]]) -> Iterator[Block]:
    """List the further incidents, all of them, in as many sections as they need."""
    if not incidents:
        return
    text = f"*And {len(incidents)} more*"
    linked = len(incidents) <= _LINKED_MOST
    for line in _further_lines(incidents, linked=linked):
        if len(text) + len(line) + 1 > _SECTION_MOST:
            yield _section(text)
            text = line
        else:
            text += f"\n{line}"
    yield _section(text)


def _further_lines(incidents: Iterable[dict[str, Any]], *, linked: bool) -> Iterator[str]:
    for incident in incidents:
        resolved = incident["state"] == "resolved"
        mark = "✅" if resolved else _MARKS.get(incident["severity"], "⚪")
        name = _cut(incident["monitorName"] or incident["subject"], 100)
        shown = _link(incident["url"], name) if linked and incident["url"] else _escape(name)
        yield f"{mark} {shown}: {'resolved' if resolved else _escape(incident['kind'] or '')}"


def _within_bounds(blocks: list[Block], alert: Alert) -> list[Block]:
    """Leave out the last sections before the context where a message would be too large, and say so."""
    kept, context = blocks[:-1], blocks[-1]
    dropped = False
    while len(kept) > 1 and (len(kept) + 2 > _BLOCKS_MOST or sum(map(_size, kept)) > _MESSAGE_MOST):
        kept.pop()
        dropped = True
    if dropped:
        where = alert["metadata"]["links"]["incident"]
        kept.append(_section(f"There is more: {_link(where, 'open the incident')}" if where else "There is more."))
    return [*kept, context]


def _size(block: Block) -> int:
    return sum(len(text["text"]) for text in _texts(block))


def _texts(block: Block) -> list[dict[str, Any]]:
    if "text" in block:
        return [block["text"]]
    texts: list[dict[str, Any]] = block.get("fields") or block["elements"]
    return texts


def _section(text: str) -> Block:
    return {"type": "section", "text": _words(_cut(text, _SECTION_MOST))}


def _words(text: str) -> dict[str, Any]:
    """Say a text in Slack's mark-up; `verbatim`: nothing in it becomes a mention by itself."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _mark(alert: Alert) -> str:
    about = alert["metadata"]
    if about["reason"] == "test":
        return "🧪"
    if about["reason"] == "resolved" or about["state"] == "resolved":
        return "✅"
    return _MARKS.get(about["severity"], "⚪")


def _escape(text: str) -> str:
    """Take away what mark-up would read as a link or a mention."""
    return call_no_room(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(url: str, name: str) -> str:
    target = url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return f"<{target}|{_escape(name.replace('|', '/'))}>"


def _instant(text: str | None) -> str:
    """Say an instant in each reader's own time zone; in UTC where that can't be told."""
    if text is None:
        return ""
    at = datetime.fromisoformat(text)
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time_secs}}|{at:%Y-%m-%d %H:%M:%S} UTC>"


def _span(seconds: int | None) -> str:
    if seconds is None:
        return ""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, parts)) or f"{rest} s"


def _cut(text: str, most: int) -> str:
    """Cut a text to so many characters; never within an escape, which would be shown as it stands."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    start = kept.rfind("&", len(kept) - 5)
    return (kept[:start] if start >= 0 and ";" not in kept[start:] else kept) + "…"


def _cut_front(text: str, most: int) -> str:
    """Keep the end of a text."""
    if len(text) <= most:
        return text
    kept = text[-(most - 1) :]
    end = kept.find(";", 0, 5)
    return "…" + (kept[end + 1 :] if end >= 0 and "&" not in kept[: end + 1] else kept)
