"""What an installation needs as it is set up, upgraded, or taken back to an older release."""

from __future__ import annotations

import os
import shutil
import signal
from typing import Annotated, Any

import typer
from rich.console import Console

from ispmig_pipelines.cli.console import say, told
from ispmig_pipelines.cli.words import Json
from ispmig_pipelines.errors import UsageError

platform_app = typer.Typer(
    help="The platform's own tables: their versions, upgraded or taken back.", no_args_is_help=True
)


@platform_app.command("version")
def versions(as_json: Json = False) -> None:
    """Say which release this is, and of which the tables in the database are."""
    with told(as_json):
        from ispmig_pipelines.defs import upgrade as upgrading

        found = upgrading.versions()
        say(found, lambda out: _versions(out, found))


def _versions(out: Console, found: dict[str, Any]) -> None:
    out.print(f"ispmig {found['release']}, Dagster {found['dagster']}", markup=False)
    out.print(f"ledger: {found['ledger'] or 'none'} (this release: {found['ledger_newest']})")
    out.print(f"Dagster's tables: {'there' if found['dagster_tables'] else 'none'}", markup=False)
    for slug, lacking in found["tenants"].items():
        if lacking:
            out.print(f"{slug} lacks {_fields(lacking)}", markup=False)


@platform_app.command("upgrade")
def upgrade(as_json: Json = False) -> None:
    """Bring the ledger, Dagster's tables and all tenants' up to this release."""
    with told(as_json):
        from ispmig_pipelines.defs import upgrade as upgrading

        found = upgrading.upgrade()
        say(found, lambda out: _upgraded(out, found))


def _upgraded(out: Console, found: dict[str, Any]) -> None:
    before, after = found["ledger_before"], found["ledger"]
    what = "as it was" if before == after else f"from {before or 'nothing'}"
    out.print(f"ledger: {after} ({what}). Dagster's tables: up to date.", markup=False)
    for slug, gained in found["tenants"].items():
        if gained:
            out.print(f"{slug} gained {_fields(gained)}", markup=False)


def _fields(by_entity: dict[str, list[str]]) -> str:
    return ", ".join(f"{entity}.{name}" for entity, names in by_entity.items() for name in names)


@platform_app.command("downgrade")
def downgrade(
    revision: Annotated[str, typer.Argument(metavar="VERSION", help="Of the ledger, e.g. 0008.")],
    discard: Annotated[
        bool, typer.Option("--discard", help="Give up what that version has no place for.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Take this empty column from all tenants too, as customer.language."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take the ledger back to the version of an older release, before that is started."""
    with told(as_json):
        from ispmig_pipelines.platform import going_back
        from ispmig_pipelines.platform.server import engine, told_plainly

        columns = [_column(name) for name in without or ()]
        with told_plainly():
            losses = going_back.downgrade(engine(), revision, discard=discard, without=columns)
        found = {"ledger": revision, "discarded": [vars(loss) for loss in losses]}
        say(found, lambda out: _downgraded(out, revision, [str(loss) for loss in losses]))


def _column(name: str) -> tuple[str, str]:
    entity, dot, field = name.partition(".")
    if not (entity and dot and field):
        raise UsageError(f"--without {name[:80]!r} names no column. Write it as customer.language")
    return entity, field


def _downgraded(out: Console, revision: str, losses: list[str]) -> None:
    given_up = f" Given up: {', '.join(losses)}." if losses else ""
    out.print(
        f"The ledger is of version {revision}.{given_up} Start the older release, and nothing of "
        "this one: it would upgrade it again.",
        markup=False,
    )


def execute(context: typer.Context) -> None:
    """Run a program of Dagster on this platform's instance, in place of this command."""
    with told(False):
        from ispmig_pipelines.defs.instance import prepare

        program, *words = context.args or [""]
        found = shutil.which(program)
        if found is None:
            raise UsageError(
                f"There is no program {program[:80]!r} to run. Name one, with its options: "
                "ispmig exec dagster-daemon run --workspace workspace.yaml"
            )
        environment = {**os.environ, **prepare()}
        # A shell lets what it starts in the background ignore Ctrl-C, and Dagster's programs take
        # SIGTERM as they take that: nothing but SIGKILL would end them.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Not as a child: signals are for the program, and its exit code for who asked.
        os.execve(found, [program, *words], environment)  # noqa: S606
