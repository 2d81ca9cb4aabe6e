"""What the command line shows to people: tables, for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from decimal import Decimal
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ispmig_pipelines.converting import Converted
    from ispmig_pipelines.platform.ledger import Migration
    from ispmig_pipelines.platform.rollback.kept import Kept
    from ispmig_pipelines.platform.rollback.restore_points import RestorePoint
    from ispmig_pipelines.platform.rollback.rollback import Rollback
    from ispmig_pipelines.quarantine.resubmission import Resubmitted
    from ispmig_pipelines.quarantine.workbook import Workbook

_COUNTS = ("read", "inserted", "updated", "unchanged", "quarantined")
"""Those of the ledger's counts that are shown; a repeated record is one of the others, too."""


def _table(title: str, *columns: str, numbers: Sequence[str] = ()) -> Table:
    table = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", no_wrap=True)
    return table


def _show(out: Console, table: Table) -> None:
    """Prints the table as wide as it is: a line that wraps is better than a cut number."""
    natural = Measurement.get(out, out.options.update_width(10_000), table).maximum
    Console(file=out.file, width=max(natural, out.width), highlight=False).print(table)


def tenants(out: Console, found: list[dict[str, Any]]) -> None:
    """The tenants there are."""
    if not found:
        out.print("There are no tenants yet. Make one with: ispmig tenant add SLUG")
        return
    table = _table("", "tenant", "made", "migrations", numbers=["migrations"])
    for row in found:
        table.add_row(row["slug"], row["created_at"][:19].replace("T", " "), str(row["migrations"]))
    _show(out, table)


def tenant(out: Console, found: dict[str, Any]) -> None:
    """One tenant, its settings and its rows."""
    out.print(f"Tenant {found['tenant']}: schema {found['schema']}, role {found['role']}")
    pools = ", ".join(found["pools"])
    out.print(f"Address pools: {pools or 'none declared, so addresses are held against none'}")
    months = found["cancelled_months"]
    out.print(f"Customers who left are kept: {f'{months} months' if months else 'for ever'}")
    out.print(f"A migration can be rolled back for: {found['restore_point_days']} days")
    out.print(f"Files are dropped in: {found['drop']}", markup=False)
    out.print(f"Backed up: {found['backup_schedule']}", markup=False)
    out.print(f"Snapshots that are kept: {found['backup_retention']}", markup=False)
    out.print(f"Backups are read back: {found['backup_verification']}", markup=False)
    out.print(f"Snapshots that no rule keeps go: {found['backup_prune']}", markup=False)
    out.print(f"The newest snapshot is tried: {found['backup_drill']}", markup=False)
    out.print(f"Time zone: {found['timezone']}", markup=False)
    out.print(f"Files that are backed up: {found['files'] or 'none'}", markup=False)
    out.print(f"Change journal: {'on' if found['journal'] else 'off'}")
    rows = ", ".join(f"{count:,} {name}" for name, count in found["rows"].items() if count)
    out.print(f"Rows: {rows or 'none'}")


def migration(out: Console, entry: Migration) -> None:
    """One migration: counts per entity, control totals, timing; not its error, if any."""
    out.print(
        f"Tenant {entry.tenant}, migration {entry.id}: {entry.spec_name}, "
        f"{_STATES[entry.state.value]}",
        markup=False,
    )
    if entry.entities:
        table = _table("", "entity", *_COUNTS, numbers=_COUNTS)
        for name, counts in entry.entities.items():
            table.add_row(name, *(f"{counts[c]:,}" for c in _COUNTS))
        _show(out, table)
    if any(entry.totals.values()):
        sides = ["source", "loaded", "quarantined"]
        every = [a for by_currency in entry.totals.values() for a in by_currency.values()]
        if any(Decimal(amounts.get("adjusted", 0)) for amounts in every):
            sides.append("adjusted")
        table = _table("", "control total", *sides, "unreadable", numbers=[*sides, "unreadable"])
        for name, by_currency in entry.totals.items():
            for currency, amounts in by_currency.items():
                table.add_row(
                    f"{name} {currency}",
                    *(_money(amounts.get(side, "0")) for side in sides),
                    f"{amounts['unreadable']:,}",
                )
        _show(out, table)
    if entry.issues:
        table = _table("", "entity", "rule", "records", numbers=["records"])
        for name, rules in entry.issues.items():
            for rule, count in rules.items():
                table.add_row(name, rule, f"{count:,}")
        _show(out, table)
    if entry.seconds:
        out.print(
            f"{entry.seconds:.1f} s, {entry.rows_per_second or 0:,.0f} rows/s, "
            f"at most {entry.peak_rss_mb or 0:,.0f} MB of memory"
        )


def personal_data(out: Console, entry: Migration) -> None:
    """Where a migration has personal data; what no field has stands first."""
    # Entities are slow to import, and most commands need none.
    from ispmig_pipelines.validation import personal_data as personal

    found = personal.personal_data(entry.findings)
    if not found:
        return
    table = _table(
        "", "personal data", "what it is", "class", "goes to", "told by", "words in notes"
    )
    for one in found:
        by = one.by if one.share is None else f"{one.by} ({one.share:.0%} of {one.looked_at:,})"
        table.add_row(
            Text(f"{one.source}.{one.column}"),
            one.kind.value + (f": {one.detail}" if one.detail else ""),
            one.privacy.value,
            ", ".join(one.goes_to) or "nowhere",
            by,
            ", ".join(f"{category} {count:,}" for category, count in one.special.items()),
        )
    _show(out, table)


_STATES = {
    "running": "running, or its process died",
    "published": "published, not audited yet",
    "done": "done and audited",
    "checked": "a dry run: nothing was published, this is what would be",
    "failed": "failed: nothing was published, this is what it came to",
    "undone": "taken back",
}


def _money(amount: str) -> str:
    whole, _, cents = amount.partition(".")
    cents = cents.rstrip("0").ljust(2, "0")
    return f"{int(whole):,}.{cents}" if not whole.startswith("-0") else f"{whole}.{cents}"


def migrations(out: Console, found: list[Migration]) -> None:
    """The ledger of a tenant."""
    if not found:
        out.print("No migration yet.")
        return
    table = _table("", "id", "state", "mode", "spec", "started (UTC)", *_COUNTS,
                   numbers=["id", *_COUNTS])  # fmt: skip
    for m in found:
        sums = [sum(c[name] for c in m.entities.values()) for name in _COUNTS]
        table.add_row(
            str(m.id),
            m.state.value,
            m.mode.replace("_", " "),
            Text(m.spec_name),
            m.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            *(f"{s:,}" for s in sums),
        )
    _show(out, table)


def drops(out: Console, found: dict[str, Any]) -> None:
    """A tenant's drop place: its rules, what lies there, and what became of what did."""
    out.print(f"Files for {found['tenant']} are dropped in {found['place']}", markup=False)
    for rule in found["rules"]:
        patterns = ", ".join(
            f"{source}: {' '.join(own)}" for source, own in rule["patterns"].items()
        )
        closed = "their marker or manifest" if rule["marked"] else f"{rule['settle']:g} s unchanged"
        out.print(f"Rule {rule['name']}: {patterns} (taken after {closed})", markup=False)
    if not found["rules"]:
        out.print(f"No rules: files go to review. Make one: ispmig drop add {found['tenant']} SPEC")
    if found["waiting"]:
        table = _table("Lying there", "file", "bytes", "why it is not taken yet", numbers=["bytes"])
        for one in found["waiting"]:
            table.add_row(Text(one["name"]), f"{one['bytes']:,}", Text(one["why"]))
        _show(out, table)
    if found["drops"]:
        table = _table("", "drop", "state", "files", "migration", "lies in", "seen (UTC)", "why",
                       numbers=["drop", "migration"])  # fmt: skip
        for one in found["drops"]:
            names = [file["name"] for file in one["files"]]
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            table.add_row(
                str(one["drop"]),
                one["state"],
                Text(", ".join(names[:2]) + more),
                str(one["migration_id"] or ""),
                Text(one["lies_in"] or ""),
                one["seen_at"][:19].replace("T", " "),
                Text(one["why"]),
            )
        _show(out, table)


def quarantine(
    out: Console,
    tenant: str,
    rows: Iterator[dict[str, Any]],
    *,
    records: int,
    first: int = 0,
    total: int | None = None,
) -> None:
    """Records in quarantine and why; no cells, which stay inside the tenant's schema.

    Args:
        records: of sources, which may be listed for several entities.
        first: how many stand before these; total: how many there are; None: these are all.
    """
    count = issues = 0
    for row in rows:
        count += 1
        issues += len(row["reasons"])
        where = f"migration {row['migration']}, {row['entity']}: {PurePath(row['path']).name}"
        where += f" record {row['record']}"
        if row["line"] is not None:
            where += f", line {row['line']}"
        for reason in row["reasons"]:
            out.print(f"{where}: {reason['message']} ({reason['rule']})", markup=False)
        if row["closed"]:
            at = row["closed"]["at"][:19].replace("T", " ")
            out.print(f"{where}: solved by migration {row['closed']['by']}, {at} UTC", markup=False)
        elif row["attempt"]:
            out.print(f"{where}: sent in again by migration {row['attempt']}", markup=False)
    if not count:
        out.print(
            f"There are {total:,} records, and none at this place." if total
            else "Nothing is in quarantine."
        )  # fmt: skip
        return
    counted = (
        f"{_issues_of(issues, records)}."
        if total is None
        else f"Records {first + 1:,} to {first + count:,} of {total:,}."
    )
    out.print(
        f"{counted} Whole, with their cells: ispmig quarantine {tenant} --format csv --out FILE. "
        "To correct them: --format xlsx"
    )


def listing_written(out: Console, records: int, issues: int, path: Path) -> None:
    """What was written into a CSV of quarantined records."""
    out.print(
        f"{_issues_of(issues, records)} written to {path}, each issue in a row of its own.",
        markup=False,
    )


def _issues_of(issues: int, records: int) -> str:
    return (
        f"{issues:,} issue{'s' if issues != 1 else ''} of "
        f"{records:,} record{'s' if records != 1 else ''}"
    )


def workbook(out: Console, tenant: str, book: Workbook, path: Path) -> None:
    """What was written into a workbook of quarantined records."""
    if not book.records:
        out.print("Nothing is in quarantine; no workbook was written.")
        return
    table = _table("", "sheet", "records", numbers=["records"])
    for name, records in book.sheets.items():
        table.add_row(Text(name), f"{records:,}")
    _show(out, table)
    out.print(
        f"{book.records:,} records written to {path}. When they are corrected: "
        f"ispmig resubmit {tenant} {path}",
        markup=False,
    )


def resubmitted(out: Console, found: Resubmitted) -> None:
    """What became of a corrected file."""
    for text in found.ignored:
        out.print(f"  {text}", markup=False)
    for entry in found.entries:
        migration(out, entry)
    told = [f"{found.records:,} records in {PurePath(found.file).name}"]
    if found.solved_before:
        by = ", ".join(map(str, found.solved_by))
        told.append(f"{found.solved_before:,} solved before (by migration {by}) and left alone")
    would = "would be " if found.dry_run else ""
    told.append(f"{found.solved:,} {would}solved")
    told.append(f"{found.open:,} {'would stay' if found.dry_run else 'stay'} in quarantine")
    out.print(f"{'; '.join(told)}.", markup=False)
    if found.open and not found.dry_run:
        out.print(
            "Why: see the next workbook, "
            f"ispmig quarantine {found.tenant} --format xlsx --out FILE",
            markup=False,
        )


_WHY_KEPT = {
    "changed": "somebody changed it since",
    "deleted": "somebody deleted it since",
    "later": "migration {migration} wrote it again; roll that back first",
    "referred": "a row of {entity}{of} refers to it",
    "parent_gone": "it would refer to a row of {entity} that is not there any more",
    "overwritten": "somebody had changed or deleted it; taken back all the same",
}


def rolled_back(
    out: Console, found: Rollback, kept: Sequence[Kept], *, total: int | None = None
) -> None:
    """What a rollback took back, and what it kept, with why.

    ``total``: how many kept rows there are, where not all of them are shown.
    """
    table = _table(
        f"Rollback {found.id} of tenant {found.tenant}" + (" (dry run)" if found.dry_run else ""),
        "migration", "entity", "removed", "restored", "put back", "kept",
        numbers=("migration", "removed", "restored", "put back", "kept"),
    )  # fmt: skip
    for one in found.migrations:
        entities = dict.fromkeys([*one.removed, *one.restored, *one.put_back, *one.kept])
        for entity in entities:
            left = sum(n for why, n in one.kept.get(entity, {}).items() if why != "overwritten")
            counts = [c.get(entity, 0) for c in (one.removed, one.restored, one.put_back)]
            table.add_row(str(one.migration), entity, *(f"{n:,}" for n in (*counts, left)))
    _show(out, table)
    if kept:
        rows = _table("", "migration", "entity", "key", "why", numbers=("migration",))
        for row in kept:
            of = f" (of migration {row.by_migration})" if row.by_migration else ""
            why = _WHY_KEPT[row.why].format(migration=row.by_migration, entity=row.by_entity, of=of)
            rows.add_row(str(row.migration), row.entity, Text(" ".join(row.key)), why)
        _show(out, rows)
        if total and total > len(kept):
            out.print(f"and {total - len(kept):,} more; all of them: --json")
    would = "would be" if found.dry_run else "were"
    out.print(
        f"{found.rows:,} rows {would} taken back and {found.left:,} kept, in {found.seconds:.1f} s."
    )


def restore_points(out: Console, tenant: str, found: Sequence[RestorePoint]) -> None:
    """What can be rolled back, and until when."""
    if not found:
        out.print(f"Tenant {tenant} has no migration that could be rolled back.")
        return
    table = _table(
        "", "migration", "state", "ended", "until", "rows kept as before", "bytes",
        numbers=("migration", "rows kept as before", "bytes"),
    )  # fmt: skip
    for point in found:
        told = point.as_json()
        table.add_row(
            str(point.migration.id), point.migration.state.value, told["finished_at"][:10],
            told["until"][:10], f"{point.rows:,}", f"{point.size:,}",
        )  # fmt: skip
    _show(out, table)


def backed_up(out: Console, made: dict[str, Any]) -> None:
    """A backup that was made."""
    how = "all rows" if made["kind"] == "full" else f"what changed since {made['parent']}"
    files = f" and {made['files']:,} files" if made["files"] else ""
    out.print(
        f"Snapshot {made['snapshot']} of tenant {made['tenant']}: {made['rows']:,} rows{files}. "
        f"Read {how}; stored {_size(made['bytes_stored'])} of {_size(made['bytes_whole'])}, in "
        f"{made['seconds']:.1f} s."
    )
    for one in made["left_out"]:
        out.print(f"Not in it: {one['path']}: {one['why']}", markup=False)


def backups(out: Console, told: dict[str, Any], ages: Sequence[str]) -> None:
    """A tenant's snapshots, the newest first."""
    if not told["snapshots"]:
        out.print(
            f"There is no backup of tenant {told['tenant']} yet. Make one with: ispmig backup "
            f"create {told['tenant']}"
        )
    else:
        numbers = ("rows", "files", "size", "stored")
        table = _table(
            "", "snapshot", "age", "kind", *numbers, "state", "relied on",
            numbers=(*numbers, "age"),
        )  # fmt: skip
        for one, age in zip(told["snapshots"], ages, strict=True):
            if "problem" in one:
                table.add_row(one["snapshot"], age, "unreadable", "", "", "", "", one["state"], "")
                continue
            table.add_row(
                one["snapshot"], age, one["kind"], f"{one['rows']:,}", f"{one['files']:,}",
                _size(one["bytes_whole"]), _size(one["bytes_stored"] or 0), one["state"],
                one["parent"] or "",
            )  # fmt: skip
        _show(out, table)
        for one in told["snapshots"]:
            if "problem" in one:
                out.print(one["problem"], markup=False)
        if told["total"] > len(told["snapshots"]):
            out.print(f"and {told['total'] - len(told['snapshots']):,} older; all of them: --all")
    for id in told["former"]:
        out.print(
            f"Backups of a former tenant of this name: ispmig backup list {told['tenant']} --key "
            f"{id}"
        )


def backup(out: Console, told: dict[str, Any]) -> None:
    """One snapshot, table by table."""
    out.print(
        f"Snapshot {told['snapshot']} of tenant {told['tenant']}, {told['kind']}, as of "
        f"{told['instant']}: {told['rows']:,} rows, {len(told['files']):,} files, "
        f"{_size(told['bytes_whole'])}"
    )
    out.print(told["place"], markup=False)
    numbers = ("rows", "pieces", "overlays", "size")
    table = _table("", "table", "read", *numbers, numbers=numbers)
    for name, one in told["tables"].items():
        table.add_row(
            Text(name), one["read"] or "", f"{one['rows']:,}", f"{one['pieces']:,}",
            f"{one['overlays']:,}", _size(one["bytes"]),
        )  # fmt: skip
    _show(out, table)


def backup_keys(out: Console, tenant: str, found: list[dict[str, Any]]) -> None:
    """A tenant's keys, without their secrets."""
    if not found:
        out.print(f"Tenant {tenant} has no backup key yet: the first backup makes it.")
        return
    table = _table("", "key", "made", "rotations", "of", "public key", numbers=["rotations"])
    for one in found:
        table.add_row(
            one["id"], one["made"][:10], str(one["rotations"]),
            "the tenant" if one["present"] else "a former tenant of this name", one["public_key"],
        )  # fmt: skip
    _show(out, table)
    recovery = found[0]["recovery"]
    out.print(
        f"Who can open new backups besides: {', '.join(recovery)}"
        if recovery
        else "Nobody can open backups besides: if the key is lost, so are they. Set "
        "ISPMIG_BACKUP_RECOVERY."
    )


def _size(count: int) -> str:
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:,.1f} {unit}"
    return f"{count} B"


def exported(out: Console, manifest: dict[str, Any]) -> None:
    """An export: its entities and files."""
    sizes: dict[str, tuple[int, int]] = {}
    for file in manifest["files"]:
        files, size = sizes.get(file["entity"], (0, 0))
        sizes[file["entity"]] = files + 1, size + file["bytes"]
    table = _table("", "entity", "rows", "files", "bytes", numbers=["rows", "files", "bytes"])
    for name, told in manifest["entities"].items():
        files, size = sizes.get(name, (0, 0))
        table.add_row(name, f"{told['rows']:,}", str(files), f"{size:,}")
    _show(out, table)
    how = ", masked" if manifest["masked"] else ""
    out.print(
        f"Tenant {manifest['tenant']} as of {manifest['instant']}{how}: {manifest['out']}",
        markup=False,
    )


def digest(out: Console, found: dict[str, Any]) -> None:
    """A tenant's digest."""
    table = _table("", "entity", "rows", "digest", numbers=["rows"])
    for name, entity in found["entities"].items():
        table.add_row(name, f"{entity['rows']:,}", entity["digest"])
    _show(out, table)
    out.print(f"{found['tenant']}: {found['digest']}")


def inspected(out: Console, files: list[dict[str, Any]]) -> None:
    """What is in files."""
    for file in files:
        told = [file["format"], file["encoding"], file["compression"]]
        if file["delimiter"]:
            told.append(f"delimiter {file['delimiter']!r}")
        where = f"{file['path']}/{file['member']}" if file["member"] else file["path"]
        out.print(f"{where}: {', '.join(t for t in told if t)}", markup=False)
        for name in ("notes", "questions"):
            for text in file.get(name, ()):
                out.print(f"  {text}", markup=False)
        for found in file["tables"]:
            table = _table(f"{found['name']}: {found['rows']:,} rows", "column", "type", "empty",
                           numbers=["empty"])  # fmt: skip
            for column in found["columns"]:
                table.add_row(Text(column["name"]), column["type"], f"{column['nulls']:,}")
            _show(out, table)
        for problem in file["problems"]:
            where = f"record {problem['record']}" if problem.get("record") else ""
            if problem.get("line"):
                where += f", line {problem['line']}"
            out.print(f"  {where}: {problem['message']} ({problem['code']})", markup=False)


def converted(out: Console, found: Converted) -> None:
    """What was written, table by table."""
    table = _table("", "table", "records", "unreadable", "bytes", "seconds", "file",
                   numbers=["records", "unreadable", "bytes", "seconds"])  # fmt: skip
    for one in found.tables:
        table.add_row(
            Text(one.table),
            f"{one.records:,}",
            f"{one.rejects:,}",
            f"{one.bytes:,}",
            f"{one.seconds:.1f}",
            Text(one.file or "-"),
        )
    _show(out, table)
    for note in found.notes:
        out.print(f"  {note}", markup=False)


def rejects(out: Console, found: Converted) -> None:
    """The records that could not be read: the first of them, and where all of them are."""
    for told in found.told:
        out.print(told, markup=False)
    if found.rejects > len(found.told):
        out.print(f"… and {found.rejects - len(found.told):,} more")
    if found.rejects:
        kept = f": they are in {found.rejects_file}" if found.rejects_file else ""
        out.print(f"ispmig: {found.rejects:,} record(s) could not be read{kept}.", markup=False)


def status(out: Console, found: dict[str, Any]) -> None:
    """What is running."""
    for part, facts in found.items():
        if isinstance(facts, dict):
            told = ["running" if facts["running"] else "not running"]
            told += ["embedded"] if facts.get("embedded") else []
            told += [
                f"{name} {value}"
                for name, value in facts.items()
                if name not in ("running", "embedded") and value not in (None, "")
            ]
            out.print(f"{part}: {', '.join(told)}", markup=False)
        else:
            out.print(f"{part}: {facts}", markup=False)
