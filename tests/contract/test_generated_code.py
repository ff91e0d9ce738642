"""gen/ is what proto/ says, and the check that says so can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def check(gen: Path) -> subprocess.CompletedProcess[str]:
    """Run the check over one copy of the generated code."""
    command = [sys.executable, ROOT / "proto" / "generate.py", "--check", gen]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_generated_code_is_fresh() -> None:
    outcome = check(ROOT / "gen")

    assert outcome.returncode == 0, outcome.stderr


def test_generated_code_that_was_edited_by_hand_is_found(tmp_path: Path) -> None:
    gen = shutil.copytree(ROOT / "gen", tmp_path / "gen")
    module = gen / "luota" / "v1" / "runs_pb2.py"
    module.write_text(module.read_text() + "\n")

    outcome = check(gen)

    assert outcome.returncode == 1
    assert "luota/v1/runs_pb2.py" in outcome.stderr
