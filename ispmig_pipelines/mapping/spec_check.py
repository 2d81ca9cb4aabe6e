"""Every mistake of a spec, found at once: its shape, its names and its meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from ispmig_pipelines.mapping.block_models import (
    Block,
    LegacyJson,
    Rule,
    SpecDocument,
)
from ispmig_pipelines.mapping.literals import unfit
from ispmig_pipelines.mapping.rule_check import (
    Taking,
    mistakes_of_rules,
    mistakes_of_sharing,
    taking,
)
from ispmig_pipelines.mapping.source_models import Csv, Source, Sql
from ispmig_pipelines.mapping.spec_models import (
    OPTIONS_OF,
    Defaults,
    FieldMapping,
    OtherValue,
    units_of,
)
from ispmig_pipelines.mapping.spec_words import Split
from ispmig_pipelines.mapping.transform.check import mistakes_of_steps, model_within
from ispmig_pipelines.mapping.validation_check import mistakes_of_validation
from ispmig_pipelines.mapping.validation_words import CheckWords, MaxQuarantined, Validation
from ispmig_pipelines.mapping.yaml_document import Mistake, Path, YamlDocument
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.nearest import did_you_mean, nearest


def mistakes_of(yaml: YamlDocument) -> list[Mistake]:
    """The mistakes of a spec, in no order."""
    if not isinstance(yaml.data, dict):
        what = "is empty" if yaml.data is None else "is no mapping of keys to values"
        return [Mistake(1, f"the spec {what}; it begins with version: 1, sources and entities")]
    return [*mistakes_of_shape(yaml, SpecDocument, _keys_at), *_Meaning(yaml).mistakes()]


# --- shape: what Pydantic finds, in words --------------------------------------------------


def mistakes_of_shape(
    yaml: YamlDocument, model: type[BaseModel], keys_at: Callable[[Path], list[str]]
) -> Iterator[Mistake]:
    """What keeps a document from being one of ``model``.

    Args:
        keys_at: the keys that the language knows at a path.
    """
    try:
        model.model_validate(yaml.data)
    except ValidationError as error:
        told: set[Path] = set()
        for item in error.errors(include_url=False):
            path, rest = _walk(yaml.data, item["loc"])
            # A value that fits none of several shapes is one mistake, not one for each; and
            # Pydantic calls a list too short whose items have mistakes of their own.
            if path[-1:] == ("otherwise",) and path in told:
                continue
            if item["type"] == "too_short" and any(t[: len(path)] == path for t in told):
                continue
            told.add(path)
            text = _in_words(item, path, rest, keys_at)
            yield Mistake(yaml.line(path), f"{_subject(path)}{text}")


def _walk(data: Any, loc: tuple[str | int, ...]) -> tuple[Path, tuple[str | int, ...]]:
    """The path in the data that a Pydantic location means, and what of it is not in the data.

    Locations also name branches of unions and the list that a single block was put in.
    """
    path: list[str | int] = []
    rest: list[str | int] = []
    for part in loc:
        in_dict = isinstance(data, dict) and part in data
        if in_dict or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data = data[part]
            path.append(part)
        else:
            rest.append(part)
    return tuple(path), tuple(rest)


def _subject(path: Path) -> str:
    """``customer.status: `` for a field's mapping, else the path with dots."""
    names = [str(p) for p in path if isinstance(p, str)]
    if len(names) >= 2 and names[0] == "entities":
        names = [n for i, n in enumerate(names) if i and not (i == 2 and n == "fields")]
    return ".".join(names) + ": " if names else ""


def _in_words(
    item: Any, path: Path, rest: tuple[str | int, ...], keys_at: Callable[[Path], list[str]]
) -> str:
    match item["type"]:
        case "extra_forbidden":
            known = keys_at(path[:-1])
            return f"there is no such key here{did_you_mean(str(path[-1]), known)}"
        case "missing":
            return f"{rest[-1] if rest else 'a key'!s} is missing"
        case "literal_error":
            return f"must be {item['ctx']['expected']}"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "int_parsing" | "int_type" | "greater_than_equal":
            return "must be a whole number, from 0"
        case "too_short":
            few = path[-1:] in (("columns",), ("coalesce",)) and path[:1] != ("sources",)
            return "must name several; for one write column" if few else "must not be empty"
        case "string_type":
            return "must be one word or text"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a mapping of keys to values"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "string_too_short":
            return "must not be empty"
        case _:
            return str(item["msg"]).removeprefix("Value error, ")


def _keys_at(path: Path) -> list[str]:
    """The keys that the spec knows at ``path``."""
    names = [p for p in path if isinstance(p, str)]
    model: type[BaseModel]
    match names:
        case ["defaults"]:
            model = Defaults
        case ["sources", _]:
            model = Source
        case ["sources", _, "csv"]:
            model = Csv
        case ["sources", _, "sql"]:
            model = Sql
        case ["validation"]:
            model = Validation
        case ["validation", "checks", _]:
            model = CheckWords
        case ["validation", "max_quarantined"]:
            model = MaxQuarantined
        case ["entities", _]:
            model = Block
        case ["entities", _, "rules"]:
            model = Rule
        case ["entities", _, "rules", "map", _]:
            model = FieldMapping
        case ["entities", _, "legacy"]:
            model = LegacyJson
        case ["entities", _, "fields", _]:
            model = FieldMapping
        case ["entities", _, "fields", _, "split"]:
            model = Split
        case ["entities", _, "fields", _, "otherwise"]:
            model = OtherValue
        case ["entities", _, "fields", _, *rest] if found := model_within(rest):
            model = found
        case _:
            model = SpecDocument
    return keys_of(model)


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a part, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


# --- meaning: names and what the model asks -----------------------------------------------


class _Meaning:
    """Walks what is there, so that a mistake in one place does not hide those in another."""

    def __init__(self, yaml: YamlDocument) -> None:
        self._yaml = yaml
        self._found: list[Mistake] = []
        sources = yaml.data.get("sources")
        self._sources = list(sources) if isinstance(sources, dict) else []
        try:
            self._defaults = Defaults.model_validate(yaml.data.get("defaults", {}))
        except ValidationError:
            self._defaults = Defaults()

    def mistakes(self) -> list[Mistake]:
        for at, text in mistakes_of_validation(self._yaml.data):
            self._say(at, text)
        return self._of_blocks()

    def _of_blocks(self) -> list[Mistake]:
        entities = self._yaml.data.get("entities")
        if not isinstance(entities, dict):
            return self._found
        taken: dict[str, list[Taking]] = {}
        for entity, blocks in entities.items():
            path: Path = ("entities", entity)
            if entity not in ENTITIES:
                self._say(path, f"there is no entity {entity!r}{did_you_mean(entity, ENTITIES)}")
            several = isinstance(blocks, list)
            for index, block in enumerate(blocks if several else [blocks]):
                if isinstance(block, dict):
                    here = (*path, index) if several else path
                    if entity in ENTITIES:
                        self._block(ENTITIES[entity], block, here)
                    own = taken.setdefault(str(block.get("from")), [])
                    own.append(taking(entity, block, here))
        # The block that takes the rest of the records may be one that misnames its source.
        whole = not taken.keys() - set(self._sources)
        for source, own in taken.items():
            for at, text in mistakes_of_sharing(source, own, whole=whole):
                self._say(at, text)
        return self._found

    def _say(self, path: Path, text: str) -> None:
        self._found.append(Mistake(self._yaml.line(path), text))

    def _block(self, entity: EntityInfo, block: dict[str, Any], path: Path) -> None:
        source = block.get("from")
        if isinstance(source, str) and source not in self._sources:
            self._say(
                (*path, "from"),
                f"{entity.name}: there is no source {source!r}"
                f"{did_you_mean(source, self._sources)}",
            )
        for at, text in mistakes_of_rules(entity, block, path, self._defaults, self._of_field):
            self._say(at, text)
        fields = block.get("fields")
        if not isinstance(fields, dict):
            return
        mappings: dict[str, FieldMapping] = {}
        for name, raw in fields.items():
            here = (*path, "fields", name)
            if name not in entity.fields:
                self._say(here, self._unknown_field(entity, name))
                continue
            try:
                mappings[name] = FieldMapping.model_validate(raw)
            except ValidationError:
                continue
            for text in self._of_field(entity.fields[name], mappings[name]):
                self._say(here, f"{entity.name}.{name}: {text}")
        self._whole_block(entity, fields, mappings, path)

    def _unknown_field(self, entity: EntityInfo, name: str) -> str:
        for field, info in entity.fields.items():
            if _plain(name) in map(_plain, info.aliases):
                return f"{entity.name} has no field {name!r}; did you mean {field!r}?"
        return f"{entity.name} has no field {name!r}{did_you_mean(name, entity.fields)}"

    def _whole_block(
        self,
        entity: EntityInfo,
        fields: dict[str, Any],
        mappings: dict[str, FieldMapping],
        path: Path,
    ) -> None:
        missing = [key for key in entity.key if key not in fields]
        if missing:
            self._say(
                (*path, "fields"),
                f"{entity.name}: {' and '.join(missing)} must be mapped: "
                f"{'it is' if len(missing) == 1 else 'they are'} the key by which records are told "
                "apart",
            )
        if all(k in mappings and mappings[k].constant is not None for k in entity.key):
            self._say(
                (*path, "fields", entity.key[0]),
                f"{entity.name}.{entity.key[0]}: a constant cannot be the key: all records would "
                "be one",
            )
        for money, currency in entity.money.items():
            if money in fields and currency not in fields:
                self._say(
                    (*path, "fields", money),
                    f"{entity.name}.{money}: {currency} must be mapped beside it, e.g. "
                    f"{currency}: {{constant: USD}}: an amount without its currency cannot be "
                    "reconciled",
                )

    def _of_field(self, info: FieldInfo, mapping: FieldMapping) -> Iterator[str]:
        yield from _misplaced_options(info, mapping)
        yield from mistakes_of_steps(info, mapping, self._sources)
        if info.positive_is and mapping.constant is None and mapping.positive_is is None:
            yield (
                "say positive_is: debt or positive_is: credit: what a positive amount means in "
                "the source"
            )
        if mapping.positive_is and not info.positive_is:
            yield "positive_is is for amounts that may be debt or credit; this one is not"
        if mapping.unit and mapping.unit not in (units := units_of(info)):
            if not units:
                yield "unit is for speeds, shares and amounts of data"
                return
            guess = nearest(mapping.unit, units)
            hint = f"; did you mean {guess!r}?" if guess else ""
            yield f"there is no unit {mapping.unit!r}{hint} Units: {', '.join(units)}"
            return
        if mapping.lookup is not None and mapping.lookup_ignore_case:
            folded: dict[str, str] = {}
            for word in mapping.lookup:
                if folded.setdefault(word.lower(), word) != word:
                    yield f"without regard to case the lookup names {word!r} twice"
        if mapping.true_words or mapping.false_words:
            both = {w.casefold() for w in mapping.true_words or ()} & {
                w.casefold() for w in mapping.false_words or ()
            }
            if both:
                yield f"{sorted(both)[0]!r} stands in both true_words and false_words"
        yield from self._unfit_words(info, mapping)

    def _unfit_words(self, info: FieldInfo, mapping: FieldMapping) -> Iterator[str]:
        said: list[tuple[str, str]] = []
        if mapping.constant is not None:
            said.append(("constant", mapping.constant))
        if mapping.default is not None:
            said.append(("default", mapping.default))
        if isinstance(mapping.otherwise, OtherValue):
            said.append(("otherwise", mapping.otherwise.value))
        for word, value in (mapping.lookup or {}).items():
            if value is not None:
                said.append((f"the lookup of {word!r}", value))
        wrong = dict(unfit([v for _, v in said], mapping, info, self._defaults)) if said else {}
        for where, value in said:
            if value in wrong:
                hint = (
                    did_you_mean(value, info.choices)
                    if info.type is FieldType.CHOICE
                    else f"; it must be {wrong[value]}"
                )
                yield f"{where} says {value!r}, which the field cannot hold{hint}"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _misplaced_options(info: FieldInfo, mapping: FieldMapping) -> Iterator[str]:
    for option, types in OPTIONS_OF.items():
        if option in mapping.model_fields_set and info.type.value not in types:
            yield f"{option} is for fields of type {', '.join(types)}; this is {info.type.value}"
