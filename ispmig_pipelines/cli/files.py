"""What is in files: looked at, suggested a spec for, converted."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.cli.console import console, say, told
from ispmig_pipelines.cli.words import (
    Compression,
    Dialect,
    FileDelimiter,
    FileEncoding,
    FileFormat,
    FileMember,
    Files,
    Json,
    OutputFormat,
    SourceWords,
)
from ispmig_pipelines.errors import UsageError


def inspect(
    files: Files,
    format: FileFormat = "",
    encoding: FileEncoding = "",
    delimiter: FileDelimiter = "",
    member: FileMember = "",
    source: SourceWords = "",
    as_json: Json = False,
) -> None:
    """Say what is in files, by their content."""
    with told(as_json):
        from ispmig_pipelines.converting import Reading
        from ispmig_pipelines.database_url import is_database_url
        from ispmig_pipelines.formats.inspect import inspect_all
        from ispmig_pipelines.guarding import GuardedReader
        from ispmig_pipelines.validation.cards import redacted

        options = Reading(format, encoding, delimiter, member, source).options
        found: list[dict[str, Any]] = []
        for place in files:
            if is_database_url(place):
                from ispmig_pipelines.formats.database.reader import inspect_database

                found.append(inspect_database(place, guard=GuardedReader))
            else:
                found += inspect_all(place, guard=GuardedReader, **options)
        for one in found:
            one |= {"path": redacted(one["path"]), "member": redacted(one["member"])}
        say({"files": found}, lambda out: tables.inspected(out, found))


def suggest(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="SPEC", help="The spec to write.")],
    preset: Annotated[
        str, typer.Option(metavar="auto|none|NAME", help="What is known of the legacy system.")
    ] = "auto",
    currency: Annotated[
        str, typer.Option(metavar="CODE", help="Of amounts that do not say it, e.g. EUR.")
    ] = "",
    update: Annotated[
        bool, typer.Option("--update", help="Keep the spec that is there; add what it lacks.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the spec that is there.")] = False,
    format: FileFormat = "",
    encoding: FileEncoding = "",
    delimiter: FileDelimiter = "",
    member: FileMember = "",
    source: SourceWords = "",
    as_json: Json = False,
) -> None:
    """Suggest a spec for files: what becomes of their columns, and how sure that is."""
    with told(as_json):
        from ispmig_pipelines import suggesting
        from ispmig_pipelines.converting import Reading

        if out.exists() and not update and not force:
            raise UsageError(
                f"There is a spec {out} already. Say --update to keep it and add what it lacks, "
                "or --force to replace it."
            )
        found = suggesting.suggest(
            files,
            out,
            preset=preset,
            currency=currency,
            update=update,
            reading=Reading(format, encoding, delimiter, member, source),
        )
        suggesting.write(found)
        say(found.as_json(), lambda console: suggesting.tell(console, found))


def convert(
    files: Files,
    to: Annotated[OutputFormat, typer.Option(help="The format to write.")],
    out: Annotated[
        str, typer.Option("--out", "-o", help="A file, a folder (with / at its end), or -.")
    ],
    table: Annotated[
        list[str] | None, typer.Option(help="Only this table; may be given several times.")
    ] = None,
    dialect: Annotated[Dialect, typer.Option(help="Whose SQL is written.")] = Dialect.postgresql,
    compress: Annotated[Compression | None, typer.Option(help="Pack what is written.")] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where records that cannot be read are kept.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 if a record could not be read.")
    ] = False,
    keep_card_numbers: Annotated[
        bool,
        typer.Option(
            "--keep-card-numbers", help="Write card numbers and CVVs as they are, unmasked."
        ),
    ] = False,
    format: FileFormat = "",
    encoding: FileEncoding = "",
    delimiter: FileDelimiter = "",
    member: FileMember = "",
    source: SourceWords = "",
    as_json: Json = False,
) -> None:
    """Write what is in files in another format, cell for cell."""
    with told(as_json):
        from ispmig_pipelines import converting

        piped = out == converting.STANDARD_OUTPUT
        if piped and as_json:
            raise UsageError("-o - and --json both want the standard output: name a file with -o.")
        try:
            found = converting.convert(
                files,
                to.value,
                out,
                tables=table or (),
                dialect=dialect.value,
                compression=compress.value if compress else "",
                reading=converting.Reading(format, encoding, delimiter, member, source),
                rejects=rejects,
                standard_output=sys.stdout.buffer,
                keep_card_numbers=keep_card_numbers,
            )
            sys.stdout.flush()
        except (converting.PipeClosed, BrokenPipeError):
            # Nobody is left to take what the interpreter would still flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(128 + signal.SIGPIPE) from None
        if as_json:
            say(found.as_json(), lambda out: None)
        else:
            tables.converted(console(to_errors=piped), found)
        tables.rejects(console(to_errors=True), found)
        if strict and found.rejects:
            raise typer.Exit(1)
