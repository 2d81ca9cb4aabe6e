"""The environment, read once, typed.

Every setting is an environment variable with the prefix ``ISPMIG_``.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ispmig_pipelines.errors import UsageError

PACKAGE = Path(__file__).resolve().parent


def project_folder() -> Path:
    """The checkout this package runs from, else (an installed wheel) the current folder."""
    checkout = PACKAGE.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


class Settings(BaseSettings):
    """What the environment says; see ``docs/settings.md``."""

    model_config = SettingsConfigDict(env_prefix="ISPMIG_", extra="ignore")

    database_url: SecretStr | None = Field(
        default=None,
        description=(
            "PostgreSQL (15 or newer) to use, as postgresql://user:password@host/database. "
            "Unset: an embedded PostgreSQL in ISPMIG_HOME."
        ),
    )
    home: Path = Field(
        default_factory=lambda: project_folder() / ".ispmig",
        description="Folder of all local state: embedded database, Dagster's files, staged data.",
    )
    secrets: str = Field(
        default="",
        description="Folder with a file for each setting that is not to stand in the environment, "
        "by the setting's name in small letters (ispmig_database_url), as containers are handed "
        "their secrets. What the environment says itself goes before. Unset: none.",
    )

    staging: str = Field(
        default="",
        description="Folder in which data are staged on their way, or s3://bucket/prefix where "
        "the steps of a migration are on several machines. Unset: staging in ISPMIG_HOME.",
    )
    step_executor: str = Field(
        default="",
        description="Dagster's executor that runs the steps of tenant_migration_in_parts, by its "
        "dotted name; read when the code server starts. Unset: processes of the run's machine.",
    )

    max_cell_bytes: int | None = Field(
        default=None, ge=1024, description="Longest cell that is read, in bytes. Unset: 16 MiB."
    )
    max_record_bytes: int | None = Field(
        default=None,
        ge=1024,
        description="Longest record that holds others (JSON, XML), in bytes. Unset: 64 MiB.",
    )
    max_columns: int | None = Field(
        default=None, ge=1, description="Most columns of one table that is read. Unset: 10,000."
    )
    max_depth: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Deepest nesting of elements, objects and arrays that is read. Unset: 256.",
    )
    max_ratio: float | None = Field(
        default=None,
        ge=1,
        description="Most bytes that one byte of a packed file may become. Unset: 1,000.",
    )
    max_expanded_bytes: int | None = Field(
        default=None, ge=1024, description="Most bytes of a packed file's content. Unset: 512 GiB."
    )
    max_held_bytes: int | None = Field(
        default=None,
        ge=1024,
        description="Most bytes of a spreadsheet or SQLite database that is packed, or lies "
        "elsewhere, and is held in memory. Unset: 256 MiB.",
    )

    plugins: str = Field(
        default="",
        description="Python modules whose functions specs may call, with commas between them.",
    )
    max_lookup_rows: int = Field(
        default=2_000_000,
        ge=1,
        description="Most keys of a lookup_table, which is held in memory. Unset: 2,000,000.",
    )

    audit_witness: str = Field(
        default="",
        description="Folder, or s3://bucket/prefix, in which the ends of audit chains are written "
        "down, out of reach of the database's users. Unset: audit in ISPMIG_HOME.",
    )

    signing_key: SecretStr = Field(
        default=SecretStr(""),
        description="Private key (Ed25519, PEM) that signs reports, or the path of its file. "
        "Unset: keys in ISPMIG_HOME, made at first need.",
    )

    backups: str = Field(
        default="",
        description="Folder, or s3://bucket/prefix, in which backups lie. Unset: backups in "
        "ISPMIG_HOME.",
    )
    backup_sessions: int = Field(
        default_factory=lambda: max(2, min(4, os.cpu_count() or 1)),
        ge=1,
        le=64,
        description="Large tables that a backup reads, and a restore of a whole tenant loads, at "
        "once, each by a session of its own. 1: a restore is one transaction.",
    )
    backup_recovery: str = Field(
        default="",
        description="Public keys (age1…, with spaces or commas between them) whose owners can open "
        "every backup too, for the day on which tenants' keys are lost. Unset: nobody can.",
    )
    backup_key_command: str = Field(
        default="",
        description="Command that prints the backup key of the tenant whose slug is its last "
        "argument, as a key management service hands it out. Unset: keys in ISPMIG_HOME.",
    )
    backup_key_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds that the command may take.",
    )
    backup_retention: str = Field(
        default="last=3 daily=14 weekly=8 monthly=12 yearly=3",
        description="Which snapshots are kept of tenants that do not say: last, hourly, daily, "
        "weekly, monthly, yearly, within; or all.",
    )
    timezone: str = Field(
        default="UTC",
        description="Time zone of the platform's own schedules, and of tenants that do not say.",
    )
    backup_timezone: str = Field(
        default="",
        description="Time zone of the backups of tenants that do not say: whose hours, days and "
        "weeks are meant. Unset: that of ISPMIG_TIMEZONE.",
    )
    backup_schedule: str = Field(
        default="30 2 * * *",
        description="When tenants that do not say are backed up, as five fields of cron; none: "
        "never.",
    )
    backup_verification: str = Field(
        default="7 4 * * *",
        description="When a share of the backups of tenants that do not say is read back, as five "
        "fields of cron; none: never.",
    )
    backup_prune: str = Field(
        default="7 5 * * *",
        description="When snapshots that no rule keeps are let go, of tenants that do not say, as "
        "five fields of cron; none: never.",
    )
    backup_drill: str = Field(
        default="37 5 * * 0",
        description="When the newest snapshot of tenants that do not say is restored for trial, as "
        "five fields of cron; none: never.",
    )
    event_days: int = Field(
        default=90,
        ge=8,
        le=36_500,
        description="Days after which runs that have ended, and their events, are deleted from "
        "Dagster's storage, but for those that the newest state of an asset came from.",
    )
    tenant_files: str = Field(
        default="",
        description="Folder, or s3://bucket/prefix, in which every tenant has a folder of its own "
        "whose files are backed up with it. Unset: only of tenants that say where theirs are.",
    )
    backup_drill_days: float = Field(
        default=14.0,
        gt=0,
        le=3650,
        description="Days after which the newest drill is too old for a backup to count as one "
        "that can be restored.",
    )

    drop: str = Field(
        default="",
        description="Folder, or s3://bucket/prefix, in which every tenant has a drop place. Unset: "
        "drop in ISPMIG_HOME.",
    )

    retries: int = Field(
        default=4,
        ge=0,
        le=10,
        description="How often a step of a run is tried again after what passes by itself: a lost "
        "connection, a lock, a tenant that another run works on, S3 out of breath.",
    )
    retry_seconds: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="Seconds from which the pauses between tries grow: 1, 3, 7, 15 times as many, "
        "give or take one time.",
    )
    concurrent_runs: int = Field(
        default=5,
        ge=1,
        le=10,
        description="How many runs of the queue may be under way at once.",
    )
    unaudited_hours: float = Field(
        default=24.0,
        ge=0,
        description="How long a migration that was published, and whose run died before the audit "
        "had passed, may be retried from failure before the janitor takes it back.",
    )

    lock_timeout: float = Field(
        default=2.0,
        ge=0.01,
        le=600,
        description="Seconds for which a lock on a tenant's tables is waited for at a time, which "
        "is how long others may have to wait behind us. To be longer than the server's "
        "deadlock_timeout, after which autovacuum makes way.",
    )
    lock_patience: float = Field(
        default=60.0,
        ge=0.01,
        le=86_400,
        description="Seconds for which such locks are tried for in all, with pauses.",
    )
    statement_timeout: float = Field(
        default=21_600.0,
        ge=0,
        le=2_000_000,
        description="Seconds after which the server ends a statement of a migration or a rollback. "
        "0: never.",
    )
    idle_timeout: float = Field(
        default=900.0,
        ge=0,
        le=2_000_000,
        description="Seconds after which the server ends a transaction of a migration or a "
        "rollback in which our process does nothing. 0: never.",
    )
    work_memory: int = Field(
        default=64,
        ge=1,
        le=1_000_000,
        description="Memory for each sort and each hash of a migration or a rollback, in MiB "
        "(work_mem).",
    )

    disk_reserve: int = Field(
        default=256,
        ge=0,
        le=1_000_000_000,
        description="Room on the disk of ISPMIG_HOME that is left alone, in MiB: a run that would "
        "need it is refused, and health says that the disk is full.",
    )

    disk_factor: float | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="Bytes of disk that a migration needs for each byte of its sources. Unset: as "
        "measured, by format. 0: nobody looks whether there is room.",
    )
    least_memory: int = Field(
        default=256,
        ge=0,
        le=1_000_000,
        description="Memory that has to be free for a migration to begin, in MiB. 0: nobody looks.",
    )

    ui_url: str = Field(
        default="http://127.0.0.1:3000",
        description="Address at which people reach the Dagster UI, for links to runs in alerts.",
    )
    alert_webhook: SecretStr = Field(
        default=SecretStr(""),
        description="Address (https://) that alerts are posted to. Unset: none.",
    )
    alert_webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Secret of 16 characters or more by which what is posted is signed; several "
        "with spaces or commas between them while one is replaced.",
    )
    alert_email: str = Field(
        default="",
        description="Addresses that alerts are mailed to, with commas between them. Unset: none.",
    )
    alert_email_from: str = Field(
        default="",
        description="Address that they come from. Unset: the first of ISPMIG_ALERT_EMAIL.",
    )
    alert_smtp: SecretStr = Field(
        default=SecretStr(""),
        description="Server that takes mail, as smtp://user:password@host:587 (STARTTLS), or "
        "smtps://user:password@host:465.",
    )
    alert_repeat_hours: float = Field(
        default=6.0,
        ge=0,
        le=8760,
        description="How long an alert that says the same as an earlier one is only counted.",
    )

    close_catalogs: bool | None = Field(
        default=None,
        description="Whether PostgreSQL's system catalogs are closed to everybody but superusers "
        "and pg_monitor, so that tenants see nothing of each other there. Unset: in the embedded "
        "database only.",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name.strip()).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                "must be the name of a time zone as the IANA has it: Europe/Kyiv, UTC"
            ) from None

    @field_validator("ui_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.password:
            raise ValueError("must be an address like https://dagster.example.net")
        return url.strip().rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or not url.get_secret_value().strip():
            return None
        if urlsplit(url.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("must start with postgresql://")
        return url

    @property
    def plugin_modules(self) -> tuple[str, ...]:
        """The modules of :attr:`plugins`."""
        return tuple(name.strip() for name in self.plugins.split(",") if name.strip())

    @property
    def staging_folder(self) -> Path:
        """Where staged data of running migrations lies, one folder per tenant; of what is shared,
        one per process."""
        place = self.staging.strip()
        if not place or self.shared_staging:
            return self.home / "staging"
        return Path(place).expanduser().absolute()

    @property
    def shared_staging(self) -> str:
        """Where it is shared with other machines; "" where it is not."""
        place = self.staging.strip()
        return place if "://" in place else ""

    @property
    def reports_folder(self) -> Path:
        """Where reports of migrations and dry runs lie, one folder per tenant."""
        return self.home / "reports"

    @property
    def keys_folder(self) -> Path:
        """Where the key lies that signs reports, and the public halves of all that ever did."""
        return self.home / "keys"

    @property
    def backup_place(self) -> str:
        """Where backups lie, one folder or prefix per tenant's key."""
        return self.backups.strip() or str(self.home / "backups")

    @property
    def drop_place(self) -> str:
        """Where tenants' drop places lie, one folder or prefix each."""
        place = self.drop.strip() or str(self.home / "drop")
        return place if "://" in place else str(Path(place).expanduser().absolute())

    @property
    def backup_zone(self) -> str:
        """Time zone of the backups of tenants that do not say."""
        return self.backup_timezone.strip() or self.timezone

    @property
    def backup_keys_folder(self) -> Path:
        """Where tenants' backup keys lie, one file each."""
        return self.keys_folder / "backup"

    @property
    def private_folders(self) -> tuple[Path, ...]:
        """What the platform keeps for itself and of tenants: nothing there is a source."""
        kept = ("staging", "reports", "keys", "audit", "backups", "postgres", "postgres.log")
        key = self.signing_key.get_secret_value().strip()
        elsewhere = [
            place
            for place in (
                self.backup_place,
                self.audit_witness.strip(),
                self.staging.strip(),
                "" if "-----BEGIN" in key else key,
            )
            if place and "://" not in place
        ]
        if given := os.environ.get("DAGSTER_HOME", "").strip():
            # Of a folder that somebody else chose, only what Dagster puts there.
            elsewhere += [f"{given}/{name}" for name in ("storage", "history", "schedules", "logs")]
        return (
            *(self.home / name for name in kept),
            self.dagster_home,
            *(Path(place).expanduser().absolute() for place in elsewhere),
        )

    @property
    def private_prefixes(self) -> tuple[str, ...]:
        """The same in S3, as ``s3://bucket/prefix``."""
        places = (self.backup_place, self.audit_witness.strip(), self.shared_staging)
        return tuple(place.rstrip("/") for place in places if place.startswith("s3://"))

    @property
    def dagster_home(self) -> Path:
        """Dagster's own folder (``DAGSTER_HOME``): its configuration and its compute logs."""
        return self.home / "dagster"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process.

    Raises:
        UsageError: a variable, or a file of ``ISPMIG_SECRETS``, holds something unusable; the text
            names it.
    """
    folder = os.environ.get("ISPMIG_SECRETS", "").strip()
    if folder and not Path(folder).is_dir():
        raise UsageError(
            f"ISPMIG_SECRETS names {folder}, which is no folder. Mount the secrets there, or unset "
            "it where all settings stand in the environment."
        )
    try:
        return Settings(_secrets_dir=folder or None)
    except ValidationError as error:
        # Pydantic's own text repeats the input, which may be a password.
        problems = "; ".join(
            f"ISPMIG_{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_input=False)
        )
        raise UsageError(f"The environment has an unusable setting: {problems}.") from None
