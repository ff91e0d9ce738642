"""The import rule holds, and the check that says so can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(source: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package that stands under `source`."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", ROOT / ".importlinter"]
    environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT / 'gen'}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=source)


@pytest.mark.parametrize(
    ("room", "planted"),
    [
        ("rules/run_state.py", "import luota_svc.store.database"),
        ("rules/run_state.py", "import logging"),
        ("usecases/fold.py", "import psycopg"),
        ("usecases/fold.py", "from luota.v1 import runs_pb2"),
        ("store/ingest.py", "import luota_svc.rules.routing"),
        ("http_api/app.py", "import luota_svc.grpc_api.server"),
        ("http_api/app.py", "import luota_svc.usecases.ingest"),
        ("core/ingest.py", "import luota_svc.settings"),
        ("telemetry/logs.py", "import luota_svc.clock"),
        ("web/inbox.py", "import luota_svc.usecases.inbox"),
        ("web/inbox.py", "import starlette"),
        ("web/inbox.py", "import luota_svc.http_api.app"),
        ("utils/__init__.py", ""),
    ],
)
def test_a_planted_import_against_the_rule_is_refused(tmp_path: Path, room: str, planted: str) -> None:
    shutil.copytree(ROOT / "src" / "luota_svc", tmp_path / "luota_svc", ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path / "luota_svc" / room
    target.parent.mkdir(exist_ok=True)
    target.write_text((target.read_text() if target.exists() else "") + f"\n{planted}\n")

    outcome = lint_imports(tmp_path)

    assert outcome.returncode == 1, outcome.stdout + outcome.stderr


def test_the_imports_of_the_service_are_legal() -> None:
    outcome = lint_imports(ROOT / "src")

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
