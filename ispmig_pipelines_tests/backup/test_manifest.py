"""A manifest is proved: who wrote it, that it is whole, and that it lies under its own name."""

from __future__ import annotations

import datetime as dt
import gzip
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.backup import keys, manifest
from ispmig_pipelines.backup.cipher import decrypt, encrypt, new_identity
from ispmig_pipelines.backup.manifest import (
    Column,
    FilePart,
    Manifest,
    Overlay,
    PieceRef,
    StoredFile,
    Table,
    instant_of,
    new_name,
)
from ispmig_pipelines.errors import BackupDamaged, BackupError, Damage

INSTANT = dt.datetime(2026, 11, 22, 10, 31, 7, 123456, dt.UTC)
NAME = "20261122T103107.123456Z-5f0c9a1e"


@pytest.fixture
def key(home: Path) -> keys.TenantKeys:
    return keys.create("acme")


def ref(digit: str, rows: int = 3) -> PieceRef:
    return PieceRef(hash=digit * 64, rows=rows, bytes=10, raw=20, first=("a",), last=(None,))


def snapshot(key: keys.TenantKeys, **changed: Any) -> Manifest:
    table = Table(
        name="customer",
        columns=(Column(name="id", type="text", piece_type="string", nullable=False),),
        key=("id",),
        rows=5,
        pieces=(ref("a"), ref("b")),
        overlays=(Overlay(upserts=(ref("c"),), deletes=(ref("d"),)),),
        definition={"constraints": ["Zoë", None, 1]},
    )
    file = StoredFile(
        path="a/b.pdf", size=7, modified="2026-01-01T00:00:00+00:00",
        parts=(FilePart(hash="e" * 64, bytes=9, raw=7),),
    )  # fmt: skip
    values: dict[str, Any] = {
        "repository": key.repository, "tenant": key.tenant, "snapshot": NAME, "instant": INSTANT,
        "kind": "full", "tables": (table,), "files": (file,), "totals": {"balance": "-1.50"},
    }  # fmt: skip
    return Manifest(**(values | changed))


def test_what_is_written_is_read(key: keys.TenantKeys) -> None:
    made = snapshot(key)
    assert manifest.read(manifest.write(made, key), key, NAME, "here") == made
    assert made.piece_hashes() == {digit * 64 for digit in "abcd"}
    assert made.file_hashes() == {"e" * 64}
    assert made.table("customer") == made.tables[0]
    assert made.table("invoice") is None


def test_it_is_canonical_json_packed_with_gzip(key: keys.TenantKeys) -> None:
    text = gzip.decompress(decrypt(manifest.write(snapshot(key), key), key.identities, ""))
    content = json.loads(text)
    mac = content.pop("mac")
    body = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert text == body[:-1] + f',"mac":"{mac}"}}'.encode()
    whole = b"ispmig manifest 1\n" + body
    assert mac == hmac.new(key.manifest_key, whole, "sha256").hexdigest()
    assert content["instant"] == "2026-11-22T10:31:07.123456Z"


def read(data: bytes, key: keys.TenantKeys, name: str = NAME) -> BackupDamaged:
    with pytest.raises(BackupDamaged) as refused:
        manifest.read(data, key, name, "at/its/place")
    assert refused.value.place == "at/its/place"
    assert str(refused.value).startswith("at/its/place ")
    assert "\n" not in str(refused.value)
    return refused.value


def forged(key: keys.TenantKeys, change: Callable[[bytes], bytes]) -> bytes:
    """By somebody who knows the public key, and has read the manifest besides."""
    text = gzip.decompress(decrypt(manifest.write(snapshot(key), key), key.identities, ""))
    return encrypt(gzip.compress(change(text)), key.recipients)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"rows":5', b'"rows":6'),
        lambda text: text.replace(b"aaaaaaaa", b"bbbbbbbb"),
        lambda text: text[:-3] + (b"0" if text[-3:-2] != b"0" else b"1") + text[-2:],
        lambda text: text[:-76] + b"}",
        lambda text: text[:-1],
        lambda text: text + b"\n",
        lambda text: text[: len(text) // 2],
        lambda text: b'{"mac":"' + b"0" * 64 + b'"}',
        lambda text: b"not json",
    ],
)
def test_a_forged_one_is_refused(key: keys.TenantKeys, change: Callable[[bytes], bytes]) -> None:
    error = read(forged(key, change), key)
    assert error.damage is Damage.FORGED
    assert "key of tenant acme" in str(error)


def test_what_is_no_manifest_is_refused(
    key: keys.TenantKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (b"", b"plain", gzip.compress(b""), gzip.compress(b"x" * 999)[:-9]):
        assert read(encrypt(content, key.recipients), key).damage is Damage.FORGED
    monkeypatch.setattr(manifest, "MAX_BYTES", 1 << 20)
    bomb = encrypt(gzip.compress(bytes(1 << 24)), key.recipients)
    assert "holds no manifest" in str(read(bomb, key))


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_every_bit_counts(place: int, bit: int) -> None:
    key = THEIRS
    data = bytearray(WRITTEN)
    data[place % len(data)] ^= 1 << bit
    assert read(bytes(data), key).damage in (Damage.ALTERED, Damage.UNOPENED)


def test_one_that_is_cut_off_is_refused(key: keys.TenantKeys) -> None:
    data = manifest.write(snapshot(key), key)
    for length in (0, 1, 100, len(data) // 2, len(data) - 1):
        assert read(data[:length], key).damage in (Damage.ALTERED, Damage.UNOPENED)


def test_one_under_another_name_is_refused(key: keys.TenantKeys) -> None:
    data = manifest.write(snapshot(key), key)
    error = read(data, key, "20261122T103107.123456Z-ffffffff")
    assert error.damage is Damage.SWAPPED
    assert f"manifest of snapshot {NAME}" in str(error)


def test_one_of_another_tenant_is_refused(key: keys.TenantKeys) -> None:
    other = keys.create("other")
    data = manifest.write(snapshot(other), other)
    assert read(data, key).damage is Damage.UNOPENED
    # Were the keys of two tenants the same by mistake, names would still tell.
    same = replace(key, tenant="other", id=other.id)
    assert read(manifest.write(snapshot(same), same), key).damage is Damage.SWAPPED
    # Who has a tenant's private key, and not the key of its manifests, forges none either.
    thief = replace(key, manifest_key=b"?" * 32)
    assert read(manifest.write(snapshot(key), thief), key).damage is Damage.FORGED


def signed(key: keys.TenantKeys, content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    mac = hmac.new(key.manifest_key, b"ispmig manifest 1\n" + body, "sha256").hexdigest()
    text = body[:-1] + f',"mac":"{mac}"}}'.encode()
    return encrypt(gzip.compress(text), key.recipients)


def test_one_of_a_newer_release_is_told_as_such(key: keys.TenantKeys) -> None:
    content = snapshot(key).model_dump(mode="json")
    assert manifest.read(signed(key, content), key, NAME, "") == snapshot(key)
    with pytest.raises(BackupError, match=r"format 2.*newer"):
        manifest.read(signed(key, content | {"format": 2}), key, NAME, "here")
    content["tables"][0]["pieces"][0]["hash"] = "../../etc/passwd"
    with pytest.raises(BackupError, match=r"cannot read it: tables\.0\.pieces\.0\.hash"):
        manifest.read(signed(key, content), key, NAME, "here")


def test_one_of_another_repository_is_not_written(key: keys.TenantKeys) -> None:
    earlier = new_name(INSTANT.replace(year=2025))
    for changed in ({"tenant": "other"}, {"repository": "acme-0"}, {"snapshot": earlier}):
        with pytest.raises(ValueError, match="another"):
            manifest.write(snapshot(key, **changed), key)
    with pytest.raises(ValueError, match="timezone"):
        snapshot(key, instant=dt.datetime(2026, 11, 22))


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(9999, 1, 1)))
def test_names_tell_the_instant_and_sort_by_it(instant: dt.datetime) -> None:
    instant = instant.replace(tzinfo=dt.UTC)
    name = new_name(instant)
    assert instant_of(name) == instant
    later = new_name(instant + dt.timedelta(microseconds=1))
    assert name < later
    assert name != new_name(instant)


def test_names_are_of_one_shape_only() -> None:
    assert instant_of(NAME) == INSTANT
    for text in ("", "latest", "../x", NAME + "\n", NAME.upper(), NAME[:-1], "2026" + "9" * 28):
        with pytest.raises(ValueError, match=r"name of a snapshot|does not match"):
            instant_of(text)


THEIRS = keys.TenantKeys(
    tenant="acme", id="0123456789abcdef", made=INSTANT,
    identities=(new_identity(),),
    hash_key=b"h" * 32, manifest_key=b"m" * 32,
)  # fmt: skip
WRITTEN = manifest.write(snapshot(THEIRS), THEIRS)
