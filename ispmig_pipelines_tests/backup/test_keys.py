"""A tenant's key: made once, for its owner only, rotated without a loss, destroyed for good."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ispmig_pipelines.backup import keys
from ispmig_pipelines.backup.cipher import decrypt, encrypt, new_identity, recipient_of
from ispmig_pipelines.errors import BackupKeyError, TenantError, UsageError
from ispmig_pipelines.settings import settings

MODE = stat.S_IMODE


def say(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    settings.cache_clear()


def file_of(home: Path, name: str = "acme") -> Path:
    return home / "keys" / "backup" / f"{name}.key"


def test_a_key_is_made_once_and_stays(home: Path) -> None:
    with pytest.raises(BackupKeyError, match="no backup key of acme"):
        keys.load("acme")
    assert not home.exists()
    made = keys.load_or_create("acme")
    assert keys.load_or_create("acme") == keys.create("acme") == keys.load("acme") == made
    other = keys.create("other")
    assert made.repository == f"acme-{made.id}"
    assert len({made.id, other.id}) == len({made.hash_key, other.hash_key}) == 2
    assert made.identities[0] != other.identities[0]
    assert made.derived("piece") != made.derived("file")
    assert made.manifest_key != made.hash_key


def test_only_its_owner_can_read_it_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        keys.create("acme")
    finally:
        os.umask(before)
    assert MODE(file_of(home).stat().st_mode) == 0o600
    assert MODE(file_of(home).parent.stat().st_mode) == 0o700
    assert MODE((home / "keys").stat().st_mode) == 0o700


def test_a_key_that_others_can_get_at_is_refused(home: Path) -> None:
    keys.create("acme")
    file_of(home).chmod(0o640)
    with pytest.raises(UsageError, match=r"mode 640.*chmod 600"):
        keys.load("acme")
    file_of(home).chmod(0o600)
    file_of(home).parent.chmod(0o755)
    with pytest.raises(UsageError, match=r"mode 755.*chmod 700"):
        keys.load_or_create("acme")


@pytest.mark.slow
def test_two_processes_at_once_get_the_same_key(home: Path) -> None:
    program = "from ispmig_pipelines.backup import keys; print(keys.load_or_create('acme').id)"
    environment = {**os.environ, "ISPMIG_HOME": str(home)}
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    said = {process.communicate()[0] for process in started}
    assert said == {f"{keys.load('acme').id}\n".encode()}
    assert not list(file_of(home).parent.glob(".part-*"))


def test_the_file_is_one_that_age_takes(home: Path) -> None:
    keys.create("acme")
    keys.rotate("acme")
    # age -i: lines with # are comments, every other is a private key.
    lines = file_of(home).read_text().splitlines()
    identities = [line for line in lines if not line.startswith("#")]
    assert tuple(identities) == keys.load("acme").identities
    assert len(identities) == 2
    assert lines[0] == "# ispmig backup key 1"


def test_after_a_rotation_the_new_key_encrypts_and_the_old_still_opens(home: Path) -> None:
    old = keys.create("acme")
    before = encrypt(b"x", old.recipients)
    new = keys.rotate("acme")
    assert new.identities[1:] == old.identities
    assert (new.id, new.hash_key, new.manifest_key) == (old.id, old.hash_key, old.manifest_key)
    assert decrypt(before, new.identities, "") == b"x"
    after = encrypt(b"y", new.recipients)
    assert decrypt(after, new.identities[:1], "") == b"y"
    with pytest.raises(Exception, match="none of the tenant's keys"):
        decrypt(after, old.identities, "")


def test_no_key_is_in_a_text_or_a_pickle(home: Path) -> None:
    key = keys.create("acme")
    for secret in (key.identities[0], key.hash_key.hex(), key.manifest_key.hex()):
        assert secret not in repr(key)
        assert secret in key.text()
    assert repr(key.hash_key) not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_the_text_of_a_key_can_be_kept_elsewhere_and_put_back(home: Path) -> None:
    key = keys.create("acme")
    text = key.text()
    with pytest.raises(BackupKeyError, match="this very key"):
        keys.keep(text)
    file_of(home).unlink()
    assert keys.keep(text) == key
    assert MODE(file_of(home).stat().st_mode) == 0o600
    file_of(home).unlink()
    other = keys.create("acme")
    assert keys.keep(text).id == key.id  # aside: the tenant has another one by now
    assert keys.load("acme") == other
    assert [k.id for k in keys.list_all("acme")] == [other.id, key.id]


def test_a_key_comes_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.generate("north-valley")
    assert keys.variable_of("north-valley") == "ISPMIG_BACKUP_KEY_OF_NORTH_VALLEY"
    for text in (key.text(), key.text().replace("\n", "\\n")):
        monkeypatch.setenv("ISPMIG_BACKUP_KEY_OF_NORTH_VALLEY", text)
        assert keys.load_or_create("north-valley") == key
    assert not home.exists()
    with pytest.raises(BackupKeyError, match="holds the backup key of north-valley"):
        keys.load("north_valley")
    for refused in (keys.create, keys.rotate, keys.shred):
        with pytest.raises(BackupKeyError, match="comes from ISPMIG_BACKUP_KEY_OF_NORTH_VALLEY"):
            refused("north-valley")
    assert keys.set_aside("north-valley") is None


def script(home: Path, text: str) -> str:
    home.mkdir(exist_ok=True)
    path = home / "a key's command.py"
    path.write_text(f"import sys, time, os, pathlib\n{text}\n")
    return f'{sys.executable} "{path}" --of'


def test_a_key_comes_from_a_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.generate("acme")
    vault = home / "vault"
    home.mkdir()
    vault.write_text(key.text())
    program = f"assert sys.argv[1:] == ['--of', 'acme']; print(open({str(vault)!r}).read())"
    say(monkeypatch, "ISPMIG_BACKUP_KEY_COMMAND", script(home, program))
    assert keys.load_or_create("acme") == key
    assert not (home / "keys").exists()
    with pytest.raises(BackupKeyError, match=r"destroyed there"):
        keys.shred("acme")
    vault.write_text(keys.generate("other").text())
    with pytest.raises(BackupKeyError, match="holds the backup key of other"):
        keys.load("acme")


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('GEHEIM'); sys.stderr.write('GEHEIM'); sys.exit(7)", "ended with 7 for acme"),
        ("print('GEHEIM')", "no usable backup key: its first line"),
        ("", "no usable backup key"),
        ("sys.stdout.buffer.write(b'\\xff' * 100)", "no usable backup key"),
        ("print('AGE-SECRET-KEY-1GEHEIM\\n' * 200000)", "no usable backup key"),
    ],
)
def test_a_command_that_fails_is_told_without_what_it_says(
    home: Path, monkeypatch: pytest.MonkeyPatch, program: str, told: str
) -> None:
    say(monkeypatch, "ISPMIG_BACKUP_KEY_COMMAND", script(home, program))
    with pytest.raises(BackupKeyError, match=told) as failed:
        keys.load_or_create("acme")
    assert "GEHEIM" not in str(failed.value)
    assert not (home / "keys").exists()  # it is not gone on without it


@pytest.mark.slow
def test_a_command_that_hangs_is_ended_with_all_it_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = home / "child"
    program = (
        "pid = os.fork()\n"
        f"pathlib.Path({str(child)!r}).write_text(str(pid)) if pid else None\n"
        "time.sleep(600)"
    )
    say(monkeypatch, "ISPMIG_BACKUP_KEY_COMMAND", script(home, program))
    monkeypatch.setenv("ISPMIG_BACKUP_KEY_SECONDS", "2")
    settings.cache_clear()
    with pytest.raises(BackupKeyError, match="within 2 seconds"):
        keys.load("acme")
    status = Path(f"/proc/{child.read_text()}/stat")
    deadline = time.monotonic() + 20
    while status.exists() and status.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("command", ["/nowhere/at-all", "'not closed", "/"])
def test_a_command_that_is_none_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    say(monkeypatch, "ISPMIG_BACKUP_KEY_COMMAND", command)
    with pytest.raises(BackupKeyError, match="ISPMIG_BACKUP_KEY_COMMAND"):
        keys.load("acme")


def test_no_shell_reads_the_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = home / "mark"
    home.mkdir()
    say(monkeypatch, "ISPMIG_BACKUP_KEY_COMMAND", f"/bin/echo x; touch {mark} #")
    with pytest.raises(BackupKeyError):
        keys.load("acme")
    assert not mark.exists()


GOOD = keys.TenantKeys(
    tenant="acme", id="0123456789abcdef", made=keys.dt.datetime(2026, 1, 2, tzinfo=keys.dt.UTC),
    identities=(new_identity(),), hash_key=b"h" * 32, manifest_key=b"m" * 32,
).text()  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("key 1", "key 2", "first line"),
        ("0123456789abcdef", "../../etc", "its id"),
        ("# hash key: 68", "# hash key: 6", "its hash key"),
        ("# manifest key:", "# other:", "its manifest key"),
        ("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1A", "age could use"),
        ("AGE-SECRET-KEY-1", "#AGE-SECRET-KEY-1", "no private key"),
        ("2026-01-02", "2026-02-31", "its date"),
        ("+00:00", "", "time zone"),
        ("# tenant: acme\n", "# tenant: acme\n# recovery: age1x\n", "age could use"),
    ],
)
def test_a_damaged_key_is_told_without_its_content(
    home: Path, old: str, new: str, told: str
) -> None:
    keys.create("acme")
    assert old in GOOD
    file_of(home).write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BackupKeyError, match=told) as failed:
        keys.load("acme")
    assert str(file_of(home)) in str(failed.value)
    assert "6868" not in str(failed.value)
    assert GOOD.splitlines()[-1][16:] not in str(failed.value)


def test_a_slug_that_leads_elsewhere_is_refused(home: Path) -> None:
    for asked in (keys.load, keys.create, keys.shred, keys.list_all, keys.rotate, keys.set_aside):
        with pytest.raises(TenantError):
            asked("../acme")
    keys.create("acme")
    with pytest.raises(BackupKeyError):
        keys.load("acme", "../../acme")


def test_a_tenant_made_anew_does_not_mix_with_the_former_one(home: Path) -> None:
    former = keys.create("acme")
    keys.create("acme-2")
    aside = keys.set_aside("acme")
    assert aside is not None
    assert aside.name == f"acme.{former.id}.key"
    assert keys.set_aside("acme") is None
    now = keys.create("acme")
    assert now.repository != former.repository
    assert keys.load("acme") == now
    assert keys.load("acme", former.id) == former
    assert keys.load("acme", now.id) == now
    with pytest.raises(BackupKeyError, match="Bring back the key"):
        keys.load("acme", "0" * 16)


def test_recovery_keys_can_open_what_is_encrypted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = new_identity(), new_identity()
    before = keys.create("acme")
    say(monkeypatch, keys.RECOVERY, f" {recipient_of(one)}, {recipient_of(two)}\n")
    now = keys.load("acme")
    assert len(before.recipients) == 1
    assert now.recipients[1:] == (recipient_of(one), recipient_of(two))
    closed = encrypt(b"x", now.recipients)
    assert decrypt(closed, [one], "") == decrypt(closed, [two], "") == b"x"
    for wrong, told in ((one, "private key"), ("age1nonsense", "cannot be used")):
        say(monkeypatch, keys.RECOVERY, wrong)
        with pytest.raises(BackupKeyError, match=told) as failed:
            keys.load("acme")
        assert wrong not in str(failed.value)


def test_shredding_destroys_every_key_and_tells_what_remains(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery = new_identity()
    keys.create("acme")
    keys.set_aside("acme")
    say(monkeypatch, keys.RECOVERY, recipient_of(recovery))
    key = keys.rotate(keys.create("acme").tenant)
    keys.remember_recovery(key)
    say(monkeypatch, keys.RECOVERY, "")
    other = keys.create("acme-2")
    part = file_of(home).with_name(".part-acme.killed")
    part.write_text(key.text())
    files = [p for p in file_of(home).parent.iterdir() if p.name.split(".")[0] == "acme"]
    assert len(files) == 2
    # A second name for the same bytes on the disk shows what was done to them.
    seen = home / "seen"
    os.link(file_of(home), seen)
    gone = keys.shred("acme")
    assert seen.read_bytes() == b""
    assert set(gone.files) == {*files, part}
    assert not any(p.exists() for p in gone.files)
    assert len(gone.ids) == 2
    assert key.id in gone.ids
    assert recipient_of(recovery) in gone.remains[0]  # it could once, though it is not set now
    assert any("Copies of" in told for told in gone.remains)
    assert keys.load("acme-2") == other
    for asked in (keys.load, keys.shred, keys.rotate):
        with pytest.raises(BackupKeyError, match="no backup key of acme"):
            asked("acme")
    assert keys.list_all("acme") == []


def test_an_unusable_key_is_destroyed_all_the_same(home: Path) -> None:
    keys.create("acme")
    file_of(home).write_text("AGE-SECRET-KEY-1 and more")
    file_of(home).chmod(0o644)
    assert keys.shred("acme").files == (file_of(home),)
    assert not file_of(home).exists()


def test_bytes_are_overwritten_before_they_are_given_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.create("acme")
    text = file_of(home).read_bytes()
    on_disk = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            on_disk.append(os.pread(descriptor, 10_000, 0))

    monkeypatch.setattr(os, "fsync", fsync)
    keys.shred("acme")
    *overwritten, emptied = on_disk
    assert len(overwritten) == 2
    assert all(len(b) == len(text) and b"AGE-SECRET" not in b for b in overwritten)
    assert emptied == b""
