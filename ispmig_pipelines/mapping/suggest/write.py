# ruff: noqa: E501
"""A draft as the text of a spec: lines with their reasons, comments for what is not sure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.mapping.suggest.compose import unmapped
from ispmig_pipelines.mapping.suggest.draft import Block, Draft, Line
from ispmig_pipelines.model import ENTITIES

_PLAIN = re.compile(r"[^\W\d][\w/+.-]*(?: [\w/+.-]+)*|\d+(?:\.\d+)?")
_NOT_PLAIN = {"null", "~", "true", "false", "yes", "no", "on", "off", "y", "n", ""}
_AT = re.compile(r"^[^:]*:(\d+): (.*)$", re.DOTALL)


def scalar(value: Any) -> str:
    """A word as YAML writes it, in a flow or a block."""
    if value is None:
        return "~"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        # Numbers are text in a spec; quoted, editors see them so too.
        return json.dumps(text) if text[0].isdigit() else text
    if text in ("true", "false"):
        return text
    return json.dumps(text, ensure_ascii=False)


def flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


@dataclass(frozen=True)
class _Row:
    """A line of the text and what of the draft it is."""

    text: str
    of: Line | Block | str | None = None


def written(draft: Draft, path: Path) -> str:
    """The text of a draft; what the check of specs does not take becomes a comment.

    Args:
        path: where it will be.
    """
    for _ in range(200):
        rows = _rows(draft)
        text = "\n".join(row.text for row in rows) + "\n"
        if not any(b for b in draft.blocks if not b.asked):
            return text
        try:
            parse_spec(text, path)
        except SpecError as error:
            if not _take_back(draft, rows, error):
                raise
        else:
            return text
    raise AssertionError("a draft cannot have so many mistakes")


def _take_back(draft: Draft, rows: list[_Row], error: SpecError) -> bool:
    """Makes comments of what has mistakes; whether there was something."""
    took = False
    for problem in error.problems:
        match = _AT.match(problem)
        if match is None:
            continue
        number, why = int(match[1]), match[2]
        of = rows[min(number, len(rows)) - 1].of
        if isinstance(of, Line) and of.active:
            of.active = False
            of.reason += f"; {why}"
            for block in draft.blocks:
                # Without its key or its reference a block cannot stand.
                needed = ENTITIES[block.entity].required
                if any(line is of for line in block.lines) and of.field in needed:
                    block.asked = f"{of.field}: {why}"
            took = True
        elif isinstance(of, Block) and not of.asked:
            of.asked = why
            took = True
        elif isinstance(of, str) and of in draft.defaults:
            del draft.defaults[of]
            took = True
    return took


def _rows(draft: Draft) -> list[_Row]:
    rows = [_Row(text) for text in _preface(draft)]
    rows += [_Row("version: 1"), _Row(f"name: {scalar(draft.name)}"), _Row("")]
    if draft.defaults or draft.asked_defaults:
        rows.append(_Row("defaults:"))
        for key, (value, comment) in draft.defaults.items():
            rows.append(_Row(f"  {key}: {flow(value)}" + _behind(comment), key))
        rows += [_Row(f"  # {line}") for line in draft.asked_defaults]
        rows.append(_Row(""))
    rows.append(_Row("sources:"))
    looked_up = _looked_up(draft)
    for source in draft.sources:
        used = source.name in looked_up or any(
            not block.asked for block in draft.blocks_of(source.name)
        )
        sign = "" if used else "# "
        why = "" if used else source.unused or "every block of it is a comment"
        rows.append(_Row(f"  {sign}{scalar(source.name)}: {flow(source.words)}{_behind(why)}"))
        if used:
            rows += [_Row(text) for text in _about(draft, source.name)]
    rows += [_Row(""), _Row("entities:")]
    for entity in ENTITIES:
        blocks = [b for b in draft.blocks if b.entity == entity]
        if not blocks:
            continue
        sign = "" if any(not b.asked for b in blocks) else "# "
        rows.append(_Row(f"  {sign}{entity}:"))
        for block in blocks:
            rows += block_rows(block)
    return rows


def _looked_up(draft: Draft) -> set[str]:
    """Sources that active lines and rules have their tables from; they need not feed an entity."""
    found: set[str] = set()

    def look(part: Any) -> None:
        if isinstance(part, dict):
            table = part.get("lookup_table")
            while isinstance(table, dict):
                found.add(str(table.get("source")))
                table = table.get("then")
            part = list(part.values())
        if isinstance(part, list):
            for inner in part:
                look(inner)

    for block in draft.blocks:
        if not block.asked:
            look([line.mapping for line in block.active])
            look(block.further.get("rules", []))
    return found


def _preface(draft: Draft) -> list[str]:
    lines = [
        "# Suggested by `ispmig suggest`. Behind every line stands how sure it is, from 0 to 1, and why.",
        "# Lines that are not sure are comments: look at them, correct them, take the # away.",
        "# Columns that no line maps are kept under `legacy`. Try it: ispmig preview TENANT SPEC",
    ]
    if draft.preset:
        lines.append(f"# With the preset {draft.preset}.")
    if draft.questions:
        lines.append("#")
        lines.append("# To be answered:")
        lines += [f"# - {one_line(question)}" for question in draft.questions]
    return lines


def _about(draft: Draft, name: str) -> list[str]:
    source = next(s for s in draft.sources if s.name == name)
    lines = [f"  # {one_line(note)}" for note in source.notes]
    lines += [f"  # never: {scalar(c)}: {one_line(why)}" for c, why in source.never.items()]
    blocks = [block for block in draft.blocks_of(name) if not block.asked]
    if rest := unmapped(source, blocks) if blocks else []:
        lines.append(f"  # not mapped, kept in legacy: {', '.join(map(scalar, rest))}")
    return lines


def block_rows(block: Block) -> list[_Row]:
    """A block as an element of its entity's list."""
    sign = "# " if block.asked else ""
    rows = []
    if block.asked:
        rows.append(_Row(f"    # {one_line(block.asked)}", block))
    rows.append(_Row(f"    {sign}- from: {scalar(block.source)}", block))
    for key, value in block.further.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows.append(_Row(f"    {sign}  {key}:", block))
            rows += [_Row(f"    {sign}    - {flow(item)}", block) for item in value]
        else:
            rows.append(_Row(f"    {sign}  {key}: {flow(value)}", block))
    rows.append(_Row(f"    {sign}  fields:", block))
    rows += [_Row(f"    {sign}    {line_text(line)}", line) for line in block.lines]
    return rows


def line_text(line: Line) -> str:
    """A field's line, with its confidence and reason."""
    mapping = flow(line.mapping)
    said = f"{line.confidence:.2f}: {one_line(line.reason)}"
    if line.assumed and not line.reason.startswith("assumed"):
        said = f"assumed: {said}"
    sign = "" if line.active else "# "
    return f"{sign}{line.field}: {mapping}{_behind(said)}"


def _behind(comment: str) -> str:
    return f"  # {one_line(comment)}" if comment else ""


def one_line(text: str) -> str:
    """A comment is one line, whatever a name in it holds."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
