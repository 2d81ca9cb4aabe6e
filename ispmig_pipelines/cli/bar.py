"""The bar in the terminal of who waits for a run of a command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from ispmig_pipelines.defs.tenant_migration.progress import Standing


@contextmanager
def bar(*, quiet: bool) -> Iterator[None]:
    """Shows how far the block's work is: each piece that is under way, with its rate and the time
    that is left.

    Where standard error is no terminal, or with ``quiet`` (JSON was asked for), there is none, and
    the run says lines instead, as logs.
    """
    if quiet or not sys.stderr.isatty():
        yield
        return
    from ispmig_pipelines.defs.tenant_migration.progress import watched

    with _made(Console(stderr=True, highlight=False)) as shown, watched(_Pieces(shown).show):
        yield


def _made(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[far]}", markup=False),
        console=console,
        # What is left in the terminal is what the command says in the end.
        transient=True,
        refresh_per_second=4,
        # It may lead elsewhere.
        redirect_stdout=False,
    )


class _Pieces:
    """The pieces of work that have not ended, a line each."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def show(self, standing: Standing) -> None:
        key = (standing.stage, standing.what)
        if standing.ended:
            if (known := self._tasks.pop(key, None)) is not None:
                self._shown.remove_task(known)
            return
        _, _, far = standing.text.partition(": ")
        if key not in self._tasks:
            self._tasks[key] = self._shown.add_task(
                f"{standing.stage} {standing.what}", total=None, far=far
            )
        # Without a total the bar only moves.
        known_share = standing.share is not None
        self._shown.update(
            self._tasks[key],
            total=1.0 if known_share else None,
            completed=standing.share or 0.0,
            far=far,
        )
