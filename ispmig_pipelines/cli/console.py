"""What every command stands on: how it ends, what it says, and what it is connected to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console

from ispmig_pipelines.endings import Ending, ending_of
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.loading import loading

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection, Engine

options = {"json": False, "debug": False, "told": False}
"""What was said of the command that runs, and whether it has said how it ended."""

_AGAIN = "ispmig --debug …"


def say(data: dict[str, Any], show: Callable[[Console], None]) -> None:
    """Puts out what a command found: the data as JSON where that was asked for, else as shown."""
    if options["json"]:
        _write(data)
    else:
        show(console())


def say_failed(
    error: IspmigError,
    data: dict[str, Any],
    show: Callable[[Console], None],
    *,
    in_words: bool = False,
) -> NoReturn:
    """Puts out what a command found, as :func:`say` does, and ends it with what is wrong with that.

    Args:
        in_words: what is shown tells it already, to people.
    """
    ending = replace(ending_of(error, again=_AGAIN), data=data)
    if not options["json"]:
        show(console())
    if options["json"] or not in_words:
        tell(ending)
    raise typer.Exit(ending.exit_code)


def _write(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data, ensure_ascii=False, default=str) + "\n")


def console(*, to_errors: bool = False) -> Console:
    """Where people read: standard output, or standard error."""
    return Console(stderr=to_errors, highlight=False, soft_wrap=True)


def progress(text: str) -> None:
    """Says what is being done to whoever watches."""
    out = console(to_errors=True)
    if out.is_terminal:
        out.print(f"… {text}", markup=False)


def write_records(tenant: str, records: Iterator[dict[str, Any]], total: int | None = None) -> int:
    """The listing as one JSON object, record by record: it may be longer than memory. Returns how
    many records there are.

    ``total``: of a page, how many records there are.
    """
    counted = "" if total is None else f'"total": {total}, '
    sys.stdout.write(f'{{"tenant": {json.dumps(tenant)}, {counted}"records": [')
    written = 0
    for record in records:
        text = json.dumps(record, ensure_ascii=False, default=str)
        sys.stdout.write(f", {text}" if written else text)
        written += 1
    sys.stdout.write("]}\n")
    return written


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Ends the command with a paragraph instead of a traceback, and with the right exit code."""
    options["json"] = as_json
    options["told"] = False
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except (Exception, KeyboardInterrupt) as error:
        if options["debug"]:
            raise
        ending = ending_of(error, again=_AGAIN)
        tell(ending)
        raise typer.Exit(ending.exit_code) from None


def tell(ending: Ending) -> None:
    """Says how the command ends."""
    options["told"] = True
    if options["json"]:
        _write(ending.as_json())
    else:
        console(to_errors=True).print(f"ispmig: {ending.message}", markup=False)


def has_told() -> bool:
    """Whether the command has said how it ends."""
    return options["told"]


@contextmanager
def platform() -> Iterator[Engine]:
    """The database with the ledger ready and its catalogs closed; its failures are told in
    words."""
    with loading():
        from ispmig_pipelines.platform import catalogs, ledger
        from ispmig_pipelines.platform.server import engine, told_plainly

    with told_plainly():
        database = engine()
        ledger.prepare(database)
        catalogs.prepare(database)
        yield database


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection to the database, with the ledger ready."""
    with platform() as database, database.connect() as connection:
        yield connection
