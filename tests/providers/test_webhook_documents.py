"""The samples of docs/webhooks.md accept what the provider sends, by the new secret and the old, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.providers.email_alerts import DELIVERY, frozen, opened

from luota_svc.clock import RealClock
from luota_svc.model.deliveries import DeliveryReason, Dispatch
from luota_svc.providers.webhook import headers_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"
NEW, OLD, OTHER = "whsec_" + "bmV3" * 8, "the secret of yesterday", "somebody else's secret"
BODY = frozen(opened())


def sample(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    return found


def headers() -> dict[str, str]:
    now = RealClock().now()
    target = {"secret": NEW, "previousSecret": OLD, "previousSecretUntil": (now + timedelta(hours=1)).isoformat()}
    dispatch = Dispatch(UUID(DELIVERY), 1, DeliveryReason.OPENED, BODY, None, None, target)
    return {name.lower(): value for name, value in headers_of(dispatch, now).items()}


def cases() -> list[tuple[str, dict[str, str], bytes, bool]]:
    sent = headers()
    stale = {**sent, "x-luota-timestamp": "1700000000"}
    odd = [{**sent, "x-luota-timestamp": text} for text in ("", "²", "1" * 5_000, "-1", "1e9")]
    unsigned = {name: value for name, value in sent.items() if "luota" not in name}
    return [
        (NEW, sent, BODY, True),
        (OLD, sent, BODY, True),
        (OTHER, sent, BODY, False),
        (NEW, sent, BODY + b" ", False),
        (NEW, stale, BODY, False),
        (NEW, unsigned, BODY, False),
        *((NEW, strange, BODY, False) for strange in odd),
    ]


def test_the_python_sample_verifies():
    names: dict = {}
    exec(sample("python"), names)
    for secret, sent, body, good in cases():
        assert names["verified"](secret, sent, body) is good


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here")
def test_the_node_sample_verifies():
    asked = [[secret, sent, body.decode(), good] for secret, sent, body, good in cases()]
    program = sample("js") + (
        'const asked = JSON.parse(require("node:fs").readFileSync(0));\n'
        "console.log(JSON.stringify(asked.map(([s, h, b]) => verified(s, h, Buffer.from(b)))));\n"
    )
    ran = subprocess.run(["node", "-e", program], input=json.dumps(asked).encode(), capture_output=True, check=True)
    assert json.loads(ran.stdout) == [good for *_, good in asked]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_the_shell_sample_prints_the_signature(tmp_path: Path):
    sent = headers()
    (tmp_path / "body.json").write_bytes(BODY)
    environment = {**os.environ, "TIMESTAMP": sent["x-luota-timestamp"], "SECRET": NEW}
    ran = subprocess.run(["sh", "-c", sample("sh")], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert "sha256=" + ran.stdout.decode().strip() == sent["x-luota-signature"]
