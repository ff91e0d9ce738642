"""Encryption keys at the command line: dev keeps one of its own, and a rotation says what it did."""

from __future__ import annotations

import os
import stat

import psycopg
import pytest

from luota_svc.__main__ import main
from luota_svc.cli import CommandFailed
from luota_svc.cli.dev import _with_encryption_key
from luota_svc.settings import load
from luota_svc.store.vault import Vault

OLD, NEW = "A" * 43 + "=", "E" * 43 + "="
ROUTE = """
    INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                              fallback, after_seconds, enabled, state, created_at, updated_at)
    SELECT gen_random_uuid(), w.id, 'r', 'webhook', '{}', 'info', %s, '{}', sha256('x'), false, 0, true, 'proven',
           now(), now()
    FROM workspaces w
"""
WORKSPACE = """
    INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (gen_random_uuid(), 'w', 'W', now(), now())
"""


@pytest.fixture
def rotate(database_url, monkeypatch, capsys):
    for name in list(os.environ):
        if name.startswith("LUOTA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LUOTA_DATABASE_URL", database_url)

    def rotate(*keys: str) -> tuple[int, str, str]:
        monkeypatch.setenv("LUOTA_ENCRYPTION_KEYS", ",".join(keys))
        code = main(["rotate-encryption"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return rotate


def test_a_rotation_moves_everything_once_and_says_what_it_could_not(rotate, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(WORKSPACE)
        for _ in range(2):
            connection.execute(ROUTE, (Vault([OLD]).seal({"url": "https://a.example/hush"}),))
        assert rotate(NEW, OLD) == (0, "2 routes sealed with the first key; 0 routes had been before\n", "")
        assert rotate(NEW) == (0, "0 routes sealed with the first key; 2 routes had been before\n", "")
        connection.execute(ROUTE, (Vault([OLD]).seal({"url": "https://a.example/hush"}),))
        code, out, err = rotate(NEW)
    assert (code, out) == (1, "0 routes sealed with the first key; 2 routes had been before\n")
    assert err.startswith("luota-svc: 1 route can't be decrypted with any of these keys and will tell nobody: ")
    assert err.count("\n") == 1


def test_dev_makes_a_key_once_for_its_owner_alone_and_finds_it_again(tmp_path):
    path = tmp_path / "encryption.key"
    first = _with_encryption_key(load({}), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _with_encryption_key(load({}), path) == first
    assert Vault([first.encryption.keys[0].reveal()])
    path.unlink()
    assert _with_encryption_key(load({}), path) != first


def test_dev_takes_the_operators_keys_where_there_are_some(tmp_path):
    given = load({"LUOTA_ENCRYPTION_KEYS": NEW})
    assert _with_encryption_key(given, tmp_path / "encryption.key") is given
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["", "short", f"{NEW},{OLD}"])
def test_dev_never_replaces_a_key_that_it_cannot_read(tmp_path, damage):
    path = tmp_path / "encryption.key"
    path.write_text(damage)
    with pytest.raises(CommandFailed, match="must hold one key") as refused:
        _with_encryption_key(load({}), path)
    assert path.read_text() == damage
    assert NEW not in str(refused.value)
