"""The spec that lies beside an export, by which it can be migrated again, content for content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ispmig_pipelines.defs.tenant_export.request import Request
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.ddl import LEGACY

NAME = "spec.yaml"
FIRST_LINE = "# Migrates this export as it is:  ispmig migrate TENANT spec.yaml"

_NOT_LITERAL = re.compile(r"[*?\[]|\$\{")
"""What a URL in a spec does not stand for itself with."""


def can_come_back(request: Request) -> bool:
    """Whether the files can be migrated as they are: every record has its key, what is required,
    and the currencies of its amounts."""
    for entity, fields in request.fields.items():
        info = ENTITIES[entity]
        currencies = {currency for field, currency in info.money.items() if field in fields}
        if not {*info.required, *currencies} <= set(fields):
            return False
    return request.asked.transform is None


def back_spec(
    request: Request, tenant: str, instant: str, files: Iterable[Mapping[str, Any]], place: str
) -> str:
    """The text of the spec; entities without a file are not in it.

    Args:
        files: as the manifest has them.
        place: folder or URL of the export. Beside files of a folder the spec moves with them; a
            spec that was fetched from S3 finds them where they are.
    """
    before = f"{place}/" if "://" in place and not _NOT_LITERAL.search(place) else ""
    of_entity: dict[str, list[str]] = {}
    for file in files:
        of_entity.setdefault(file["entity"], []).append(before + file["name"])
    lines = [
        FIRST_LINE,
        "version: 1",
        f"name: {_text(f'export of {tenant}')}",
        "defaults: {verbatim: true}",
        # What the tenant holds was judged when it came in; a copy of it is whole.
        'validation: {severity: {"*": warning}}',
        "sources:",
    ]
    for entity, names in of_entity.items():
        lines += [f"  {entity}:", f"    files: {_text(names)}", *_reading(request, entity)]
    lines.append("entities:")
    for entity in of_entity:
        fields = request.fields[entity]
        lines += [f"  {entity}:", f"    from: {entity}"]
        if LEGACY in fields:
            lines.append(f"    legacy: {{json: {LEGACY}}}")
        lines.append("    fields:")
        lines += [f"      {name}: {_field(entity, name)}" for name in fields if name != LEGACY]
    lines[1:1] = [f"# The tenant {tenant} as of {instant}."]
    return "\n".join(lines) + "\n"


def _reading(request: Request, entity: str) -> list[str]:
    format = request.asked.format
    lines = [f"    format: {format}"]
    if format != "xlsx":
        lines.append("    encoding: utf-8")
    if request.neutralises:
        lines.append("    formulas: neutralised")
    match format:
        case "csv":
            lines.append(
                '    csv: {delimiter: ",", quote: "\\"", escape: doubled, header: true, '
                "skip_lines: 0, footer_lines: 0}"
            )
        case "sql":
            dialect = request.asked.dialect
            lines += [f"    table: {entity}", f"    sql: {{dialect: {dialect}, complete: true}}"]
    return lines


def _field(entity: str, name: str) -> str:
    means = ENTITIES[entity].fields[name].positive_is
    return f"{{column: {name}, positive_is: {means}}}" if means else name


def _text(value: object) -> str:
    """JSON, which YAML reads alike."""
    return json.dumps(value, ensure_ascii=False)
