"""``COPY … FROM stdin``: where its lines stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.sql.events import Begin, Changed, CopyLines, End, Event
from ispmig_pipelines.formats.sql.names import Scope
from ispmig_pipelines.formats.sql.script import Script
from ispmig_pipelines.formats.sql.tokens import Name, parse_columns, parse_name

_END_OF_COPY = re.compile(rb"\\\.[ \t]*\r?(?:\n|\Z)")
_END_OF_COPY_LINE = re.compile(rb"\n\\\.[ \t]*\r?(?:\n|\Z)")


def read_copy(script: Script, wants: Callable[[Name, Scope], bool]) -> Iterator[Event]:
    """What the COPY that begins here means.

    Raises:
        SourceError: it has options of its own, or the script ends within it.
    """
    window = script.window
    found = script.head(script.lex.copy)
    if found is None:
        yield Changed("copy", "", window.line())
        script.pass_statement()
        return
    options = found.group("options").strip()
    if options and re.search(rb"CSV|DELIMITER|NULL|BINARY|FORMAT\s+(?!text)", options, re.I):
        raise SourceError(
            f"{window.name}: the COPY on line {window.line():,} has options of its own, and "
            "only COPY's plain text format is read. Export the table with pg_dump, or as CSV."
        )
    name = parse_name(found.group("name"), script.lex)
    columns = parse_columns(found.group("columns"), script.lex)
    start_line, start = window.line(), window.offset()
    yield Begin(name, columns, script.scope, start, start_line, script.delimiter)
    window.pos = found.end()
    yield from _copied(script, wants(name, script.scope), start_line)
    yield End(window.offset())


def _copied(script: Script, wanted: bool, start_line: int) -> Iterator[Event]:
    window = script.window
    while True:
        data, pos = window.data, window.pos
        # The end is a line of its own; the place before it is part of the search.
        end = pos if _END_OF_COPY.match(data, pos) else -1
        if end < 0:
            found = _END_OF_COPY_LINE.search(data, pos)
            end = found.start() + 1 if found else -1
        if end >= 0:
            if wanted and end > pos:
                yield CopyLines(data[pos:end], window.line())
            window.pos = end
            script.pass_line()
            return
        last = _end_of_lines(data, pos)
        # The line feed before the end's line must stay at hand with it: the last line waits.
        if last > pos:
            if wanted:
                yield CopyLines(data[pos:last], window.line())
            window.pos = last
        if not window.more():
            if _END_OF_COPY.match(window.data, window.pos):
                continue
            raise script.truncated("the data of a COPY", window.pos, start_line)


def _end_of_lines(data: bytes, pos: int) -> int:
    """Where the last whole line ends, 0 where none does; a line feed behind a backslash is part
    of a cell."""
    last = data.rfind(b"\n", pos)
    while last >= 0:
        before = data[pos:last].removesuffix(b"\r")
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            break
        last = data.rfind(b"\n", pos, last)
    return last + 1
