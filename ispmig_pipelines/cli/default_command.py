"""Groups of commands of which one is meant where none is named."""

from __future__ import annotations

from typing import Any

import typer.core


def unless_named(command: str) -> type[typer.core.TyperGroup]:
    """A group in which what begins with no command's name is for this one: with ``list``,
    ``ispmig quarantine acme`` is ``ispmig quarantine list acme``."""

    class Group(typer.core.TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0] not in self.commands and args[0] != "--help":
                args = [command, *args]
            return super().parse_args(ctx, args)

    return Group
