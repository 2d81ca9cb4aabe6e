"""What is encrypted, each of its keys opens and no other; a change of a bit is noticed."""

from __future__ import annotations

import os

import pytest

from ispmig_pipelines.backup.cipher import (
    SCHEME,
    check_recipient,
    decrypt,
    encrypt,
    new_identity,
    recipient_of,
)
from ispmig_pipelines.errors import BackupDamaged, BackupKeyError, Damage

MINE, OTHER = new_identity(), new_identity()
DATA = os.urandom(200_000)


@pytest.mark.parametrize("data", [b"", b"x", DATA])
def test_each_key_opens_it_alone(data: bytes) -> None:
    closed = encrypt(data, [recipient_of(MINE), recipient_of(OTHER)])
    assert closed.startswith(SCHEME.encode())
    assert decrypt(closed, [MINE], "here") == data
    assert decrypt(closed, [new_identity(), OTHER], "here") == data


def test_another_key_does_not_and_is_told_so() -> None:
    closed = encrypt(DATA, [recipient_of(MINE)])
    with pytest.raises(BackupDamaged, match=r"^here/x is opened by none of the tenant's keys") as e:
        decrypt(closed, [OTHER], "here/x")
    assert e.value.damage is Damage.UNOPENED
    with pytest.raises(BackupDamaged):
        decrypt(closed, [], "here")


@pytest.mark.parametrize("place", [0, 25, 60, 150, 400, 70_000, -1])
def test_a_bit_that_flips_is_noticed(place: int) -> None:
    closed = bytearray(encrypt(DATA, [recipient_of(MINE)]))
    closed[place] ^= 1
    with pytest.raises(BackupDamaged) as e:
        decrypt(bytes(closed), [MINE], "here")
    assert e.value.damage in (Damage.ALTERED, Damage.UNOPENED)
    assert e.value.place == "here"


def test_what_is_cut_off_is_noticed_wherever() -> None:
    closed = encrypt(DATA, [recipient_of(MINE)])
    header = len(closed) - 16 - len(DATA) - 4 * 16  # a nonce, and a tag for each 64 KiB
    for length in (0, 10, header - 1, header, header + 16, header + 16 + 65552, len(closed) - 1):
        with pytest.raises(BackupDamaged, match="not as it was written") as e:
            decrypt(closed[:length], [MINE], "here")
        assert e.value.damage is Damage.ALTERED


def test_what_is_no_key_is_refused_and_not_repeated() -> None:
    for text in ("AGE-SECRET-KEY-1GEHEIM", "", "age1geheim", recipient_of(MINE)):
        with pytest.raises(BackupKeyError) as e:
            recipient_of(text)
        assert "geheim" not in str(e.value).lower()
    for text in (MINE, "", "age1x"):
        with pytest.raises(BackupKeyError) as e:
            check_recipient(text)
        assert MINE not in str(e.value)
    with pytest.raises(BackupKeyError):
        encrypt(DATA, [])
