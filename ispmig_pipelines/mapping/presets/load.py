"""Presets read from their YAML files, which are part of the package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.mapping.presets.models import PresetDocument, PresetTable
from ispmig_pipelines.mapping.yaml_document import read_yaml
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.nearest import did_you_mean

_SUFFIX = ".yaml"


@dataclass(frozen=True)
class Preset:
    """A preset.

    Attributes:
        document: its content; every scalar is text, as in a spec.
        comments: (table, entity, block's index, field) → what stands behind the field, for the
            spec to repeat.
    """

    document: PresetDocument
    comments: dict[tuple[str, str, int, str], str]

    @property
    def name(self) -> str:
        return self.document.preset

    @property
    def tables(self) -> dict[str, PresetTable]:
        return self.document.tables


@lru_cache(maxsize=1)
def known() -> tuple[str, ...]:
    """Names of all presets, sorted."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in files if f.name.endswith(_SUFFIX)))


@lru_cache(maxsize=32)
def load_preset(name: str) -> Preset:
    """Reads a preset by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in known():
        raise UsageError(
            f"There is no preset {name!r}{did_you_mean(name, known())}. The presets are "
            f"{', '.join(known())}; auto finds out which fits, none uses none."
        )
    text = (resources.files(__package__) / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    return parse_preset(text)


def parse_preset(text: str) -> Preset:
    """Reads a preset's text.

    Raises:
        ValueError: it is no preset; every mistake is named, with its line.
    """
    yaml = read_yaml(text)
    mistakes = [f"line {m.line}: {m.text}" for m in yaml.mistakes]
    if mistakes:
        raise ValueError("; ".join(mistakes))
    try:
        document = PresetDocument.model_validate(yaml.data)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in item["loc"])
            message = item["msg"].removeprefix("Value error, ")
            mistakes.append(f"line {yaml.line(item['loc'])}: {where}: {message}")
        raise ValueError("; ".join(mistakes)) from None
    mistakes += _unknown_names(document)
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return Preset(document, _comments(text))


def _unknown_names(document: PresetDocument) -> list[str]:
    mistakes = []
    for table_name, table in document.tables.items():
        for entity, blocks in table.entities.items():
            if entity not in ENTITIES:
                mistakes.append(f"{table_name}: there is no entity {entity!r}")
                continue
            for block in blocks:
                mistakes += [
                    f"{table_name}: {entity} has no field {field!r}"
                    f"{did_you_mean(field, ENTITIES[entity].fields)}"
                    for field in block.fields
                    if field not in ENTITIES[entity].fields
                ]
                mistakes += [
                    f"{table_name}.{entity}: there is no table {other!r} in the preset"
                    for other in (*block.if_tables, *block.unless_tables)
                    if other not in document.tables
                ]
    return mistakes


def _comments(text: str) -> dict[tuple[str, str, int, str], str]:
    """What stands behind the fields of the blocks, after ``#``."""
    data = YAML(typ="rt").load(text)
    found = {}
    for table_name, table in data["tables"].items():
        for entity, blocks in (table.get("entities") or {}).items():
            for index, block in enumerate(blocks if isinstance(blocks, list) else [blocks]):
                fields = block["fields"]
                for field in fields:
                    if comment := _behind(fields, field):
                        found[table_name, entity, index, str(field)] = comment
    return found


def _behind(fields: object, field: str) -> str:
    if not isinstance(fields, CommentedMap) or field not in fields.ca.items:
        return ""
    token = fields.ca.items[field][2]
    # A token holds the lines below it, too.
    return token.value.split("\n")[0].lstrip("# ").strip() if token is not None else ""
