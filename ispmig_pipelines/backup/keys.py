"""The key of a tenant's backups: one file, which the ``age`` tool reads too.

::

    # ispmig backup key 1
    # tenant: acme
    # id: 5f0c9a1e77d24b36
    # made: 2026-11-22T10:31:07+00:00
    # hash key: 64 hexadecimal digits
    # manifest key: 64 hexadecimal digits
    # recovery: age1…            (public keys that could open backups too, one a line)
    AGE-SECRET-KEY-1…            (new pieces are for this one)
    AGE-SECRET-KEY-1…            (what was used before a rotation)

Where it comes from, first found:

1. the variable ``ISPMIG_BACKUP_KEY_OF_ACME``: the text itself, ``\\n`` may stand for line ends;
2. the command in ``ISPMIG_BACKUP_KEY_COMMAND``, which is given the slug and prints the text;
3. ``keys/backup/acme.key`` in the home, for its owner only, made at first need.

The id is part of where backups lie, so that a tenant that is removed and made anew under the
same slug never mixes with the former one: its key is set aside, as ``acme.ID.key``.
"""

from __future__ import annotations

import datetime as dt
import hmac
import os
import re
import secrets
import shlex
import signal
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ispmig_pipelines.backup.cipher import check_recipient, new_identity, recipient_of
from ispmig_pipelines.errors import BackupKeyError, StorageError, UsageError
from ispmig_pipelines.platform.tenants import check_slug
from ispmig_pipelines.private_files import locked, sync_folder, write_key
from ispmig_pipelines.settings import settings

ENDING = ".key"
VARIABLE = "ISPMIG_BACKUP_KEY_OF_"
COMMAND = "ISPMIG_BACKUP_KEY_COMMAND"
RECOVERY = "ISPMIG_BACKUP_RECOVERY"

_FIRST_LINE = "# ispmig backup key 1"
_SECRET_BYTES = 32
_ID = re.compile(r"[0-9a-f]{16}")
_SECRET = re.compile(r"[0-9a-f]{64}")
_LONGEST = 1 << 20


@dataclass(frozen=True)
class TenantKeys:
    """What it takes to make and to open a tenant's backups. Neither ``repr`` nor pickling shows it.

    Attributes:
        id: 16 hexadecimal digits, random; stays through rotations.
        made: when, in UTC.
        identities: private keys of age, the newest first; any of them may open what is there.
        hash_key: names of pieces are made with it, and their borders.
        manifest_key: manifests are authenticated with it.
        recovery: public keys whose owners can open what is encrypted from now on.
        had_recovery: those that could open some of what was encrypted before, too.
    """

    tenant: str
    id: str
    made: dt.datetime
    identities: tuple[str, ...] = field(repr=False)
    hash_key: bytes = field(repr=False)
    manifest_key: bytes = field(repr=False)
    recovery: tuple[str, ...] = ()
    had_recovery: tuple[str, ...] = ()

    @property
    def repository(self) -> str:
        """The folder or prefix of the tenant's backups."""
        return f"{self.tenant}-{self.id}"

    @property
    def recipients(self) -> tuple[str, ...]:
        """Whom new pieces and manifests are encrypted to."""
        return (recipient_of(self.identities[0]), *self.recovery)

    def derived(self, purpose: str) -> bytes:
        """A key (32 bytes) for one purpose, which tells nothing of those for others."""
        return hmac.digest(self.hash_key, f"ispmig {purpose}".encode(), sha256)

    def text(self) -> str:
        """The key as it lies in its file; a secret."""
        return "\n".join(
            (
                _FIRST_LINE,
                f"# tenant: {self.tenant}",
                f"# id: {self.id}",
                f"# made: {self.made.isoformat(timespec='seconds')}",
                f"# hash key: {self.hash_key.hex()}",
                f"# manifest key: {self.manifest_key.hex()}",
                *(f"# recovery: {one}" for one in dict.fromkeys(self.had_recovery + self.recovery)),
                *self.identities,
                "",
            )
        )

    def __reduce__(self) -> Any:
        raise TypeError("a key is not written into anything but its file")


@dataclass(frozen=True)
class Shredded:
    """What was destroyed, and what was not.

    Attributes:
        ids: of the keys.
        files: that are gone.
        remains: in sentences, for a person: who could still open what, and what is not in reach.
    """

    tenant: str
    ids: tuple[str, ...]
    files: tuple[Path, ...]
    remains: tuple[str, ...]


def generate(tenant: str) -> TenantKeys:
    """A new key that is kept nowhere yet; its :meth:`~TenantKeys.text` is for a vault.

    Raises:
        TenantError: the slug cannot be one.
        BackupKeyError: a recovery key in the environment is none.
    """
    return TenantKeys(
        tenant=check_slug(tenant),
        id=secrets.token_hex(8),
        made=dt.datetime.now(dt.UTC).replace(microsecond=0),
        identities=(new_identity(),),
        hash_key=secrets.token_bytes(_SECRET_BYTES),
        manifest_key=secrets.token_bytes(_SECRET_BYTES),
        recovery=recovery_recipients(),
    )


def load(tenant: str, id: str | None = None) -> TenantKeys:
    """The tenant's key; none is made.

    Args:
        id: a key that was set aside, or the present one; the present one unless said.

    Raises:
        BackupKeyError: there is none, or what is there is unusable or of another tenant.
        UsageError: others may read the file.
        StorageError: it cannot be read.
    """
    check_slug(tenant)
    found = _handed(tenant)
    if found is None:
        found = _from_folder(tenant, id)
    if id is not None and found.id != id:
        raise BackupKeyError(
            f"The backup key of {tenant} has the id {found.id}, and the backups that were asked "
            f"for are of {id}. Bring back the key of that id from where it is kept."
        )
    return found


def load_or_create(tenant: str) -> TenantKeys:
    """The tenant's key, made if there is none; of two processes at once both get the same.

    Raises:
        BackupKeyError, UsageError, StorageError: see :func:`load`.
    """
    try:
        return load(tenant)
    except _NoKey:
        return create(tenant)


def create(tenant: str) -> TenantKeys:
    """Makes the tenant's key in the folder; if somebody else was faster, theirs is returned.

    Raises:
        BackupKeyError: keys come from the environment or a command, which have to make them.
        StorageError: no space, no rights.
    """
    _only_folder(tenant, "made")
    made = generate(tenant)
    folder = _folder()
    with _failures(folder), _locked(folder):
        path = folder / f"{tenant}{ENDING}"
        if not path.exists():
            _write(path, made.text())
    return load(tenant)


def keep(text: str) -> TenantKeys:
    """Puts a key back into the folder, whose text was kept elsewhere.

    Raises:
        BackupKeyError: it is no key, or the tenant has another one.
        StorageError: no space, no rights.
    """
    key = _parse(text, "The text")
    _only_folder(key.tenant, "kept")
    folder = _folder()
    with _failures(folder), _locked(folder):
        present = folder / f"{key.tenant}{ENDING}"
        aside = folder / f"{key.tenant}.{key.id}{ENDING}"
        there = next((p for p in (present, aside) if p.exists() and _id_in(p) == key.id), None)
        if there is not None:
            raise BackupKeyError(f"{there} is this very key. Nothing was changed.")
        _write(aside if present.exists() else present, key.text())
    return load(key.tenant, key.id)


def rotate(tenant: str) -> TenantKeys:
    """A new private key for what is encrypted from now on; the former ones still open the rest.

    Raises:
        BackupKeyError: there is no key, or it comes from the environment or a command.
        StorageError: no space, no rights.
    """
    _only_folder(tenant, "rotated")
    folder = _folder()
    load(tenant)
    with _failures(folder), _locked(folder):
        # Once more behind the lock: two rotations at once are two rotations.
        now = load(tenant)
        _write(
            folder / f"{tenant}{ENDING}",
            replace(now, identities=(new_identity(), *now.identities)).text(),
        )
    return load(tenant)


def remember_recovery(keys: TenantKeys) -> None:
    """Writes down who can open backups besides the tenant's key, so that shredding can tell.

    Raises:
        StorageError: no space, no rights.
    """
    if set(keys.recovery) <= set(keys.had_recovery) or _handed_over(keys.tenant):
        return
    folder = _folder()
    with _failures(folder), _locked(folder):
        path = _path_of(folder, keys.tenant, keys.id)
        if path is not None:
            _write(path, replace(_read(path), recovery=keys.recovery).text())


def set_aside(tenant: str) -> Path | None:
    """Keeps the key of a tenant that is removed, out of the way of one that is made anew.

    Returns:
        Where it lies; None where there was none, or keys are not kept in the folder.

    Raises:
        UsageError, BackupKeyError, StorageError: see :func:`load`.
    """
    if _handed_over(tenant):
        return None
    folder = _folder()
    path = folder / f"{check_slug(tenant)}{ENDING}"
    if not path.exists():
        return None
    with _failures(folder), _locked(folder):
        aside = folder / f"{tenant}.{_read(path).id}{ENDING}"
        path.rename(aside)
        sync_folder(folder)
    return aside


def list_all(tenant: str) -> list[TenantKeys]:
    """The tenant's keys, the present one first, then those that were set aside, the newest first.

    Raises:
        UsageError, BackupKeyError, StorageError: see :func:`load`.
    """
    check_slug(tenant)
    handed = _handed(tenant)
    if handed is not None:
        return [handed]
    folder = _folder()
    with _failures(folder):
        present = folder / f"{tenant}{ENDING}"
        keys = [_read(present)] if present.exists() else []
        aside = [_read(path) for path in _aside(folder, tenant)]
    return keys + sorted(aside, key=lambda key: key.made, reverse=True)


def shred(tenant: str) -> Shredded:
    """Destroys all of the tenant's keys: none of its backups can be read or added to any more.

    The files are overwritten, emptied and deleted, each step forced to the disk.

    Raises:
        BackupKeyError: there is none; or keys come from the environment or a command, and have to
            be destroyed there.
        StorageError: a file could not be destroyed: what is left of it may still open backups.
    """
    _only_folder(tenant, "destroyed")
    folder = _folder()
    ids: list[str] = []
    recovery = dict.fromkeys(recovery_recipients())
    with _failures(folder), _locked(folder):
        present = folder / f"{tenant}{ENDING}"
        # What a writer that died left is a key, too.
        paths = [
            *([present] if present.exists() else []),
            *_aside(folder, tenant),
            *sorted(folder.glob(f".part-{tenant}.*")),
        ]
        if not paths:
            raise _no_key(tenant, folder)
        for path in paths:
            with suppress(BackupKeyError, UsageError):
                # Others may have read it, or it is unusable: all the more it is destroyed.
                key = _parse(path.read_text(encoding="ascii", errors="replace"), str(path))
                ids.append(key.id)
                recovery |= dict.fromkeys(key.had_recovery)
            _destroy(path)
        sync_folder(folder)
    return Shredded(tenant, tuple(dict.fromkeys(ids)), tuple(paths), _remains(folder, recovery))


def _remains(folder: Path, recovery: Mapping[str, None]) -> tuple[str, ...]:
    told = [
        f"The owner of {one} may still open what was encrypted to that key, the tenant's own key "
        "beside its backups too: destroy that private key as well, or delete these backups."
        for one in recovery
    ]
    told.append(
        "The encrypted pieces and manifests still lie where backups are kept, and nobody without a "
        "key can read them or tell what they hold; they show how many there are, how large, and "
        "from when."
    )
    told.append(
        f"Copies of {folder} are out of reach of this command: backups and snapshots of this "
        "machine, and what a solid-state disk or a copying file system keeps of overwritten blocks."
    )
    return tuple(told)


def recovery_recipients() -> tuple[str, ...]:
    """The public keys of ``ISPMIG_BACKUP_RECOVERY``.

    Raises:
        BackupKeyError: one of them is none.
    """
    found = []
    for text in settings().backup_recovery.replace(",", " ").split():
        if text.upper().startswith("AGE-SECRET-KEY-"):
            raise BackupKeyError(
                f"{RECOVERY} holds a private key, which is to be kept away from here: put its "
                "public half (age1…, shown by age-keygen -y) in its place."
            )
        try:
            found.append(check_recipient(text))
        except BackupKeyError as error:
            raise BackupKeyError(f"{RECOVERY} cannot be used. {error}") from None
    return tuple(dict.fromkeys(found))


class _NoKey(BackupKeyError):
    """There is none, as opposed to an unusable one."""


def _no_key(tenant: str, folder: Path) -> _NoKey:
    return _NoKey(
        f"There is no backup key of {tenant} in {folder}: no backup was made yet, or the key was "
        "lost or destroyed. A key that is kept elsewhere can be put there, with mode 600."
    )


def variable_of(tenant: str) -> str:
    """Name of the variable that may hold the tenant's key."""
    return VARIABLE + tenant.upper().replace("-", "_")


def _handed_over(tenant: str) -> str:
    """What hands the key over, if it does not lie in the folder; else ""."""
    if os.environ.get(variable_of(tenant), "").strip():
        return variable_of(tenant)
    return COMMAND if settings().backup_key_command.strip() else ""


def _only_folder(tenant: str, what: str) -> None:
    check_slug(tenant)
    if by := _handed_over(tenant):
        raise BackupKeyError(
            f"The backup key of {tenant} comes from {by}, so that it has to be {what} there. "
            "Nothing was changed."
        )


def _handed(tenant: str) -> TenantKeys | None:
    variable = variable_of(tenant)
    if said := os.environ.get(variable, "").strip():
        # In a file of variables its lines are often written as one.
        key = _parse(said.replace("\\n", "\n"), variable)
        where = variable
    elif command := settings().backup_key_command.strip():
        key = _parse(_ask(command, tenant), f"What the command in {COMMAND} prints for {tenant}")
        where = f"the command in {COMMAND}"
    else:
        return None
    return _of(tenant, key, where)


def _ask(command: str, tenant: str) -> str:
    """What the command prints. Nothing of it is repeated: it may be a secret also where it fails"""
    seconds = settings().backup_key_seconds
    try:
        words = [*shlex.split(command), tenant]
    except ValueError:
        raise BackupKeyError(
            f"{COMMAND} is no command: a quote in it is not closed. Correct it."
        ) from None
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell; the command is the operator's
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # What it starts itself ends with it.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no program"
        raise BackupKeyError(
            f"The command in {COMMAND} cannot be started ({why}). Correct its path and its mode."
        ) from None
    try:
        printed, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        raise BackupKeyError(
            f"The command in {COMMAND} printed no key of {tenant} within {seconds:g} seconds. Find "
            "out what it waits for, or raise ISPMIG_BACKUP_KEY_SECONDS."
        ) from None
    if process.returncode:
        raise BackupKeyError(
            f"The command in {COMMAND} ended with {process.returncode} for {tenant}. Run it by "
            "hand to see why; what it says is not repeated here, for it may be a secret."
        )
    return printed[:_LONGEST].decode("ascii", errors="replace")


def _folder() -> Path:
    return settings().backup_keys_folder


def _from_folder(tenant: str, id: str | None) -> TenantKeys:
    folder = _folder()
    with _failures(folder):
        path = _path_of(folder, tenant, id)
        if path is None:
            raise _no_key(tenant, folder)
        return _of(tenant, _read(path), str(path))


def _path_of(folder: Path, tenant: str, id: str | None) -> Path | None:
    if id is not None and not _ID.fullmatch(id):
        return None
    present = folder / f"{tenant}{ENDING}"
    if id is not None:
        aside = folder / f"{tenant}.{id}{ENDING}"
        if aside.exists():
            return aside
    return present if present.exists() else None


def _aside(folder: Path, tenant: str) -> list[Path]:
    return sorted(
        path
        for path in folder.glob(f"{tenant}.*{ENDING}")
        if _ID.fullmatch(path.name.removeprefix(f"{tenant}.").removesuffix(ENDING))
    )


def _id_in(path: Path) -> str:
    try:
        return _read(path).id
    except (BackupKeyError, UsageError):
        return ""


def _of(tenant: str, key: TenantKeys, where: str) -> TenantKeys:
    if key.tenant != tenant:
        raise BackupKeyError(
            f"{where} holds the backup key of {key.tenant}, and that of {tenant} was asked for. "
            "Nothing was read or written with it; put each key where it belongs."
        )
    return key


def _read(path: Path) -> TenantKeys:
    for place, right in ((path.parent, 0o700), (path, 0o600)):
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & 0o077:
            raise UsageError(
                f"{path} opens a tenant's backups, and others than its owner may get at it: {place}"
                f" has mode {mode:o}. If somebody may have read it, rotate the key and make new "
                f"backups. Then, or if not: chmod {right:o} {place}"
            )
    # A pipe that nobody writes to would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(_LONGEST) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    return _parse(content.decode("ascii", errors="replace"), str(path))


def _parse(text: str, where: str) -> TenantKeys:
    """Reads the text of a key; errors repeat nothing of it."""
    lines = [line.strip() for line in text.strip().splitlines()]
    told: dict[str, str] = {}
    recovery, identities = [], []
    for line in lines:
        if line.startswith("#"):
            name, _, value = line.removeprefix("#").partition(":")
            if name.strip() == "recovery":
                recovery.append(value.strip())
            else:
                told[name.strip()] = value.strip()
        elif line:
            identities.append(line)
    try:
        if not lines or lines[0] != _FIRST_LINE:
            raise _Unusable(f"its first line is not {_FIRST_LINE!r}")
        if not _ID.fullmatch(told.get("id", "")):
            raise _Unusable("its id is not 16 hexadecimal digits")
        for name in ("hash key", "manifest key"):
            if not _SECRET.fullmatch(told.get(name, "")):
                raise _Unusable(f"its {name} is not 64 hexadecimal digits")
        if not identities:
            raise _Unusable("no private key (AGE-SECRET-KEY-1…) is in it")
        for identity in identities:
            recipient_of(identity)
        made = dt.datetime.fromisoformat(told.get("made", ""))
        if made.tzinfo is None:
            raise _Unusable("its date has no time zone")
        had = tuple(check_recipient(one) for one in recovery)
    except (ValueError, BackupKeyError) as error:
        why = {
            _Unusable: str(error),
            BackupKeyError: "a key in it is none that age could use",
        }.get(type(error), "its date is none (2026-11-22T10:31:07+00:00)")
        raise BackupKeyError(
            f"{where} is no usable backup key: {why}. Bring back the text as it was made; nothing "
            "was read or written."
        ) from None
    return TenantKeys(
        tenant=check_slug(told.get("tenant", "")),
        id=told["id"],
        made=made.astimezone(dt.UTC),
        identities=tuple(identities),
        hash_key=bytes.fromhex(told["hash key"]),
        manifest_key=bytes.fromhex(told["manifest key"]),
        recovery=recovery_recipients(),
        had_recovery=had,
    )


class _Unusable(ValueError):
    pass


def _write(path: Path, text: str) -> None:
    # By the tenant's name: what is left of a writer that died is a key, and destroyed with it.
    tenant = path.name.partition(".")[0]
    write_key(path, text.encode("ascii"), part=f".part-{tenant}.")


def _destroy(path: Path) -> None:
    # Through a link somebody else's file would be overwritten.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        for _ in range(2):
            file.seek(0)
            file.write(secrets.token_bytes(size))
            os.fsync(descriptor)
        file.truncate(0)
        os.fsync(descriptor)
    path.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from writing meanwhile."""
    for one in (folder.parent, folder):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder):
        yield


@contextmanager
def _failures(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Backup keys in {folder} cannot be read or written: {error.strerror or error}. Make "
            "room, or let this account read and write there."
        ) from None
