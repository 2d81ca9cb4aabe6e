"""Alerts: tried out, and looked at."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ispmig_pipelines.cli.console import connected, say, say_failed, told
from ispmig_pipelines.cli.words import Json
from ispmig_pipelines.errors import AlertError

alerts_app = typer.Typer(
    help="Alerts: what somebody has to know, by log, webhook and email.", no_args_is_help=True
)


@alerts_app.command("test")
def send_sample(as_json: Json = False) -> None:
    """Send a sample to each receiver that the settings name."""
    with told(as_json):
        from ispmig_pipelines.alerting import delivering, outbox
        from ispmig_pipelines.alerting.message import sample
        from ispmig_pipelines.settings import settings

        here = settings()
        message = sample(outbox.now(), here.ui_url)
        found: list[dict[str, Any]] = []
        for channel in delivering.channels(here):
            problem = None
            try:
                channel.send(message)
            except AlertError as error:
                problem = str(error)
            found.append({"channel": channel.name, "sent": problem is None, "problem": problem})
        data: dict[str, Any] = {"id": message.alerts[0].uid, "channels": found}
        wrong = [one for one in found if not one["sent"]]
        if wrong:
            untold = AlertError(" ".join(f"{one['channel']}: {one['problem']}" for one in wrong))
            say_failed(untold, data, lambda out: _tested(out, found), in_words=True)
        say(data, lambda out: _tested(out, found))


def _tested(out: Console, found: list[dict[str, Any]]) -> None:
    for one in found:
        what = "told." if one["sent"] else f"not told. {one['problem']}"
        out.print(f"{one['channel']}: {what}", markup=False)


@alerts_app.command("list")
def listing(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List what was told of, the newest first, and to whom."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.alerting import outbox

        found = outbox.listing(connection, limit)
        say({"alerts": found}, lambda out: _listed(out, found))


def _listed(out: Console, found: list[dict[str, Any]]) -> None:
    if not found:
        out.print("Nothing has happened.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("when", "what", "again", "told"):
        table.add_column(name, overflow="fold", justify="right" if name == "again" else "left")
    for one in found:
        channels = ", ".join(f"{c['channel']} {c['state']}" for c in one["channels"])
        again = f"{one['repeats']:,}" if one["repeats"] else ""
        table.add_row(one["at"][:19].replace("T", " "), one["title"], again, channels)
    out.print(table)
