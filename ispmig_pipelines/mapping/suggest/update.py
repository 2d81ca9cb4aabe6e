"""Suggestions for a spec that is there: its text stays, byte for byte, and lines are added.

A line is added where the spec reads a source, fills an entity from it, and neither reads the
line's columns nor fills its field; a block where it fills the entity from that source not at
all and reads none of the block's columns but keys; a source where it does not know the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.mapping.spec import Feed, Spec, parse_spec
from ispmig_pipelines.mapping.suggest.draft import Block, Draft, Source
from ispmig_pipelines.mapping.suggest.write import block_rows, flow, line_text, scalar
from ispmig_pipelines.model import ENTITIES


def updated(text: str, draft: Draft, path: Path) -> str:
    """The spec's own text with what it lacks.

    Raises:
        SpecError: the spec that is there has mistakes.
    """
    spec = parse_spec(text, path)
    known = {source.name: _same_source(spec, source) for source in draft.sources}
    changed = _with_lines(text, spec, draft, known, path)
    return _with_sources(changed, draft, known, path)


def _files(words: object) -> set[str]:
    if isinstance(words, str):
        return {str(Path(words))}
    return {str(Path(w)) for w in words or ()} if isinstance(words, Sequence) else set()


def _same_source(spec: Spec, source: Source) -> str:
    """Name under which the spec has the source; "" if it does not."""
    wanted = _files(source.words.get("files"))
    for name, there in spec.sources.items():
        if there.database is not None:
            if there.database == source.words.get("database") and there.table == source.words.get(
                "table"
            ):
                return name
            continue
        if there.table not in (None, source.words.get("table")):
            continue
        folder = spec.path.parent
        patterns = there.files or ()
        held = {str(Path(p)) for p in patterns}
        for pattern in patterns:
            held |= {
                str(f.relative_to(folder))
                for f in folder.glob(pattern) if not Path(pattern).is_absolute()
            } if "://" not in pattern and ".." not in pattern else set()  # fmt: skip
        if wanted & held:
            return name
    return ""


def _with_lines(text: str, spec: Spec, draft: Draft, known: dict[str, str], path: Path) -> str:
    """Adds lines to the blocks that are there, from the last to the first."""
    for block in draft.blocks:
        name = known.get(block.source, "")
        if block.asked or not name:
            continue
        feeds = [f for f in spec.feeds_of(name) if f.entity == block.entity]
        if not feeds:
            continue
        feed = feeds[0]
        used = {
            c.strip().casefold()
            for f in spec.feeds_of(name) for m in f.fields.values() for c in m.source_columns
        }  # fmt: skip
        lines = [
            line for line in block.lines
            if line.columns and line.field not in feed.fields
            and (line.active or f"{line.field}: {flow(line.mapping)}" not in text)
            and not any(c.strip().casefold() in used for c in line.columns)
        ]  # fmt: skip
        # The currency goes with its amounts, whoever else reads its column.
        money = ENTITIES[block.entity].money
        needed = {money[line.field] for line in lines if line.active and line.field in money}
        lines += [
            line for line in block.lines
            if line.field in needed and line.field not in feed.fields and line not in lines
        ]  # fmt: skip
        if not lines:
            continue
        added = _inserted(text, spec, feed, [line_text(line) for line in lines])
        try:
            spec = parse_spec(added, path)
        except SpecError:
            comments = [f"# {line_text(line).removeprefix('# ')}" for line in lines]
            added = _inserted(text, spec, feed, comments)
            spec = parse_spec(added, path)
        text = added
    return text


def _inserted(text: str, spec: Spec, feed: Feed, lines: list[str]) -> str:
    """The lines after the last field of a block; as comments below it where its fields are written
    in braces."""
    rows = text.splitlines(keepends=True)
    first = [spec.field_line(feed, name) for name in feed.fields]
    head = spec.block_line(feed, "fields")
    in_braces = any(line == head for line in first) or len(set(first)) < len(first)
    last = max(first)
    if in_braces:
        indent = len(rows[head - 1]) - len(rows[head - 1].lstrip())
        lines = [f"# {line.removeprefix('# ')}" for line in lines]
        at = _end_of(rows, head, indent)
    else:
        indent = len(rows[last - 1]) - len(rows[last - 1].lstrip())
        at = _end_of(rows, last, indent)
    ending = "\r\n" if rows[head - 1].endswith("\r\n") else "\n"
    if at and not rows[at - 1].endswith(("\n", "\r")):
        rows[at - 1] += ending
    rows[at:at] = [f"{' ' * indent}{line}{ending}" for line in lines]
    return "".join(rows)


def _end_of(rows: list[str], line: int, indent: int) -> int:
    """Number of the last line of what begins at ``line`` (from 1)."""
    at = line
    while at < len(rows):
        row = rows[at]
        depth = len(row) - len(row.lstrip())
        closes = row.lstrip()[:1] in ("}", "]")
        if not row.strip() or (depth <= indent and not closes):
            break
        at += 1
    return at


def _with_sources(text: str, draft: Draft, known: dict[str, str], path: Path) -> str:
    """Adds the sources that the spec does not know, with their blocks."""
    new = [s for s in draft.sources if not known[s.name]]
    for source in new:
        every = draft.blocks_of(source.name)
        blocks = [b for b in every if not b.asked]
        if not blocks:
            text = _with_comments(text, source, every)
            continue
        spec = parse_spec(text, path)
        name, count = source.name, 1
        while name in spec.sources:
            count += 1
            name = f"{source.name}_{count}"
        for block in draft.blocks_of(source.name):
            block.source = name
        source.name = name
        added = _source_added(text, spec, source)
        for block in blocks:
            added = _block_added(added, block, path)
        try:
            parse_spec(added, path)
        except SpecError:
            text = _with_comments(text, source, blocks)
        else:
            text = added
    return text


def _with_comments(text: str, source: Source, blocks: Sequence[Block]) -> str:
    """A source and its blocks as comments at the end: what they need is not known yet."""
    head = f"# suggested: {scalar(source.name)}: {flow(source.words)}"
    if not blocks or head in text:
        return text
    comments = [head]
    for block in blocks:
        comments.append(f"#   {block.entity}:" + (f"  # {block.asked}" if block.asked else ""))
        rows = (row.text for row in block_rows(block))
        comments += [row if row.lstrip().startswith("#") else f"# {row}" for row in rows]
    return text.rstrip("\n") + "\n\n" + "\n".join(comments) + "\n"


def _source_added(text: str, spec: Spec, source: Source) -> str:
    rows = text.splitlines(keepends=True)
    names = list(spec.sources)
    lines = [spec.line_of("sources", name) for name in names]
    last = max(lines)
    indent = len(rows[last - 1]) - len(rows[last - 1].lstrip())
    at = _end_of(rows, last, indent)
    if rows and not rows[at - 1].endswith("\n"):
        rows[at - 1] += "\n"
    rows.insert(at, f"{' ' * indent}{scalar(source.name)}: {flow(source.words)}\n")
    return "".join(rows)


_FROM = re.compile(r"^(\s*)-\s")


def _block_added(text: str, block: Block, path: Path) -> str:
    """A block at the end of its entity; as a further element where the entity has a list."""
    written = [row.text for row in block_rows(block)]
    rows = text.splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        rows[-1] += "\n"
    lines = _entity_lines(rows)
    if block.entity not in lines:
        inner = next((d for e, (n, d) in lines.items() if e != "entities"), 2)
        shift = " " * (inner - 2) if inner > 2 else ""
        body = [f"{shift}  {block.entity}:\n", *(f"{shift}{row}\n" for row in written)]
        rows[len(rows) :] = body
        return "".join(rows)
    start, indent = lines[block.entity]
    end = _end_of_entity(rows, start, indent)
    first = next((r for r in rows[start:end] if r.strip() and not r.lstrip().startswith("#")), "")
    match = _FROM.match(first)
    if match:
        own = len(match[1])
        rows[end:end] = [f"{' ' * own}{row[4:]}\n" for row in written]
        return "".join(rows)
    if rows[start - 1].split("#")[0].rstrip().endswith(":"):
        # One block becomes the first of a list: it is moved in by two, and nothing else.
        depth = len(first) - len(first.lstrip())
        moved = []
        began = False
        for row in rows[start:end]:
            if not row.strip():
                moved.append(row)
            elif not began and not row.lstrip().startswith("#"):
                moved.append(f"{' ' * depth}- {row.lstrip()}")
                began = True
            else:
                moved.append(f"  {row}")
        moved += [f"{' ' * depth}{row[4:]}\n" for row in written]
        rows[start:end] = moved
    return "".join(rows)


def _entity_lines(rows: list[str]) -> dict[str, tuple[int, int]]:
    """Entity (and ``entities``) → (line, indent) in the text."""
    found: dict[str, tuple[int, int]] = {}
    inside = False
    for number, row in enumerate(rows, start=1):
        key = re.match(r"^(\s*)([A-Za-z_]+)\s*:", row)
        if key is None:
            continue
        if not key[1]:
            inside = key[2] == "entities"
            if inside:
                found["entities"] = (number, 0)
        elif inside and key[2] in ENTITIES:
            depths = {d for e, (_, d) in found.items() if e != "entities"}
            if not depths or len(key[1]) in depths:
                found.setdefault(key[2], (number, len(key[1])))
    return found


def _end_of_entity(rows: list[str], start: int, indent: int) -> int:
    at = start
    last = start
    while at < len(rows):
        row = rows[at]
        if row.strip():
            depth = len(row) - len(row.lstrip())
            if depth <= indent:
                break
            last = at + 1
        at += 1
    return last
