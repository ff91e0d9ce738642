"""docs/settings.md, written from the table: `python -m luota_svc.settings > docs/settings.md`."""

from __future__ import annotations

from luota_svc.settings.table import SETTINGS, Setting

_HEAD = """\
# Settings

Luota reads its settings from the environment, once, at start. `luota-svc check-config` shows what came of them and
names every problem at once. Where two variables stand in a line, set one of them: the one that ends in `_FILE` names a
file that holds the value. An empty value is as good as none. OpenTelemetry's own `OTEL_*` variables are honoured and
have no twins here.

| variable | value | default | meaning |
| --- | --- | --- | --- |
"""
_FOOT = """
This page is generated from `src/luota_svc/settings/table.py`; a test keeps the two equal.
"""


def settings_markdown() -> str:
    """Return the text of docs/settings.md."""
    return _HEAD + "".join(map(_row, SETTINGS)) + _FOOT


def _row(setting: Setting) -> str:
    variables = ", ".join(f"`{name}`" for name in setting.variables)
    default = f"`{setting.default}`" if setting.default else "none"
    return f"| {variables} | {setting.kind} | {default} | {setting.doc} |\n"
