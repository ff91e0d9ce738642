"""What is sealed is opened by any key that is given, shows nothing, and moves to the first key when asked."""

import pytest
from cryptography.fernet import Fernet

from luota_svc.store.vault import CannotOpen, Vault

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
TARGET = {"url": "https://hooks.example/T0/B0/hush-hush", "secret": "geheim-ä-秘密", "to": ["a@example.org"]}


def test_what_is_sealed_is_opened_as_it_was():
    vault = Vault([NEW])
    assert vault.open(vault.seal(TARGET)) == TARGET
    assert vault.open(vault.seal({})) == {}


def test_the_first_key_seals_and_every_key_opens():
    sealed_before = Vault([OLD]).seal(TARGET)
    both = Vault([NEW, OLD])
    assert both.open(sealed_before) == TARGET
    assert Vault([NEW]).open(both.seal(TARGET)) == TARGET
    with pytest.raises(CannotOpen):
        Vault([OLD]).open(both.seal(TARGET))


def test_two_seals_of_one_target_differ_and_show_nothing_of_it():
    vault = Vault([NEW])
    first, second = vault.seal(TARGET), vault.seal(TARGET)
    assert first != second
    for word in (b"hush-hush", b"hooks.example", b"a@example.org"):
        assert word not in first
    assert NEW not in repr(vault)


@pytest.mark.parametrize("damaged", [b"", b"plain", b"\x00\xff", Vault([OTHER]).seal(TARGET)])
def test_what_no_key_opens_says_so_and_nothing_else(damaged):
    with pytest.raises(CannotOpen, match="its secret can't be decrypted: ") as refused:
        Vault([NEW, OLD]).open(damaged)
    assert refused.value.__cause__ is None
    with pytest.raises(CannotOpen):
        Vault([NEW, OLD]).reseal(damaged)


def test_changed_bytes_are_not_opened():
    vault = Vault([NEW])
    sealed = bytearray(vault.seal(TARGET))
    sealed[20] ^= 1
    with pytest.raises(CannotOpen):
        vault.open(bytes(sealed))


def test_resealing_moves_to_the_first_key_once():
    sealed = Vault([OLD]).seal(TARGET)
    both = Vault([NEW, OLD])
    moved = both.reseal(sealed)
    assert moved is not None
    assert Vault([NEW]).open(moved) == TARGET
    assert both.reseal(moved) is None


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "not base64 of 32 bytes"]])
def test_a_vault_without_good_keys_is_refused(keys):
    with pytest.raises(ValueError):  # noqa: PT011 - the library's own words
        Vault(keys)
