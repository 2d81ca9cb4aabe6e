"""The JSON Schema of specs, by which editors complete and check them as they are written.

``python -m ispmig_pipelines.mapping.spec_schema > docs/spec.schema.json`` publishes it. It is made
from the spec's models and the entities; what only makes sense together (keys mapped,
currencies beside money) is checked when a spec is loaded.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ispmig_pipelines.issues import every_rule
from ispmig_pipelines.mapping.block_models import SpecDocument
from ispmig_pipelines.mapping.spec_models import OPTIONS_OF, ORIGINS, units_of
from ispmig_pipelines.mapping.validation_words import EVERY
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo


def spec_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12)."""
    schema = _tidy(SpecDocument.model_json_schema(by_alias=True))
    definitions = schema["$defs"]
    block = definitions.pop("Block")
    mapping = definitions.pop("FieldMapping")
    rule = definitions.pop("Rule")
    _name_step(definitions, mapping)
    _name_when(definitions, block, rule)
    for name, entity in ENTITIES.items():
        for info in entity.fields.values():
            definitions.setdefault(_mapping_name(info), _long_form(info, mapping))
        definitions[name] = _block(entity, block)
        definitions[f"rule-of-{name}"] = _rule(entity, rule)
    schema["properties"]["entities"] = {
        "description": "Entity → the block or blocks of records that become it.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            name: {
                "description": entity.doc,
                "anyOf": [
                    {"$ref": f"#/$defs/{name}"},
                    {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{name}"}},
                ],
            }
            for name, entity in ENTITIES.items()
        },
    }
    _name_codes(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Migration spec",
        **schema,
    }


def _name_step(definitions: dict[str, Any], mapping: dict[str, Any]) -> None:
    """Steps, which every mapping may have, one or several, are described once."""
    transform = mapping["properties"]["transform"]
    definitions["Step"] = transform["items"]
    step = {"$ref": "#/$defs/Step"}
    mapping["properties"]["transform"] = {
        "description": transform["description"],
        "anyOf": [step, {"type": "array", "minItems": 1, "items": step}],
    }


def _name_when(definitions: dict[str, Any], *shapes: dict[str, Any], part: str = "when") -> None:
    """Conditions, which blocks, rules and checks may have, are described once."""
    for shape in shapes:
        described = shape["properties"][part]
        definitions["When"] = {k: v for k, v in described.items() if k != "description"}
        shape["properties"][part] = {
            "description": described["description"],
            "$ref": "#/$defs/When",
        }


def _name_codes(definitions: dict[str, Any]) -> None:
    """Editors propose the rules whose severity can be changed, and entities that have checks."""
    for part in ("must", "when"):
        _name_when(definitions, definitions["CheckWords"], part=part)
    validation = definitions["Validation"]["properties"]
    able = [code for code, rule in every_rule().items() if rule.adjustable]
    groups = dict.fromkeys(f"{code.split('.')[0]}.{EVERY}" for code in able)
    severity = validation["severity"]
    severity["propertyNames"] = {"enum": [EVERY, *groups, *able]}
    of_checks = validation["checks"].pop("additionalProperties")
    validation["checks"] |= {
        "additionalProperties": False,
        "properties": {
            name: {"anyOf": [{"$ref": "#/$defs/CheckWords"}, of_checks]} for name in ENTITIES
        },
    }


def _rule(entity: EntityInfo, rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of the entity's blocks."""
    some = {"type": "object", "minProperties": 1, "additionalProperties": False}
    of_set, of_map = (rule["properties"][action] for action in ("set", "map"))
    return rule | {
        "properties": rule["properties"]
        | {
            "set": some
            | {
                "description": of_set["description"],
                "properties": {
                    name: {"description": info.doc, **_value(info)}
                    for name, info in entity.fields.items()
                    if not info.key
                },
            },
            "map": some
            | {
                "description": of_map["description"],
                "properties": {name: _field(info) for name, info in entity.fields.items()},
            },
            "route": rule["properties"]["route"]
            | {"enum": [e for e in ENTITIES if e != entity.name]},
        }
    }


def _value(info: FieldInfo) -> dict[str, Any]:
    """A value of a field, in the platform's own terms."""
    if info.choices:
        return {"enum": [*info.choices, None]}
    return {"type": ["string", "number", "boolean", "null"]}


def _tidy(part: Any) -> Any:
    """Without the titles and empty defaults that Pydantic adds to every part."""
    if isinstance(part, list):
        return [_tidy(item) for item in part]
    if not isinstance(part, dict):
        return part
    tidy = {k: _tidy(v) for k, v in part.items() if not (k == "default" and v is None)}
    if isinstance(tidy.get("title"), str):
        del tidy["title"]
    # An option that may be left out need not be null.
    shapes = tidy.get("anyOf", [])
    if {"type": "null"} in shapes and part.get("default", "") is None:
        shapes = tidy["anyOf"] = [s for s in shapes if s != {"type": "null"}]
    if len(shapes) == 1:
        del tidy["anyOf"]
        tidy = shapes[0] | tidy
    return tidy


def _block(entity: EntityInfo, block: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "description": block["properties"]["fields"]["description"],
        "type": "object",
        "additionalProperties": False,
        "required": list(entity.key),
        "properties": {name: _field(info) for name, info in entity.fields.items()},
    }
    return block | {
        "description": entity.doc,
        "properties": block["properties"]
        | {
            "fields": fields,
            "rules": block["properties"]["rules"]
            | {"items": {"$ref": f"#/$defs/rule-of-{entity.name}"}},
        },
    }


def _field(info: FieldInfo) -> dict[str, Any]:
    described = info.doc + (f" One of {', '.join(info.choices)}." if info.choices else "")
    long_form: dict[str, Any] = {"$ref": f"#/$defs/{_mapping_name(info)}"}
    if info.choices:
        long_form["properties"] = {"constant": {"enum": list(info.choices)}}
    if info.positive_is:
        return {"description": described, **long_form}
    return {"description": described, "anyOf": [{"type": "string", "minLength": 1}, long_form]}


def _mapping_name(info: FieldInfo) -> str:
    words = [info.type.value, "in", info.unit] if units_of(info) and info.unit else [info.type]
    signed = ["signed"] if info.positive_is else []
    return "-".join(["mapping", *signed, *words]).replace(" ", "-").replace("/", "-per-")


def _long_form(info: FieldInfo, mapping: dict[str, Any]) -> dict[str, Any]:
    """The options that a mapping to a field of this kind may have."""
    properties = {
        option: shape
        for option, shape in mapping["properties"].items()
        if (option not in OPTIONS_OF or info.type.value in OPTIONS_OF[option])
        and (option != "unit" or units_of(info))
        and (option != "positive_is" or info.positive_is)
    }
    if "unit" in properties:
        properties["unit"] = properties["unit"] | {"enum": list(units_of(info))}
    form = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "oneOf": [{"required": [origin]} for origin in ORIGINS],
    }
    if info.positive_is:
        form["anyOf"] = [{"required": ["positive_is"]}, {"required": ["constant"]}]
    return form


def spec_schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(spec_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(spec_schema_text())
