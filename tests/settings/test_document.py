"""docs/settings.md says what the table says, and the table what the groups hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from luota_svc.settings import load, settings_markdown
from luota_svc.settings.table import SETTINGS

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_document_is_what_the_table_says():
    assert DOCUMENT.read_text() == settings_markdown(), "run: python -m luota_svc.settings > docs/settings.md"


def test_every_field_of_every_group_is_declared_once():
    settings = load({})
    fields = [
        (group.name, field.name)
        for group in dataclasses.fields(settings)
        if dataclasses.is_dataclass(getattr(settings, group.name))
        for field in dataclasses.fields(getattr(settings, group.name))
    ]
    assert sorted(fields) == sorted((setting.group, setting.field) for setting in SETTINGS)
    assert len({name for setting in SETTINGS for name in setting.variables}) == sum(
        len(setting.variables) for setting in SETTINGS
    )
