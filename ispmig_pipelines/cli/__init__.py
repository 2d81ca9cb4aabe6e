"""``ispmig``: the same work as in the Dagster UI, without a browser.

Every command takes ``--json``: one JSON object on standard output and nothing else there. What
people read goes there otherwise; logs always go to standard error. Exit codes: 0 done, 1 the
migration must not stand, the audit trail or a report was tampered with, not every record could be
converted or two specs differ, 2 wrong usage, spec or input, 3 database or storage failed.
"""

from __future__ import annotations

import gc
import signal
import sys

import typer
from typer.exceptions import TyperException

from ispmig_pipelines.cli import (
    alerts,
    audit,
    backup,
    backup_upkeep,
    content,
    deployment,
    drop,
    files,
    journal,
    migration,
    quarantine,
    report,
    restore,
    rollback,
    service,
    spec,
    tenant,
    watching,
)
from ispmig_pipelines.cli.console import has_told, options, tell
from ispmig_pipelines.cli.words import Debug
from ispmig_pipelines.endings import Ending, ending_of

app = typer.Typer(
    name="ispmig",
    help="Moves ISPs' businesses into a multi-tenant platform: complete, or not at all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def every_command(debug: Debug = False) -> None:
    """What holds for every command."""
    options["debug"] = options["debug"] or debug


app.add_typer(tenant.tenant_app, name="tenant")
app.add_typer(drop.drop_app, name="drop")
app.command()(files.inspect)
app.command()(files.suggest)
app.add_typer(spec.spec_app, name="spec")
app.command()(migration.preview)
app.command()(migration.migrate)
app.command()(migration.register)
app.command()(migration.cancel)
app.command()(migration.migrations)
app.command()(migration.migration)
app.add_typer(report.report_app, name="report")
app.add_typer(quarantine.quarantine_app, name="quarantine")
app.command()(quarantine.resubmit)
app.command("rollback")(rollback.roll_back)
app.command("restore-points")(rollback.restore_points)
app.add_typer(restore.restore_app, name="restore")
app.command()(content.digest)
app.command()(content.export)
app.command()(content.subject)
for command in (
    backup_upkeep.verify,
    backup_upkeep.prune,
    backup_upkeep.hold,
    backup_upkeep.release,
    backup_upkeep.drill,
    journal.journal,
):
    backup.backup_app.command(command.__name__)(command)
app.add_typer(backup.backup_app, name="backup")
app.add_typer(audit.audit_app, name="audit")
app.add_typer(alerts.alerts_app, name="alerts")
app.command()(files.convert)
app.command()(service.up)
app.command()(service.status)
app.command()(watching.metrics)
app.command()(watching.health)
app.add_typer(deployment.platform_app, name="platform")
app.command(
    "exec",
    # Everything behind it is the program's.
    context_settings={
        "allow_extra_args": True,
        "allow_interspersed_args": False,
        "ignore_unknown_options": True,
    },
)(deployment.execute)


_OBJECTS = 50_000
"""So many are made before garbage is looked for; Python's own way is 700."""


def main() -> None:
    """The entry point of the command ``ispmig``."""
    # Who ends a process by SIGTERM (a container, a service manager) is told as one who types
    # Ctrl-C: what it was doing is rolled back, and not only cut off.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What is imported stays: to look through it for garbage again and again, as thousands of
    # small objects come and go, takes a tenth of a second each time.
    gc.set_threshold(_OBJECTS)
    stopped = ending_of(KeyboardInterrupt(), again="")
    try:
        _run()
    except (KeyboardInterrupt, SystemExit) as ended:
        # Typer ends without a word where it is stopped outside of the command itself.
        if isinstance(ended, SystemExit) and (ended.code != stopped.exit_code or has_told()):
            raise
        options["json"] = "--json" in sys.argv
        tell(stopped)
        sys.exit(stopped.exit_code)


def _run() -> None:
    if sys.argv[1:2] == ["exec"]:
        app()
        return
    # Asked for when something went wrong, and then added at the end of the command.
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
        options["debug"] = True
    if "--json" not in sys.argv:
        app()
        return
    # Typer tells wrong usage on standard error only; who asked for JSON gets JSON.
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as error:
        options["json"] = True
        tell(Ending(error.format_message(), "usage", error.exit_code))
        sys.exit(error.exit_code)
