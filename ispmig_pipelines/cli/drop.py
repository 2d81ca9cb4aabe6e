"""Files that are dropped: which spec is for which, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.cli.console import connected, say, told
from ispmig_pipelines.cli.words import Json, Slug
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.validation import threshold

drop_app = typer.Typer(
    help="File drop: files that are migrated as soon as they are there.", no_args_is_help=True
)


@drop_app.command("add")
def drop_add(
    tenant: Slug,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec's YAML file.")],
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB|SOURCE=GLOB",
            help="Names of files; the spec's own unless said; may be repeated.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the rule; the spec's unless said.")] = "",
    settle: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, max=604_800, help="How long files must not change."),
    ] = 60.0,
    marked: Annotated[
        bool, typer.Option("--marked", help="Take files with a marker or a manifest only.")
    ] = False,
    on_conflict: Annotated[
        OnConflict, typer.Option("--on-conflict", help="Who wins where the tenant differs.")
    ] = OnConflict.update,
    max_quarantined: Annotated[
        str, typer.Option("--max-quarantined", help="Most records in quarantine: 250 or 2.5%.")
    ] = threshold.DEFAULT,
    as_json: Json = False,
) -> None:
    """Migrate files by a spec as soon as they are dropped."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import dropping

        rule = dropping.add_rule(
            connection, tenant, spec, pattern or (), name=name, settle=settle, marked=marked,
            on_conflict=on_conflict.value, max_quarantined=max_quarantined,
        )  # fmt: skip
        found = dropping.listing(connection, tenant, 0)
        patterns = ", ".join(dict.fromkeys(g for own in rule.patterns.values() for g in own))
        say(
            {"tenant": tenant, "place": found["place"], "rule": rule.told()},
            lambda out: out.print(
                f"Rule {rule.name}: {patterns} in {found['place']} will be migrated. The text of "
                "the spec was kept: add it again when you change it.",
                markup=False,
            ),
        )


@drop_app.command("remove")
def drop_remove(
    tenant: Slug,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Name of the rule.")],
    as_json: Json = False,
) -> None:
    """Migrate files of a rule no more; they go to review from now on."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import dropping

        gone = dropping.remove_rule(connection, tenant, rule)
        say(
            {"tenant": tenant, "removed": gone.told()},
            lambda out: out.print(f"Rule {gone.name} is gone.", markup=False),
        )


@drop_app.command("list")
def drop_list(
    tenant: Slug,
    limit: Annotated[int, typer.Option(min=0, help="Most drops to list, the newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List what lies in a tenant's drop place, and what became of what did."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import dropping

        found = dropping.listing(connection, tenant, limit)
        say(found, lambda out: tables.drops(out, found))


@drop_app.command("retry")
def drop_retry(
    tenant: Slug,
    drop: Annotated[int, typer.Argument(metavar="DROP", help="Its number.")],
    as_json: Json = False,
) -> None:
    """Put the files of a drop back where they were dropped, to be taken once more."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import dropping

        one = dropping.retry(connection, tenant, drop)
        say(
            one,
            lambda out: out.print(
                f"The files of drop {drop} were put back; the sensor file_drop takes them.",
                markup=False,
            ),
        )
