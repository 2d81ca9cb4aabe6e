"""What a person asks of a tenant, from the command line: to see what is held, or to be erased."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.account import account
from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.private_files import private_file
from ispmig_pipelines.settings import settings

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from rich.console import Console
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.platform.subject import Asked, Held
    from ispmig_pipelines.platform.tenants import Tenant
    from ispmig_pipelines.platform.trail import Operation

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def asked_of(accounts: Sequence[str], email: str, phone: str) -> Asked:
    """By what the person is known.

    Raises:
        UsageError: by nothing, or by what cannot be one person's.
    """
    from ispmig_pipelines.platform.known_by import SHORTEST_NUMBER
    from ispmig_pipelines.platform.subject import Asked

    asked = Asked(tuple(a.strip() for a in accounts if a.strip()), email.strip(), phone.strip())
    if not (asked.accounts or asked.email or asked.phone):
        raise UsageError("Say who it is: --account N, --email ADDRESS or --phone NUMBER.")
    if asked.email and "@" not in asked.email:
        raise UsageError("--email takes a whole email address, such as ann@example.org.")
    if asked.phone and len(asked.phone_digits) < SHORTEST_NUMBER:
        raise UsageError(
            f"--phone takes a whole telephone number, of {SHORTEST_NUMBER} digits at least."
        )
    return asked


def access(connection: Connection, slug: str, asked: Asked, out: Path | None) -> dict[str, Any]:
    """Gathers everything that is held on a person, writes it to a file (GDPR, article 15), and
    enters into the audit trail that it did.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        out: a .json or .zip file, which only its owner may read; None: only count it.

    Returns:
        Counts, and the account numbers of the customers.

    Raises:
        UsageError: there is no such tenant, or the file cannot be written.
    """
    from ispmig_pipelines.platform import tenants, trail

    if out is not None and out.suffix not in (".json", ".zip"):
        raise UsageError(f"--out takes a file that ends in .json or .zip, not {out.name}.")
    tenant = tenants.get(connection, slug)
    held = _held(connection, tenant, asked)
    told = _told(connection, tenant, asked, held)
    connection.commit()
    if out is None:
        with connection.begin():
            _enter(connection, tenant, trail.Operation.SUBJECT_ACCESS, told)
    else:
        with trail.on_record(
            connection.engine.connect,
            slug,
            trail.Operation.SUBJECT_ACCESS,
            actor=account(),
            details=told,
        ):
            whole = _answer(connection, tenant, asked, held)
            with private_file(out) as part:
                if out.suffix == ".zip":
                    _write_zip(part, whole)
                else:
                    part.write_text(_json(whole), encoding="utf-8")
    return {
        "tenant": slug,
        "accounts": list(held.accounts) if not held.is_empty else [],
        **held.counts(),
        "named_in": named_in(held),
        "file": str(out) if out is not None else None,
    }


def erase(
    connection: Connection,
    slug: str,
    asked: Asked,
    *,
    dry_run: bool = False,
    confirmed: bool = False,
    invoices_before: str = "",
) -> dict[str, Any]:
    """Erases a person, in one transaction, and enters it into the audit trail.

    Raises:
        UsageError: several customers are meant and not each named by its account, or it is not
            confirmed: the text has the counts.
        TenantBusy: a run is working on the tenant.
    """
    from ispmig_pipelines.platform import erased, erasing, tenants, trail

    day = _day(invoices_before) if invoices_before else None
    tenant = tenants.get(connection, slug)
    held = _held(connection, tenant, asked)
    if len(held.accounts) > 1 and set(held.accounts) - set(asked.accounts):
        raise UsageError(
            f"{len(held.accounts)} customers are known by that, who may be several people. "
            f"Nothing was erased. See who they are with ispmig subject {slug}, and erase each one "
            "who asked for it by --account."
        )
    if held.is_empty and not _was_erased(connection, tenant, asked):
        others = (
            f" What is held of others names them in {len(held.mentions):,} places: see where with "
            f"ispmig subject {slug}, and if one of these is the person, name the account."
            if held.mentions
            else " Look whether the number or address is right."
        )
        raise UsageError(f"Tenant {slug} holds nothing of this person. Nothing was erased.{others}")
    if not (dry_run or confirmed or held.is_empty):
        raise UsageError(_not_confirmed(slug, held))
    made_again: dict[str, int] = {}
    with tenants.lock(connection, slug, "subject erase"):
        # Now that nobody else works on the tenant.
        held = _held(connection, tenant, asked)
        counts = held.counts()
        with connection.begin() as transaction:
            driver = tenants.raw(connection)
            key = erased.digest_key(connection, slug)
            with tenants.as_tenant(driver, tenant):
                done = erasing.erase(driver, tenant, held, invoices_before=day)
                digests = _digests(key, held.accounts, held.addresses - held.shared)
                remembered = erased.remember(driver, tenant, digests)
            if dry_run:
                transaction.rollback()
            else:
                told = _told(connection, tenant, asked, held) | {
                    "erased": done.as_json(),
                    "invoices_before": invoices_before or None,
                }
                _enter(connection, tenant, trail.Operation.SUBJECT_ERASURE, told)
        if not dry_run:
            made_again = _remove_what_can_be_made_again(connection, tenant)
    return {
        "tenant": slug,
        "dry_run": dry_run,
        **counts,
        "named_in": named_in(held),
        "erased": done.as_json(),
        "files": made_again,
        "newly_erased": remembered,
        "remains": remains(connection, tenant),
    }


def allow(connection: Connection, slug: str, asked: Asked) -> dict[str, Any]:
    """Lets migrations bring in again who was erased: they are a customer again.

    Raises:
        UsageError: nobody was erased who was known by that.
    """
    from ispmig_pipelines.platform import erased, tenants, trail

    tenant = tenants.get(connection, slug)
    connection.rollback()
    with tenants.lock(connection, slug, "subject allow"), connection.begin():
        driver = tenants.raw(connection)
        key = erased.digest_key(connection, slug)
        digests = _digests(key, asked.accounts, asked.addresses)
        with tenants.as_tenant(driver, tenant):
            count = erased.allow(driver, tenant, digests)
        if count:
            told = {"subjects": [d.hex() for d in digests]}
            _enter(connection, tenant, trail.Operation.SUBJECT_ALLOWED, told)
    if not count:
        raise UsageError("Nobody known by that was erased. Nothing was changed.")
    return {"tenant": slug, "allowed": count}


def remains(connection: Connection, tenant: Tenant) -> list[str]:
    """Where data of the tenant lie beyond the reach of an erasure, in words."""
    from ispmig_pipelines import staging
    from ispmig_pipelines.platform import ledger
    from ispmig_pipelines.preview import store

    staged, shared, reports = (
        settings().staging_folder, staging.shared_place(), settings().reports_folder
    )  # fmt: skip
    found = [
        f"{what}, until they expire: {place}"
        for what, place, there in (
            ("staged data of migrations that did not end",
             staged / tenant.slug if shared is None else shared.place(tenant.slug),
             staging.migrations(staged, tenant.slug, shared)),
            ("reports of dry runs", reports / tenant.slug, store.migrations(reports, tenant.slug)),
        )
        if there
    ]  # fmt: skip
    paths = dict.fromkeys(
        file["path"] for entry in ledger.migrations(connection, tenant.slug) for file in entry.files
    )
    connection.rollback()
    if paths:
        shown = ", ".join(list(paths)[:10]) + (f" and {len(paths) - 10} more" * (len(paths) > 10))
        found.append(f"the source files themselves: {shown}")
    found.append("exports, workbooks and previews that somebody wrote elsewhere")
    found.append("backups of the database until they expire, and pages of its files until "
                 "PostgreSQL uses them again")  # fmt: skip
    return found


def named_in(held: Held) -> list[str]:
    """Where what is held of others names the person, in words, without what it says."""
    found: dict[tuple[str, ...], int] = {}
    for one in held.mentions:
        whose = f"customer {one.customer}" if one.customer else f"{one.entity} {one.key}".strip()
        at = (whose, f"{one.entity}.{one.place}", one.table)
        found[at] = found.get(at, 0) + 1
    return [
        f"{whose}: {place}" + ("" if table == "rows" else f" ({table})")
        for whose, place, table in found
    ]


def _remove_what_can_be_made_again(connection: Connection, tenant: Tenant) -> dict[str, int]:
    """Deletes what holds cells for a while only: data that migrations left staged which failed, and
    reports of dry runs. Whoever needs one of them runs its migration again."""
    from ispmig_pipelines import staging
    from ispmig_pipelines.platform import ledger
    from ispmig_pipelines.preview import store

    begun = {
        entry.id
        for entry in ledger.migrations(connection, tenant.slug)
        if entry.state is ledger.State.PUBLISHED
    }
    connection.rollback()
    staged = staging.remove_expired(
        settings().staging_folder,
        tenant.slug,
        lambda migration: migration not in begun,
        staging.shared_place(),
    )
    reports = store.remove(settings().reports_folder, tenant.slug)
    return {"staged": len(staged), "previews": len(reports)}


def _digests(key: bytes, accounts: Iterable[str], addresses: Iterable[str]) -> list[bytes]:
    from ispmig_pipelines.platform import erased

    return [
        *(erased.digest(key, account) for account in accounts),
        *(erased.address_digest(key, address) for address in sorted(addresses)),
    ]


def tell_access(out: Console, told: dict[str, Any]) -> None:
    """Shows people what is held, by counts."""
    if not (told["rows"] or told["earlier"] or told["quarantine"]):
        out.print(f"Nothing of this person is held by tenant {told['tenant']}.", markup=False)
        _tell_named_in(out, told)
        return
    accounts = ", ".join(told["accounts"]) or "none"
    out.print(f"Customers of tenant {told['tenant']}: {accounts}", markup=False)
    if len(told["accounts"]) > 1:
        out.print(
            "These may be several people. Whose what is, is to be known before anybody gets it: "
            "--account N shows one of them."
        )
    _tell_counts(out, told)
    _tell_named_in(out, told)
    if told["file"]:
        out.print(f"All of it: {told['file']} (only you may read it)", markup=False)
    else:
        out.print("To write all of it into a file: --out FILE.json or FILE.zip", markup=False)


def tell_erased(out: Console, told: dict[str, Any]) -> None:
    """Shows people what was erased, and what remains."""
    done = told["erased"]
    would = "would be " if told["dry_run"] else ""
    for what in ("deleted", "anonymised"):
        for entity, count in done[what].items():
            out.print(f"{count:,} {entity} {would}{what}", markup=False)
    out.print(
        f"{done['quarantine']:,} records in quarantine and {done['earlier']:,} earlier rows "
        f"{would}emptied",
        markup=False,
    )
    if told["dry_run"]:
        _tell_named_in(out, told)
        out.print("Nothing was erased: this was a dry run.")
        return
    out.print(
        f"{told['files']['staged']:,} migrations' staged data and "
        f"{told['files']['previews']:,} reports of dry runs "
        "deleted"
    )
    _tell_named_in(out, told)
    out.print("What remains, and is not the platform's to erase:")
    for line in told["remains"]:
        out.print(f"  {line}", markup=False)


def _tell_counts(out: Console, told: dict[str, Any]) -> None:
    for entity, count in told["rows"].items():
        out.print(f"  {count:,} {entity}", markup=False)
    if told["earlier"]:
        out.print(f"  {told['earlier']:,} rows as they were before a migration changed them")
    if told["quarantine"]:
        out.print(f"  {told['quarantine']:,} records in quarantine")


def _tell_named_in(out: Console, told: dict[str, Any]) -> None:
    if told["named_in"]:
        out.print("What is held of others names them, and stays as it is:")
        for line in told["named_in"]:
            out.print(f"  {line}", markup=False)


def _held(connection: Connection, tenant: Tenant, asked: Asked) -> Held:
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.platform.subject import held_on

    columns = _naming_columns(connection, tenant)
    connection.rollback()
    driver = tenants.raw(connection)
    with connection.begin(), tenants.as_tenant(driver, tenant):
        return held_on(driver, tenant, asked, columns)


def _was_erased(connection: Connection, tenant: Tenant, asked: Asked) -> bool:
    """Whether somebody who was known by that was erased before."""
    from ispmig_pipelines.platform import erased, tenants

    driver = tenants.raw(connection)
    with connection.begin():
        key = erased.digest_key(connection, tenant.slug)
        digests = _digests(key, asked.accounts, asked.addresses)
        with tenants.as_tenant(driver, tenant):
            return bool(erased.known(driver, tenant, digests))


def _naming_columns(
    connection: Connection, tenant: Tenant
) -> dict[tuple[int, str, int], dict[str, list[str]]]:
    """Which columns of the sources named a customer and what is theirs, by migration and block,
    and by which columns customers are reached, from the specs in the ledger."""
    from ispmig_pipelines.mapping.spec import parse_spec
    from ispmig_pipelines.model import ENTITIES
    from ispmig_pipelines.model.field_info import FieldType
    from ispmig_pipelines.platform import ledger
    from ispmig_pipelines.platform.subject import REACHED_BY

    found: dict[tuple[int, str, int], dict[str, list[str]]] = {}
    for entry in ledger.migrations(connection, tenant.slug):
        try:
            spec = parse_spec(entry.spec_text, Path(entry.spec_path))
        except SpecError:
            # Of an older release: its records are found by what identifies the person.
            continue
        for feed in spec.feeds:
            info = ENTITIES[feed.entity]
            named = found.setdefault((entry.id, feed.entity, feed.index), {})
            for name, mapping in feed.fields.items():
                parent = info.references.get(name) or (
                    feed.entity if info.fields[name].key and len(info.key) == 1 else ""
                )
                if feed.entity == "customer" and info.fields[name].type in (
                    FieldType.EMAIL,
                    FieldType.PHONE,
                ):
                    parent = REACHED_BY
                if parent:
                    named.setdefault(parent, []).extend(mapping.origin_columns)
    return found


def _told(connection: Connection, tenant: Tenant, asked: Asked, held: Held) -> dict[str, Any]:
    """What the audit trail says of a request: who, by keyed digests only, and how much."""
    from ispmig_pipelines.platform import erased

    key = erased.digest_key(connection, tenant.slug)
    by = {"account": asked.accounts, "email": asked.email, "phone": asked.phone}
    return {
        "subjects": [erased.digest(key, account).hex() for account in held.accounts],
        "known_by": [name for name, value in by.items() if value],
        **held.counts(),
    }


def _enter(
    connection: Connection, tenant: Tenant, operation: Operation, told: dict[str, Any]
) -> None:
    from ispmig_pipelines.platform import trail

    trail.enter(
        connection, tenant.slug, operation, trail.Stage.FINISHED, actor=account(),
        dagster_run_id="", details=told,
    )  # fmt: skip


def _answer(connection: Connection, tenant: Tenant, asked: Asked, held: Held) -> dict[str, Any]:
    """All that is held, as the person gets it."""
    from ispmig_pipelines.model import ENTITIES
    from ispmig_pipelines.platform import ledger
    from ispmig_pipelines.platform.subject import shown

    files = {
        (entry.id, file["index"]): Path(file["path"]).name
        for entry in ledger.migrations(connection, tenant.slug)
        for file in entry.files
    }
    connection.rollback()
    fields = {
        f"{entity}.{name}": ENTITIES[entity].fields[name].doc
        for entity, rows in held.rows.items()
        for name in dict.fromkeys(name for row in rows for name in shown(entity, row))
        if name in ENTITIES[entity].fields
    }
    return {
        "tenant": tenant.slug,
        "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "asked_for": {
            "accounts": list(asked.accounts), "email": asked.email, "phone": asked.phone,
        },
        "customers": list(held.accounts) if not held.is_empty else [],
        "rows": {
            entity: [_row(entity, row, files) for row in rows]
            for entity, rows in held.rows.items()
            if rows
        },
        "in_quarantine": [
            {
                "entity": row["entity"],
                "from": f"record {row['record']} of {files.get((row['migration'], row['file']))}",
                "cells": row["cells"],
                "text": row["text"],
            }
            for row in held.quarantine
        ],
        "as_it_was_before": [
            {
                "entity": row["entity"],
                "before_migration": row["migration"],
                "row": shown(row["entity"], row["row"]),
            }
            for row in held.earlier
        ],
        "named_in_what_is_of_others": [
            {"entity": one.entity, "in": one.place, "says": one.says} for one in held.mentions
        ],
        "what_the_fields_mean": fields,
        "where_else": remains(connection, tenant),
    }  # fmt: skip


def _row(entity: str, row: dict[str, Any], files: dict[tuple[int, int], str]) -> dict[str, Any]:
    from ispmig_pipelines.platform.subject import shown

    found = {name: value for name, value in shown(entity, row).items() if name[0] != "_"}
    file = files.get((row["_migration"], row["_file"]))
    found["came_from"] = f"migration {row['_migration']}, record {row['_record']} of {file}"
    return found


def _json(whole: Any) -> str:
    return json.dumps(whole, ensure_ascii=False, indent=2, default=str) + "\n"


def _write_zip(part: Path, whole: dict[str, Any]) -> None:
    """Everything as JSON, and the rows of each entity as CSV, for whoever has a spreadsheet."""
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subject.json", _json(whole))
        tables = whole["rows"] | {
            "in_quarantine": [
                {"entity": row["entity"], "from": row["from"], **(row["cells"] or {}),
                 **({"text": row["text"]} if row["text"] else {})}
                for row in whole["in_quarantine"]
            ]
        }  # fmt: skip
        for name, rows in tables.items():
            if rows:
                archive.writestr(f"{name}.csv", _csv(rows))


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_harmless(name) for name in names])
    for row in rows:
        writer.writerow([_harmless(_cell(row.get(name))) for name in names])
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _harmless(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text


def _not_confirmed(slug: str, held: Held) -> str:
    counts = held.counts()
    rows = ", ".join(f"{count:,} {entity}" for entity, count in counts["rows"].items())
    served = sum(
        1 for row in held.rows.get("service", ()) if row["status"] in ("active", "suspended")
    )
    still = f" {served:,} of the services are not over yet." if served else ""
    return (
        f"This would erase what tenant {slug} holds on the person: {rows or 'no rows'}, "
        f"{counts['quarantine']:,} records in quarantine and {counts['earlier']:,} earlier rows; "
        f"invoices and payments stay, without more than the law has kept.{still} It cannot be "
        "undone. Nothing was erased. If it is meant, add --yes; to see what would become of each, "
        "--dry-run."
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--erase-invoices-before takes a day such as 2016-03-31, not {text[:40]!r}."
        ) from None
