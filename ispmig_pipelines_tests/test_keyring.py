"""The key that signs: made once, read by nobody else, rotated without losing what it proved."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ispmig_pipelines import keyring
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.settings import settings


def pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(keyring.VARIABLE, raising=False)
    settings.cache_clear()
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def said(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(keyring.VARIABLE, text)
    settings.cache_clear()


def test_a_key_is_made_when_it_is_needed_and_stays(home: Path) -> None:
    assert keyring.trusted() == {}
    assert not home.exists()
    made = keyring.signing_key()
    assert keyring.signing_key().public == made.public
    assert list(keyring.trusted()) == [made.public.id]
    assert made.public.proves(made.sign(b"x"), b"x")
    assert not made.public.proves(made.sign(b"x"), b"y")
    assert not made.public.proves(b"", b"x")


def test_only_its_owner_can_read_it_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        keyring.signing_key()
    finally:
        os.umask(before)
    folder = home / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    assert not [p for p in folder.iterdir() if p.name.startswith(".part")]


def test_it_is_refused_when_others_can_read_it(home: Path) -> None:
    keyring.signing_key()
    (home / "keys" / keyring.PRIVATE).chmod(0o640)
    with pytest.raises(UsageError, match=r"mode 640.*chmod 600"):
        keyring.signing_key()


@pytest.mark.slow
def test_processes_that_begin_at_once_have_the_same_one(home: Path) -> None:
    code = (
        "import sys; from ispmig_pipelines.keyring import signing_key; sys.stdin.read(1); "
        "print(signing_key().public.id)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(10)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("g")
        process.stdin.close()
    ids = {process.stdout.read().strip() for process in processes if process.stdout}
    assert all(process.wait() == 0 for process in processes)
    assert ids == {keyring.signing_key().public.id}
    assert list(keyring.trusted()) == list(ids)


def test_after_a_rotation_another_signs_and_the_old_one_stays_trusted(home: Path) -> None:
    first = keyring.signing_key()
    old, new = keyring.rotate()
    assert old == first.public
    assert keyring.signing_key().public == new != old
    assert set(keyring.trusted()) == {old.id, new.id}
    assert keyring.trusted()[old.id].proves(first.sign(b"x"), b"x")
    assert len([p for p in (home / "keys").iterdir() if p.suffix == ".pem"]) == 1


def test_its_id_is_of_its_raw_bytes_and_its_public_half_is_read_back(
    home: Path, tmp_path: Path
) -> None:
    public = keyring.signing_key().public
    assert len(public.raw) == 32
    assert len(public.id) == 16
    file = tmp_path / "key.pem"
    file.write_text(public.pem)
    assert keyring.read_public(file) == public
    assert keyring.read_public(home / "keys" / f"{public.id}.pub") == public


@pytest.mark.parametrize("how", ["text", "one line", "file"])
def test_it_may_come_from_the_environment(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    text = pem(Ed25519PrivateKey.generate())
    file = tmp_path / "given.pem"
    file.write_text(text)
    ways = {"text": text, "one line": text.replace("\n", "\\n"), "file": str(file)}
    said(monkeypatch, ways[how])
    key = keyring.signing_key()
    assert "PRIVATE" not in repr(key)
    assert key.public.id in keyring.trusted()
    assert not (home / "keys" / keyring.PRIVATE).exists()
    with pytest.raises(UsageError, match="comes from ISPMIG_SIGNING_KEY"):
        keyring.rotate()
    # What signed once stays trusted when another is given.
    said(monkeypatch, pem(Ed25519PrivateKey.generate()))
    assert {key.public.id, keyring.signing_key().public.id} == set(keyring.trusted())


def test_a_home_that_cannot_be_written_to_needs_none_with_a_key_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "file/home"))
    settings.cache_clear()
    with pytest.raises(StorageError, match="cannot be kept"):
        keyring.signing_key()
    said(monkeypatch, pem(Ed25519PrivateKey.generate()))
    assert set(keyring.trusted()) == {keyring.signing_key().public.id}


def test_what_is_no_key_is_told_without_showing_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    for text, told in (
        ("/nowhere/key.pem", "cannot be read"),
        (str(tmp_path), "no private key of Ed25519"),
        (other, "no private key of Ed25519"),
        ("-----BEGIN PRIVATE KEY-----\nsecretsecret", "no private key of Ed25519"),
        (pem(Ed25519PrivateKey.generate(), b"word"), "has a password"),
    ):
        said(monkeypatch, text)
        with pytest.raises(UsageError, match=told) as found:
            keyring.signing_key()
        assert "secretsecret" not in str(found.value)
        assert text.splitlines()[-1] not in str(found.value) or text.startswith("/")


def test_a_private_key_is_not_taken_for_a_public_one(home: Path) -> None:
    keyring.signing_key()
    with pytest.raises(UsageError, match="keep it to yourself"):
        keyring.read_public(home / "keys" / keyring.PRIVATE)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_what_is_no_public_key_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.pem"
    file.write_text(text)
    with pytest.raises(UsageError, match="no public key of Ed25519"):
        keyring.read_public(file)
