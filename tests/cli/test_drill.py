"""Which Luota a drill speaks to, and whose token it shows there."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from luota_svc.cli import CommandFailed, Exit, drill


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    facts = {"httpUrl": "http://127.0.0.1:1", "operatorToken": "wfop1.a.b", "workspaceId": "w"}
    (tmp_path / "dev.json").write_text(json.dumps(facts))
    return tmp_path


def refusal(state_dir: Path, url: str | None) -> CommandFailed:
    with pytest.raises(CommandFailed) as failed:
        drill.run(argparse.Namespace(state_dir=state_dir, url=url, workspace=None))
    return failed.value


def test_the_token_of_a_dev_is_shown_to_no_other_luota(state_dir, monkeypatch):
    monkeypatch.delenv("LUOTA_OPERATOR_TOKEN", raising=False)
    monkeypatch.setattr(drill.signal, "signal", lambda *_: None)
    other = refusal(state_dir, "http://127.0.0.2:1")
    assert ("LUOTA_OPERATOR_TOKEN" in str(other), other.code) == (True, Exit.CONFIGURATION)
    # Its own is asked, which nobody answers here.
    for url in (None, "http://127.0.0.1:1", "http://127.0.0.1:1/"):
        assert "can't be reached" in str(refusal(state_dir, url))
